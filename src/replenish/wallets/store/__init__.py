"""The vault's SQL. A constant number of statements, whatever the number of wallets."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from asyncpg import Record

from replenish.core import ids
from replenish.core.db import Reads
from replenish.core.ids import CustomerId, LotId, WorkspaceId
from replenish.core.rows import row_to, rows_to, value
from replenish.core.transaction import Tx
from replenish.wallets.model import Adjustment, Lot, OwedItem, Wallet, WalletRef

# The clock is read after the locks are held (the CTE is materialised first), so that a wallet that waited does not
# live in the past; greatest() keeps its now from going back when a clock does.
_LOCK: Final = """
with wanted as (
    select * from unnest($1::uuid[], $2::uuid[]) as w (customer_id, currency_id)
), locked as materialized (
    select wallets.* from wallets
    join wanted using (customer_id, currency_id)
    order by wallets.customer_id, wallets.currency_id
    for no key update of wallets
)
select locked.*,
       greatest(locked.now_at, coalesce(workspaces.test_clock, clock_timestamp())) as book_now,
       greatest(locked.recorded_at, clock_timestamp()) as book_recorded_at
from locked join workspaces on workspaces.id = locked.workspace_id
order by locked.customer_id, locked.currency_id
"""

_CREATE: Final = """
insert into wallets (customer_id, id, workspace_id, currency_id, now_at, recorded_at, customer_frozen_at)
select w.customer_id, w.id, w.workspace_id, w.currency_id,
       coalesce(workspaces.test_clock, clock_timestamp()), clock_timestamp(), customers.frozen_at
from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[]) as w (customer_id, id, workspace_id, currency_id)
join workspaces on workspaces.id = w.workspace_id
join customers on customers.id = w.customer_id and customers.workspace_id = w.workspace_id
join payment_currencies on payment_currencies.id = w.currency_id
    and payment_currencies.workspace_id = w.workspace_id and payment_currencies.type = 'credit'
order by w.customer_id, w.currency_id
-- A wallet made while its customer is being frozen waits for that, and is made frozen.
for share of customers
on conflict (customer_id, currency_id) do nothing
"""


async def lock(tx: Tx, refs: Iterable[WalletRef]) -> list[tuple[Wallet, datetime, datetime]]:
    """Lock these wallets in sorted order: (wallet, its now, its real time)."""
    listed = list(refs)
    rows = await tx.fetch(_LOCK, [ref.customer_id for ref in listed], [ref.currency_id for ref in listed])
    return [
        (row_to(Wallet, row), value(row, "book_now", datetime), value(row, "book_recorded_at", datetime))
        for row in rows
    ]


async def create(tx: Tx, refs: Sequence[WalletRef]) -> None:
    """Make wallets that are not there; a reference across workspaces or to money makes none."""
    await tx.execute(
        _CREATE,
        [ref.customer_id for ref in refs],
        [ids.WALLET.new() for _ in refs],
        [ref.workspace_id for ref in refs],
        [ref.currency_id for ref in refs],
    )


_UNMADE: Final = """
select c.id as customer_id, gen_random_uuid() as id, w.id as workspace_id, $3::uuid as currency_id,
       coalesce(w.test_clock, clock_timestamp()) as now_at, clock_timestamp() as recorded_at, 0::bigint as line,
       n.zero as issued, n.zero as available, n.zero as held, n.zero as owed, n.zero as spent, n.zero as expired,
       n.zero as revoked, n.zero as carry, null as good_until, null as frozen_at, c.frozen_at as customer_frozen_at,
       null as act_below, null as look_again_at, clock_timestamp() as created_at
