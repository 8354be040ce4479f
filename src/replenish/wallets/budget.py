"""Budgets: how much of a wallet usage may take in a window of time, as a whole or by a label of the event. Pure.

What was counted is kept in counters, a row a budget, label and window; usage and holds name the counters that they count
in, so that a reversal, a release or a capture gives back exactly there, whatever was changed meanwhile.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, Literal

import msgspec

from replenish.core import ids
from replenish.core.errors import Conflict
from replenish.core.ids import BudgetCounterId, BudgetId, CustomerId, MeterId, WalletId, WorkspaceId
from replenish.core.metadata import Metadata, MetadataValue, as_text
from replenish.core.money import NO_CREDITS, Credits
from replenish.core.times import written
from replenish.core.windows import window
from replenish.wallets.model import Hold

WindowKind = Literal["day", "week", "month", "none"]
# A longer value of a label is known by its hash.
_LABEL_LONGEST: Final = 255
# Each debit of the wallet is held against all of them.
BUDGETS_MAX: Final = 100


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """What usage of a wallet may take in each window, reserved by open holds included.

    It looks at events whose property `label_property` is `label`; without a value at each value by itself, without a
    property at all events; with a meter only at those of the meter. A soft one (not `hard`) refuses nothing. It has counted
    since the wallet's statement line `counts_from`.
    """

    customer_id: CustomerId
    id: BudgetId
    workspace_id: WorkspaceId
    wallet_id: WalletId
    name: str
    label_property: str | None
    label: str | None
    meter_id: MeterId | None
    window_kind: WindowKind
    credit_limit: Credits
    hard: bool
    alert_percent: int | None
    active: bool
    counts_from: int
    metadata: Metadata
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None = None


class Counter(msgspec.Struct, kw_only=True):
    """What one window of a budget has taken of its limit, for one label ("" for all events together).

    `alerted_at` and `exceeded_at`: when it was told that the alert, the whole limit was reached; once a window.
    """

    customer_id: CustomerId
    id: BudgetCounterId
    workspace_id: WorkspaceId
    budget_id: BudgetId
    label: str
    window_start: datetime
    window_end: datetime | None
    spent: Credits
    held: Credits
    alerted_at: datetime | None = None
    exceeded_at: datetime | None = None

    @property
    def used(self) -> Credits:
        return self.spent + self.held


class Use(msgspec.Struct, frozen=True):
    """What a debit or hold is for, as far as budgets look at it."""

    meter_id: MeterId | None
    properties: Metadata | None = None


Places = Sequence[tuple[Budget, Counter]]


class Moved(msgspec.Struct):
    """What is to be added to a stored counter."""

    spent: Credits = NO_CREDITS
    held: Credits = NO_CREDITS


class Told(msgspec.Struct, frozen=True):
    """Something to tell of a budget: its alert was reached, or its limit was reached or refused something.

    `counter` as it stood then.
    """

    what: Literal["alert_reached", "exceeded"]
    budget: Budget
    counter: Counter


class BudgetExceeded(Conflict):
    """A budget has no room for it. Takes nothing. A conflict and not a missing payment: topping up would not help."""

    code = "budget_exceeded"

    def __init__(self, budget: Budget, counter: Counter, *, required: Credits) -> None:
        name = budget.name or ids.BUDGET.text(budget.id)
        label = f" for {budget.label_property} {counter.label!r}" if budget.label_property is not None else ""
        until = "" if counter.window_end is None else f" until {written(counter.window_end)}"
        super().__init__(
            f"The budget {name!r} allows {budget.credit_limit} credits{label}{until}; {counter.used} are spent or held and"
            f" {required} are required.",
            numbers={
                "budget_id": ids.BUDGET.text(budget.id),
                "required": str(required),
                "limit": str(budget.credit_limit),
                "spent": str(counter.spent),
                "held": str(counter.held),
                "window_ends_at": None if counter.window_end is None else written(counter.window_end),
            },
        )
        self.budget = budget
        self.counter = counter
        self.required = required


def label_of(budget: Budget, use: Use) -> str | None:
    """Under which label a budget counts this use; None when it does not look at it."""
    if budget.meter_id is not None and budget.meter_id != use.meter_id:
        return None
    if budget.label_property is None:
        return ""
    label = _counted_as((use.properties or {}).get(budget.label_property))
    return None if budget.label is not None and label != budget.label else label


def _counted_as(value: MetadataValue) -> str | None:
    text = as_text(value)
    return (
        text if text is None or len(text) <= _LABEL_LONGEST else f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    )


def window_of(budget: Budget, now: datetime, *, zone: str) -> tuple[datetime, datetime | None]:
    """The budget's window at an instant; one without windows counts from its beginning, without end."""
    return (budget.created_at, None) if budget.window_kind == "none" else window(budget.window_kind, now, zone=zone)


