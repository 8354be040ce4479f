"""The SQL of holds."""

from collections.abc import Iterable, Sequence
from typing import Final

from asyncpg import Record

from replenish.core.db import Reads
from replenish.core.ids import CustomerId, HoldId, WorkspaceId
from replenish.core.rows import row_to
from replenish.core.transaction import Tx
from replenish.wallets.model import Hold, Wallet

_HOLD_COLUMNS: Final = Hold.__struct_fields__


def _hold(row: Record) -> Hold:
    hold = row_to(Hold, row)
    hold.lot_ids, hold.lot_amounts = tuple(hold.lot_ids), tuple(hold.lot_amounts)
    hold.counter_ids = tuple(hold.counter_ids or ())
    return hold


async def open_holds(db: Reads, wallets: Iterable[Wallet]) -> list[Hold]:
    listed = list(wallets)
    rows = await db.fetch(
        "select holds.* from unnest($1::uuid[], $2::uuid[]) as w (customer_id, wallet_id)"
        " join holds using (customer_id, wallet_id) where holds.ended_at is null",
        [wallet.customer_id for wallet in listed],
        [wallet.id for wallet in listed],
    )
    return [_hold(row) for row in rows]


async def hold(db: Reads, *, customer_id: CustomerId, hold_id: HoldId) -> Hold | None:
    row = await db.fetchrow("select * from holds where customer_id = $1 and id = $2", customer_id, hold_id)
    return None if row is None else _hold(row)


async def hold_in(db: Reads, *, workspace_id: WorkspaceId, hold_id: HoldId) -> Hold | None:
    row = await db.fetchrow("select * from holds where workspace_id = $1 and id = $2", workspace_id, hold_id)
    return None if row is None else _hold(row)


async def holds(
    db: Reads,
    *,
    workspace_id: WorkspaceId,
    customer_id: CustomerId | None,
    only_open: bool,
    before: HoldId | None,
    limit: int,
) -> list[Hold]:
    rows = await db.fetch(
        "select * from holds where workspace_id = $1 and ($2::uuid is null or customer_id = $2)"
        " and (not $3 or ended_at is null) and ($4::uuid is null or id < $4) order by id desc limit $5",
        workspace_id,
        customer_id,
        only_open,
        before,
        limit,
    )
    return [_hold(row) for row in rows]


async def insert_holds(tx: Tx, holds: Sequence[Hold]) -> None:
    await tx.copy(
        "holds",
        _HOLD_COLUMNS,
        [
            (
                hold.customer_id,
                hold.id,
                hold.workspace_id,
                hold.wallet_id,
                hold.meter_id,
                hold.state,
                hold.amount.value,
                hold.lot_ids,
                hold.lot_amounts,
                None if hold.captured is None else hold.captured.value,
                hold.usage_event_id,
                hold.properties,
                hold.counter_ids or None,
                hold.metadata,
                hold.created_at,
                hold.expires_at,
                hold.ended_at,
            )
            for hold in holds
        ],
    )


async def update_holds(tx: Tx, holds: Sequence[Hold]) -> int:
    """One statement a hold: a flow changes one; only a wallet whose holds all fell due together changes more."""
    changed = 0
    for hold in holds:
        changed += await tx.execute(
            "update holds set state = $3, amount = $4, lot_ids = $5, lot_amounts = $6, captured = $7,"
            " usage_event_id = $8, expires_at = $9, ended_at = $10 where customer_id = $1 and id = $2",
            hold.customer_id,
            hold.id,
            hold.state,
            hold.amount.value,
            hold.lot_ids,
            hold.lot_amounts,
            None if hold.captured is None else hold.captured.value,
            hold.usage_event_id,
            hold.expires_at,
            hold.ended_at,
        )
    return changed