from customers c join workspaces w on w.id = c.workspace_id cross join (select 0::numeric as zero) n
where c.workspace_id = $1 and c.id = $2
"""


async def unmade(db: Reads, ref: WalletRef) -> Wallet | None:
    """The wallet that `create` would make, not stored; None when its customer is none of this workspace."""
    row = await db.fetchrow(_UNMADE, ref.workspace_id, ref.customer_id, ref.currency_id)
    return None if row is None else row_to(Wallet, row)


async def open_lots(db: Reads, wallets: Iterable[Wallet]) -> list[Lot]:
    listed = list(wallets)
    rows = await db.fetch(
        "select lots.* from unnest($1::uuid[], $2::uuid[]) as w (customer_id, wallet_id)"
        " join lots using (customer_id, wallet_id) where lots.closed_at is null",
        [wallet.customer_id for wallet in listed],
        [wallet.id for wallet in listed],
    )
    return [_lot(row) for row in rows]


async def lots_by_id(db: Reads, *, customer_id: CustomerId, lot_ids: Sequence[LotId]) -> list[Lot]:
    rows = await db.fetch(
        "select * from lots where customer_id = $1 and id = any($2::uuid[])", customer_id, list(lot_ids)
    )
    return [_lot(row) for row in rows]


async def open_owed_items(db: Reads, wallets: Iterable[Wallet]) -> list[OwedItem]:
    listed = list(wallets)
    rows = await db.fetch(
        "select owed_items.* from unnest($1::uuid[], $2::uuid[]) as w (customer_id, wallet_id)"
        " join owed_items using (customer_id, wallet_id) where owed_items.closed_at is null",
        [wallet.customer_id for wallet in listed],
        [wallet.id for wallet in listed],
    )
    return rows_to(OwedItem, rows)


def _lot(row: Record) -> Lot:
    lot = row_to(Lot, row)
    lot.scope = tuple(lot.scope)
    return lot


_UPDATE_WALLETS: Final = """
update wallets set now_at = u.now_at, recorded_at = u.recorded_at, line = u.line,
    issued = u.issued, available = u.available, held = u.held, owed = u.owed,
    spent = u.spent, expired = u.expired, revoked = u.revoked, carry = u.carry, good_until = u.good_until,
    scoped = u.scoped
from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::timestamptz[], $5::bigint[], $6::numeric[], $7::numeric[],
            $8::numeric[], $9::numeric[], $10::numeric[], $11::numeric[], $12::numeric[], $13::numeric[],
            $14::timestamptz[], $15::boolean[])
    as u (customer_id, id, now_at, recorded_at, line, issued, available, held, owed, spent, expired, revoked, carry,
          good_until, scoped)
where wallets.customer_id = u.customer_id and wallets.id = u.id
"""


async def update_wallets(tx: Tx, wallets: Sequence[Wallet]) -> int:
    return await tx.execute(
        _UPDATE_WALLETS,
        [wallet.customer_id for wallet in wallets],
        [wallet.id for wallet in wallets],
        [wallet.now_at for wallet in wallets],
        [wallet.recorded_at for wallet in wallets],
        [wallet.line for wallet in wallets],
        [wallet.issued.value for wallet in wallets],
        [wallet.available.value for wallet in wallets],
        [wallet.held.value for wallet in wallets],
        [wallet.owed.value for wallet in wallets],
        [wallet.spent.value for wallet in wallets],
        [wallet.expired.value for wallet in wallets],
        [wallet.revoked.value for wallet in wallets],
        [wallet.carry for wallet in wallets],
        [wallet.good_until for wallet in wallets],
        [wallet.scoped for wallet in wallets],
    )


_INSERT_LOTS: Final = """
insert into lots (customer_id, id, workspace_id, wallet_id, category, priority, name, amount, remaining, held,
                  effective_at, expires_at, scope, cost_amount, cost_currency_id, source, source_id, metadata,
                  opened_at, expired_at, voided_at, closed_at, created_at)
select customer_id, id, workspace_id, wallet_id, category, priority, name, amount, remaining, held,
       effective_at, expires_at, scope::uuid[], cost_amount, cost_currency_id, source, source_id, metadata::jsonb,
       opened_at, expired_at, voided_at, closed_at, created_at
from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::int[], $7::text[], $8::numeric[],
            $9::numeric[], $10::numeric[], $11::timestamptz[], $12::timestamptz[], $13::text[], $14::numeric[],
            $15::uuid[], $16::text[], $17::uuid[], $18::text[], $19::timestamptz[], $20::timestamptz[],
            $21::timestamptz[], $22::timestamptz[], $23::timestamptz[])
    as u (customer_id, id, workspace_id, wallet_id, category, priority, name, amount, remaining, held,
          effective_at, expires_at, scope, cost_amount, cost_currency_id, source, source_id, metadata,
          opened_at, expired_at, voided_at, closed_at, created_at)