class Budgets:
    """A locked wallet's active budgets with what they have counted; saved with its book."""

    def __init__(self, active: Iterable[Budget] = (), *, zone: str = "UTC") -> None:
        self.active: list[Budget] = sorted(active, key=lambda budget: budget.id)
        self.zone = zone
        self.counters: dict[BudgetCounterId, Counter] = {}
        self.new: dict[BudgetCounterId, Counter] = {}
        self.moved: dict[BudgetCounterId, Moved] = {}
        self.told: list[Told] = []
        self._current: dict[tuple[BudgetId, str, datetime], Counter] = {}

    def load(self, counter: Counter) -> None:
        """A stored counter, with what this book has moved since it was opened."""
        if counter.id in self.counters:
            return
        moved = self.moved.get(counter.id)
        if moved is not None:
            counter.spent += moved.spent
            counter.held += moved.held
        self._know(counter)

    def of(self, use: Use, *, now: datetime) -> Places:
        """The budgets that look at this use, with their counters; one that has counted nothing yet starts at zero.

        The stored counters must be loaded.
        """
        found: list[tuple[Budget, Counter]] = []
        for budget in self.active:
            label = label_of(budget, use)
            if label is None:
                continue
            start, end = window_of(budget, now, zone=self.zone)
            counter = self._current.get((budget.id, label, start))
            if counter is not None:
                # Another time zone's window may begin with this one and end an hour later.
                counter.window_end = end
            counter = counter or Counter(
                customer_id=budget.customer_id,
                id=ids.BUDGET_COUNTER.new(),
                workspace_id=budget.workspace_id,
                budget_id=budget.id,
                label=label,
                window_start=start,
                window_end=end,
                spent=NO_CREDITS,
                held=NO_CREDITS,
            )
            found.append((budget, counter))
        return found

    def admit(self, use: Use, amount: Credits, *, now: datetime, hold: Hold | None = None) -> Places:
        """Where this amount will count, of a debit or a new hold; `hold` is the one that it is captured from.

        Up to what the hold keeps, a budget that looks at the hold refuses no capture: the work is done, and its window or
        limit may have changed since, or it was made after the hold. Changes nothing. Raises BudgetExceeded.
        """
        if not amount:
            return []
        found = self.of(use, now=now)
        kept = set(hold.counter_ids) if hold is not None else set[BudgetCounterId]()
        begun = None if hold is None else Use(hold.meter_id, hold.properties)
        for budget, counter in found:
            room = budget.credit_limit - counter.used
            if hold is not None and begun is not None:
                if counter.label == label_of(budget, begun) and amount <= hold.amount:
                    continue
                room += hold.amount if counter.id in kept else NO_CREDITS
            if budget.hard and amount > room:
                raise BudgetExceeded(budget, counter, required=amount)
        return found

    def admit_more(self, hold: Hold, amount: Credits) -> None:
        """As `admit`, for an open hold that reserves more: where it counts already. Raises BudgetExceeded."""
        for budget, counter in self._places_of(hold):
            if budget.hard and counter.used + amount > budget.credit_limit:
                raise BudgetExceeded(budget, counter, required=amount)

    def spend(self, places: Places, amount: Credits, *, now: datetime) -> tuple[BudgetCounterId, ...]:
        """Count what usage took. Returns where, to be kept with the event."""
        return self._count(places, now=now, spent=amount)

    def reserve(self, places: Places, amount: Credits, *, now: datetime) -> tuple[BudgetCounterId, ...]:
        """Count what a hold keeps. Returns where, to be kept with the hold."""
        return self._count(places, now=now, held=amount)

    def reserve_more(self, hold: Hold, amount: Credits, *, now: datetime) -> None:
        """Count what an open hold keeps besides in each of its counters, so that its end gives all of it back there."""
        for known in hold.counter_ids:
            self._move(known, held=amount)
        for budget, counter in self._places_of(hold):
            self._notice(budget, counter, now=now)

    def release(self, hold: Hold) -> None:
        """A hold has ended; what it kept is free again."""
        for known in hold.counter_ids:
            self._move(known, held=-hold.amount)

    def give_back(self, counter_ids: Iterable[BudgetCounterId], amount: Credits) -> None:
        """A usage event was reversed; its windows get back what it took."""
        for known in counter_ids:
            self._move(known, spent=-amount)

    def note_refusal(self, refusal: BudgetExceeded, *, now: datetime) -> None:
        """Have it told that a budget refused, once a window."""
        self._tell_exceeded(refusal.budget, refusal.counter, now=now)

    def _places_of(self, hold: Hold) -> Places:
        budgets = {budget.id: budget for budget in self.active}
        counters = [self.counters[known] for known in hold.counter_ids]
        return [(budgets[each.budget_id], each) for each in counters if each.budget_id in budgets]

    def _count(
        self, places: Places, *, now: datetime, spent: Credits = NO_CREDITS, held: Credits = NO_CREDITS
    ) -> tuple[BudgetCounterId, ...]:
        for budget, counter in places:
            self._make(counter)
            self._move(counter.id, spent=spent, held=held)
            self._notice(budget, counter, now=now)
        return tuple(counter.id for _, counter in places)

    def _notice(self, budget: Budget, counter: Counter, *, now: datetime) -> None:
        if budget.alert_percent is not None and counter.alerted_at is None:
            line = budget.credit_limit.times(budget.alert_percent)
            if counter.used.times(100) >= line:
                counter.alerted_at = now
                self.told.append(Told("alert_reached", budget, msgspec.structs.replace(counter)))
        if counter.used >= budget.credit_limit:
            self._tell_exceeded(budget, counter, now=now)

    def _tell_exceeded(self, budget: Budget, counter: Counter, *, now: datetime) -> None:
        if counter.exceeded_at is None:
            self._make(counter)
            self._move(counter.id)
            counter.exceeded_at = now
            self.told.append(Told("exceeded", budget, msgspec.structs.replace(counter)))

    def _make(self, counter: Counter) -> None:
        """A window's first count makes its counter."""
        if counter.id not in self.counters:
            self._know(counter)
            self.new[counter.id] = counter

    def _know(self, counter: Counter) -> None:
        self.counters[counter.id] = counter
        self._current[counter.budget_id, counter.label, counter.window_start] = counter

    def _move(self, known: BudgetCounterId, *, spent: Credits = NO_CREDITS, held: Credits = NO_CREDITS) -> None:
        counter = self.counters.get(known)
        if counter is not None:
            counter.spent += spent
            counter.held += held
        # What an ended hold or a reversed event gives back needs no look at its counter: it is added there when saved.
        if known not in self.new:
            moved = self.moved.setdefault(known, Moved())
            moved.spent += spent
            moved.held += held
