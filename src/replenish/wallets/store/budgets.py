"""The SQL of budgets and their counters."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

import msgspec

from replenish.core.db import Reads
from replenish.core.ids import BudgetCounterId, BudgetId, CurrencyId, CustomerId, WalletId, WorkspaceId
from replenish.core.money import Credits
from replenish.core.rows import row_to, rows_to, value
from replenish.core.transaction import Tx
from replenish.wallets.budget import Budget, Budgets, Counter
from replenish.wallets.model import Wallet


async def active(db: Reads, wallets: Iterable[Wallet]) -> dict[WalletId, Budgets]:
    """By wallet, with the time zone of its workspace."""
    listed = list(wallets)
    rows = await db.fetch(
        "select budgets.*, workspaces.time_zone from unnest($1::uuid[], $2::uuid[]) as w (customer_id, wallet_id)"
        " join budgets using (customer_id, wallet_id) join workspaces on workspaces.id = budgets.workspace_id"
        " where budgets.active",
        [wallet.customer_id for wallet in listed],
        [wallet.id for wallet in listed],
    )
    found: dict[WalletId, list[Budget]] = {}
    zones: dict[WalletId, str] = {}
    for row in rows:
        budget = row_to(Budget, row)
        found.setdefault(budget.wallet_id, []).append(budget)
        zones[budget.wallet_id] = value(row, "time_zone", str)
    return {wallet_id: Budgets(each, zone=zones[wallet_id]) for wallet_id, each in found.items()}


async def counters_at(db: Reads, wanted: Iterable[tuple[CustomerId, BudgetId, str, datetime]]) -> list[Counter]:
    """By budget, label and start of the window; those that have counted something."""
    listed = list(wanted)
    rows = await db.fetch(
        "select budget_counters.* from unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[])"
        " as w (customer_id, budget_id, label, window_start)"
        " join budget_counters using (customer_id, budget_id, label, window_start)",
        [customer_id for customer_id, _, _, _ in listed],
        [budget_id for _, budget_id, _, _ in listed],
        [label for _, _, label, _ in listed],
        [start for _, _, _, start in listed],
    )
    return rows_to(Counter, rows)


async def counters_by_id(
    db: Reads, *, customer_id: CustomerId, counter_ids: Sequence[BudgetCounterId]
) -> list[Counter]:
    rows = await db.fetch(
        "select * from budget_counters where customer_id = $1 and id = any($2::uuid[])", customer_id, list(counter_ids)
    )
    return rows_to(Counter, rows)


async def insert_counters(tx: Tx, counters: Sequence[Counter]) -> None:
    await tx.copy(
        "budget_counters",
        Counter.__struct_fields__,
        [
            (
                counter.customer_id,
                counter.id,
                counter.workspace_id,
                counter.budget_id,
                counter.label,
                counter.window_start,
                counter.window_end,
                counter.spent.value,
                counter.held.value,
                counter.alerted_at,
                counter.exceeded_at,
            )
            for counter in counters
        ],
    )


_MOVE: Final = """
update budget_counters c set spent = c.spent + u.spent, held = c.held + u.held,
    alerted_at = coalesce(c.alerted_at, u.alerted_at), exceeded_at = coalesce(c.exceeded_at, u.exceeded_at),
    window_end = coalesce(u.window_end, c.window_end)
from unnest($1::uuid[], $2::uuid[], $3::numeric[], $4::numeric[], $5::timestamptz[], $6::timestamptz[], $7::timestamptz[])
    as u (customer_id, id, spent, held, alerted_at, exceeded_at, window_end)
where c.customer_id = u.customer_id and c.id = u.id
"""


async def move_counters(tx: Tx, moved: Sequence[tuple[CustomerId, BudgetCounterId, Budgets]]) -> int:
    """Add to stored counters what these budgets have moved; under their wallets' locks."""
    counters = [budgets.counters.get(known) for _, known, budgets in moved]
    return await tx.execute(
        _MOVE,
        [customer_id for customer_id, _, _ in moved],
        [known for _, known, _ in moved],
        [budgets.moved[known].spent.value for _, known, budgets in moved],
        [budgets.moved[known].held.value for _, known, budgets in moved],
        [None if counter is None else counter.alerted_at for counter in counters],
        [None if counter is None else counter.exceeded_at for counter in counters],
        [None if counter is None else counter.window_end for counter in counters],
    )


async def budget(db: Reads, *, workspace_id: WorkspaceId, budget_id: BudgetId) -> Budget | None:
    row = await db.fetchrow("select * from budgets where workspace_id = $1 and id = $2", workspace_id, budget_id)
    return None if row is None else row_to(Budget, row)


async def budgets(
    db: Reads,
    *,
    workspace_id: WorkspaceId,
    customer_id: CustomerId | None,
    currency_id: CurrencyId | None,
    before: BudgetId | None,
    limit: int,
) -> list[Budget]:
    rows = await db.fetch(
        "select budgets.* from budgets"
        " join wallets on wallets.customer_id = budgets.customer_id and wallets.id = budgets.wallet_id"
        " where budgets.workspace_id = $1 and ($2::uuid is null or budgets.customer_id = $2)"
        " and ($3::uuid is null or wallets.currency_id = $3) and budgets.archived_at is null"
        " and ($4::uuid is null or budgets.id < $4) order by budgets.id desc limit $5",
        workspace_id,
        customer_id,
        currency_id,
        before,
        limit,
    )
    return rows_to(Budget, rows)