"""


def uuid_array(members: Iterable[UUID]) -> str:
    """A PostgreSQL array literal: unnest() would flatten arrays of arrays, so they travel as text."""
    return "{" + ",".join(str(member) for member in members) + "}"


async def insert_lots(tx: Tx, lots: Sequence[Lot]) -> None:
    await tx.execute(
        _INSERT_LOTS,
        [lot.customer_id for lot in lots],
        [lot.id for lot in lots],
        [lot.workspace_id for lot in lots],
        [lot.wallet_id for lot in lots],
        [lot.category for lot in lots],
        [lot.priority for lot in lots],
        [lot.name for lot in lots],
        [lot.amount.value for lot in lots],
        [lot.remaining.value for lot in lots],
        [lot.held.value for lot in lots],
        [lot.effective_at for lot in lots],
        [lot.expires_at for lot in lots],
        [uuid_array(lot.scope) for lot in lots],
        [lot.cost_amount for lot in lots],
        [lot.cost_currency_id for lot in lots],
        [lot.source for lot in lots],
        [lot.source_id for lot in lots],
        [msgspec.json.encode(lot.metadata).decode() for lot in lots],
        [lot.opened_at for lot in lots],
        [lot.expired_at for lot in lots],
        [lot.voided_at for lot in lots],
        [lot.closed_at for lot in lots],
        [lot.created_at for lot in lots],
    )


_UPDATE_LOTS: Final = """
update lots set remaining = u.remaining, held = u.held, opened_at = u.opened_at, expired_at = u.expired_at,
    refund_due = u.refund_due, refund_id = u.refund_id, voided_at = u.voided_at, closed_at = u.closed_at
from unnest($1::uuid[], $2::uuid[], $3::numeric[], $4::numeric[], $5::timestamptz[], $6::timestamptz[],
            $7::timestamptz[], $8::timestamptz[], $9::numeric[], $10::uuid[])
    as u (customer_id, id, remaining, held, opened_at, expired_at, voided_at, closed_at, refund_due, refund_id)
where lots.customer_id = u.customer_id and lots.id = u.id
"""


async def update_lots(tx: Tx, lots: Sequence[Lot]) -> int:
    return await tx.execute(
        _UPDATE_LOTS,
        [lot.customer_id for lot in lots],
        [lot.id for lot in lots],
        [lot.remaining.value for lot in lots],
        [lot.held.value for lot in lots],
        [lot.opened_at for lot in lots],
        [lot.expired_at for lot in lots],
        [lot.voided_at for lot in lots],
        [lot.closed_at for lot in lots],
        [lot.refund_due.value for lot in lots],
        [lot.refund_id for lot in lots],
    )


_INSERT_OWED: Final = """
insert into owed_items (customer_id, id, workspace_id, wallet_id, cause, cause_id, meter_id, amount, remaining,
                        created_at, closed_at)
select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::uuid[], $7::uuid[], $8::numeric[],
                     $9::numeric[], $10::timestamptz[], $11::timestamptz[])
