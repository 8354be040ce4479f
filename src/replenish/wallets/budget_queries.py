"""Reading budgets, and what their windows have left. Exact at any instant, as balances are (law 2)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from replenish.core.db import Reads
from replenish.core.errors import NotFound
from replenish.core.ids import BudgetCounterId, BudgetId, CurrencyId, CustomerId, WorkspaceId
from replenish.core.money import NO_CREDITS, Credits
from replenish.wallets.book import Book
from replenish.wallets.budget import Budget, Counter, Use, label_of, window_of
from replenish.wallets.store import budgets as store


async def load_counters(db: Reads, *, uses: Iterable[tuple[Book, Use]]) -> None:
    """Bring the counters of these uses into their books. One statement, or none."""
    wanted: dict[tuple[CustomerId, BudgetId, str, datetime], Book] = {}
    for book, use in uses:
        for budget in book.budgets.active:
            label = label_of(budget, use)
            if label is not None:
                start, _ = window_of(budget, book.now, zone=book.budgets.zone)
                wanted[budget.customer_id, budget.id, label, start] = book
    if not wanted:
        return
    for counter in await store.counters_at(db, wanted):
        book = wanted[counter.customer_id, counter.budget_id, counter.label, counter.window_start]
        book.budgets.load(counter)


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What one window of a budget has taken, now. `label`: of which value; "" for all events together."""

    label: str
    window_start: datetime
    window_end: datetime | None
    spent: Credits
    held: Credits

    @property
    def used(self) -> Credits:
        return self.spent + self.held


class BudgetNow(msgspec.Struct, frozen=True, kw_only=True):
    """A budget and its window at the wallet's now. `standing` None: each value of the property has one of its own."""

    budget: Budget
    currency_id: CurrencyId
    window_start: datetime
    window_end: datetime | None
    standing: Standing | None


async def budget(db: Reads, *, workspace_id: WorkspaceId, budget_id: BudgetId) -> Budget:
    """Raises NotFound, also for one that was deleted."""
    found = await store.budget(db, workspace_id=workspace_id, budget_id=budget_id)
    if found is None or found.archived_at is not None:
        raise NotFound("budget")
    return found


async def budgets(
    db: Reads,
    *,
    workspace_id: WorkspaceId,
    customer_id: CustomerId | None = None,
    currency_id: CurrencyId | None = None,
    before: BudgetId | None = None,
    limit: int = 20,
) -> list[Budget]:
    """Budgets of a workspace, a customer, a credit currency; newest first, without the deleted ones."""
    return await store.budgets(
        db,
        workspace_id=workspace_id,
        customer_id=customer_id,
        currency_id=currency_id,
        before=before,
        limit=limit,
    )


async def now_of(db: Reads, *, found: Sequence[Budget]) -> list[BudgetNow]:
    """Where budgets stand, with a constant number of statements. Holds that have ended by now keep nothing."""
    if not found:
        return []
    places = {place.wallet_id: place for place in await store.places(db, found)}
    windows = [window_of(each, places[each.wallet_id].now, zone=places[each.wallet_id].time_zone) for each in found]
    wanted = [
        (each.customer_id, each.id, each.label or "", start)
        for each, (start, _) in zip(found, windows, strict=True)
        if not _by_value(each)
    ]
    counters = {counter.budget_id: counter for counter in await store.counters_at(db, wanted)}
    over = await store.held_past_its_end(
        db, [(place.customer_id, place.wallet_id, place.now) for place in places.values()]
    )
    return [
        BudgetNow(
            budget=each,
            currency_id=places[each.wallet_id].currency_id,
            window_start=start,
            window_end=end,
            standing=None if _by_value(each) else _standing(each, counters.get(each.id), over, start=start, end=end),
        )
        for each, (start, end) in zip(found, windows, strict=True)
    ]


def _by_value(budget: Budget) -> bool:
    return budget.label_property is not None and budget.label is None


def _standing(
    budget: Budget,
    counter: Counter | None,
    over: Mapping[BudgetCounterId, Credits],
    *,
    start: datetime,
    end: datetime | None,
) -> Standing:
    if counter is None:
        label = budget.label or ""
        return Standing(label=label, window_start=start, window_end=end, spent=NO_CREDITS, held=NO_CREDITS)
    return Standing(
        label=counter.label,
        window_start=start,
        window_end=end,
        spent=counter.spent,
        held=counter.held - over.get(counter.id, NO_CREDITS),
    )


async def labels(
    db: Reads, *, found: Budget, before: BudgetCounterId | None = None, limit: int = 20
) -> list[tuple[BudgetCounterId, Standing]]:
    """What each value has taken in the window of now, the value last met first."""
    (at,) = await now_of(db, found=[found])
    rows = await store.counters_of(db, found, window_start=at.window_start, before=before, limit=limit)
    (place,) = await store.places(db, [found])
    over = await store.held_past_its_end(db, [(place.customer_id, place.wallet_id, place.now)])
    return [(row.id, _standing(found, row, over, start=at.window_start, end=at.window_end)) for row in rows]