class Place(msgspec.Struct, frozen=True):
    """A budget's wallet, its now and time zone."""

    customer_id: CustomerId
    wallet_id: WalletId
    currency_id: CurrencyId
    time_zone: str
    now: datetime


async def places(db: Reads, found: Iterable[Budget]) -> list[Place]:
    refs = {(budget.customer_id, budget.wallet_id) for budget in found}
    rows = await db.fetch(
        "select w.customer_id, w.id as wallet_id, w.currency_id, s.time_zone,"
        " greatest(w.now_at, coalesce(s.test_clock, clock_timestamp())) as now"
        " from unnest($1::uuid[], $2::uuid[]) as u (customer_id, id) join wallets w using (customer_id, id)"
        " join workspaces s on s.id = w.workspace_id",
        [customer_id for customer_id, _ in refs],
        [wallet_id for _, wallet_id in refs],
    )
    return rows_to(Place, rows)


async def held_past_its_end(
    db: Reads, wanted: Iterable[tuple[CustomerId, WalletId, datetime]]
) -> dict[BudgetCounterId, Credits]:
    """What counters still say is held by holds whose end, at each wallet's now, has passed and is not booked yet."""
    listed = list(wanted)
    rows = await db.fetch(
        "select c.id, sum(h.amount) as amount from unnest($1::uuid[], $2::uuid[], $3::timestamptz[])"
        " as w (customer_id, wallet_id, now) join holds h using (customer_id, wallet_id)"
        " cross join lateral unnest(h.counter_ids) as c (id)"
        " where h.ended_at is null and h.expires_at <= w.now group by c.id",
        [customer_id for customer_id, _, _ in listed],
        [wallet_id for _, wallet_id, _ in listed],
        [now for _, _, now in listed],
    )
    return {BudgetCounterId(value(row, "id", UUID)): Credits(value(row, "amount", Decimal)) for row in rows}


async def counters_of(
    db: Reads, budget: Budget, *, window_start: datetime, before: BudgetCounterId | None, limit: int
) -> list[Counter]:
    rows = await db.fetch(
        "select * from budget_counters where customer_id = $1 and budget_id = $2 and window_start = $3"
        " and ($4::uuid is null or id < $4) order by id desc limit $5",
        budget.customer_id,
        budget.id,
        window_start,
        before,
        limit,
    )
    return rows_to(Counter, rows)


async def insert_budget(tx: Tx, budget: Budget) -> None:
    await tx.execute(
        "insert into budgets (customer_id, id, workspace_id, wallet_id, name, label_property, label, meter_id,"
        " window_kind, credit_limit, hard, alert_percent, active, counts_from, metadata, created_at, updated_at)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
        budget.customer_id,
        budget.id,
        budget.workspace_id,
        budget.wallet_id,
        budget.name,
        budget.label_property,
        budget.label,
        budget.meter_id,
        budget.window_kind,
        budget.credit_limit.value,
        budget.hard,
        budget.alert_percent,
        budget.active,
        budget.counts_from,
        budget.metadata,
        budget.created_at,
        budget.updated_at,
    )


async def update_budget(tx: Tx, budget: Budget) -> int:
    return await tx.execute(
        "update budgets set name = $3, credit_limit = $4, hard = $5, alert_percent = $6, active = $7, counts_from = $8,"
        " metadata = $9, updated_at = $10, archived_at = $11 where customer_id = $1 and id = $2",
        budget.customer_id,
        budget.id,
        budget.name,
        budget.credit_limit.value,
        budget.hard,
        budget.alert_percent,
        budget.active,
        budget.counts_from,
        budget.metadata,
        budget.updated_at,
        budget.archived_at,
    )


async def tell_again(tx: Tx, budget: Budget, *, now: datetime) -> int:
    """Windows that are below a changed alert or limit again will have it told anew."""
    return await tx.execute(
        "update budget_counters set"
        " exceeded_at = case when spent + held < $3 then null else exceeded_at end,"
        " alerted_at = case when (spent + held) * 100 < $3 * coalesce($4::int, 100) then null else alerted_at end"
        " where customer_id = $1 and budget_id = $2 and (window_end is null or window_end > $5)",
        budget.customer_id,
        budget.id,
        budget.credit_limit.value,
        budget.alert_percent,
        now,
    )


async def set_budgeted(tx: Tx, wallet: Wallet) -> int:
    return await tx.execute(
        "update wallets set budgeted = exists (select from budgets b where b.customer_id = wallets.customer_id"
        " and b.wallet_id = wallets.id and b.active) where customer_id = $1 and id = $2",
        wallet.customer_id,
        wallet.id,
    )


async def count_active(tx: Tx, wallet: Wallet) -> int:
    found = await tx.fetchval(
        "select count(*) from budgets where customer_id = $1 and wallet_id = $2 and active",
        wallet.customer_id,
        wallet.id,
    )
    return found if isinstance(found, int) else 0