"""


async def insert_owed_items(tx: Tx, items: Sequence[OwedItem]) -> None:
    await tx.execute(
        _INSERT_OWED,
        [item.customer_id for item in items],
        [item.id for item in items],
        [item.workspace_id for item in items],
        [item.wallet_id for item in items],
        [item.cause for item in items],
        [item.cause_id for item in items],
        [item.meter_id for item in items],
        [item.amount.value for item in items],
        [item.remaining.value for item in items],
        [item.created_at for item in items],
        [item.closed_at for item in items],
    )


async def update_owed_items(tx: Tx, items: Sequence[OwedItem]) -> int:
    return await tx.execute(
        "update owed_items set remaining = u.remaining, closed_at = u.closed_at"
        " from unnest($1::uuid[], $2::uuid[], $3::numeric[], $4::timestamptz[])"
        " as u (customer_id, id, remaining, closed_at)"
        " where owed_items.customer_id = u.customer_id and owed_items.id = u.id",
        [item.customer_id for item in items],
        [item.id for item in items],
        [item.remaining.value for item in items],
        [item.closed_at for item in items],
    )


async def owed_item_of(db: Reads, *, customer_id: CustomerId, cause_id: UUID) -> OwedItem | None:
    row = await db.fetchrow("select * from owed_items where customer_id = $1 and cause_id = $2", customer_id, cause_id)
    return None if row is None else row_to(OwedItem, row)


async def mark_due(tx: Tx, wallets: Sequence[Wallet]) -> None:
    """The row is the job: a worker looks at the wallet. Marked twice is marked once."""
    await tx.execute(
        "insert into wallets_due (customer_id, wallet_id, workspace_id)"
        " select * from unnest($1::uuid[], $2::uuid[], $3::uuid[]) order by 1, 2 on conflict do nothing",
        [wallet.customer_id for wallet in wallets],
        [wallet.id for wallet in wallets],
        [wallet.workspace_id for wallet in wallets],
    )


async def set_line_to_act_on(tx: Tx, *, wallet: Wallet) -> int:
    return await tx.execute(
        "update wallets set act_below = $3, look_again_at = $4 where customer_id = $1 and id = $2",
        wallet.customer_id,
        wallet.id,
        None if wallet.act_below is None else wallet.act_below.value,
        wallet.look_again_at,
    )


async def lock_of_customer(tx: Tx, *, customer_id: CustomerId) -> None:
    await tx.fetch("select 1 from wallets where customer_id = $1 order by currency_id for no key update", customer_id)


async def freeze_of_customer(tx: Tx, *, customer_id: CustomerId, frozen_at: datetime | None) -> int:
    return await tx.execute("update wallets set customer_frozen_at = $2 where customer_id = $1", customer_id, frozen_at)


async def freeze(tx: Tx, *, wallet: Wallet, frozen_at: datetime | None) -> int:
    return await tx.execute(
        "update wallets set frozen_at = $3 where customer_id = $1 and id = $2", wallet.customer_id, wallet.id, frozen_at
    )


async def insert_adjustment(tx: Tx, adjustment: Adjustment) -> None:
    await tx.execute(
        "insert into adjustments (customer_id, id, workspace_id, wallet_id, amount, reason, actor, lot_id, created_at)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        adjustment.customer_id,
        adjustment.id,
        adjustment.workspace_id,
        adjustment.wallet_id,
        adjustment.amount,
        adjustment.reason,
        adjustment.actor,
        adjustment.lot_id,
        adjustment.created_at,
    )


async def claim_due(tx: Tx) -> WalletRef | None:
    """The wallet marked longest ago.

    Its mark is locked and not yet taken: usage that holds the wallet and marks it again must not wait for a worker that
    waits for the wallet.
    """
    row = await tx.fetchrow(
        "select w.workspace_id, w.customer_id, w.currency_id from wallets_due d"
        " join wallets w on w.customer_id = d.customer_id and w.id = d.wallet_id"
        " where d.marked_at <= clock_timestamp() order by d.marked_at limit 1 for update of d skip locked"
    )
    return None if row is None else row_to(WalletRef, row)


async def take_mark(tx: Tx, *, wallet: Wallet) -> int:
    return await tx.execute(
        "delete from wallets_due where customer_id = $1 and wallet_id = $2", wallet.customer_id, wallet.id
    )


async def postpone_look(tx: Tx, *, ref: WalletRef, wait: timedelta) -> None:
    await tx.execute(
        "update wallets_due d set marked_at = clock_timestamp() + $3::interval from wallets w"
        " where w.customer_id = $1 and w.currency_id = $2 and d.customer_id = w.customer_id and d.wallet_id = w.id",
        ref.customer_id,
        ref.currency_id,
        wait,
    )
    await tx.execute(
        "update wallets w set look_again_at = coalesce(s.test_clock, clock_timestamp()) + $3::interval from workspaces s"
        " where w.customer_id = $1 and w.currency_id = $2 and s.id = w.workspace_id and w.look_again_at is not null",
        ref.customer_id,
        ref.currency_id,
        wait,
    )


async def claim_to_look_at(tx: Tx) -> WalletRef | None:
    """A wallet whose `look_again_at` has passed by its workspace's clock; locked, and passed over while others hold it."""
    row = await tx.fetchrow(
        "select w.workspace_id, w.customer_id, w.currency_id from workspaces"
        " join wallets w on w.workspace_id = workspaces.id"
        " and w.look_again_at <= coalesce(workspaces.test_clock, clock_timestamp())"
        " limit 1 for no key update of w skip locked"
    )
    return None if row is None else row_to(WalletRef, row)


async def set_lot_metadata(tx: Tx, *, workspace_id: WorkspaceId, lot_id: LotId, metadata: Mapping[str, object]) -> int:
    return await tx.execute(
        "update lots set metadata = $3 where workspace_id = $1 and id = $2", workspace_id, lot_id, metadata
    )
