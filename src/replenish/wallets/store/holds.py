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
                hold.counter_ids or None,
                hold.metadata,
                hold.created_at,
                hold.expires_at,
                hold.ended_at,
                hold.properties,
                hold.value,
            )
            for hold in holds
        ],
    )


_UPDATE: Final = """
update holds set state = h.state, amount = h.amount, lot_ids = h.lot_ids, lot_amounts = h.lot_amounts,
    captured = h.captured, usage_event_id = h.usage_event_id, expires_at = h.expires_at, ended_at = h.ended_at,
    value = h.value
from jsonb_to_recordset($1) as h (customer_id uuid, id uuid, state text, amount numeric, lot_ids uuid[],
    lot_amounts numeric[], captured numeric, usage_event_id uuid, expires_at timestamptz, ended_at timestamptz,
    value numeric)
where holds.customer_id = h.customer_id and holds.id = h.id
"""


async def update_holds(tx: Tx, holds: Sequence[Hold]) -> int:
    """As JSON, because arrays of arrays cannot be unnested row by row."""
    rows = [
        {
            "customer_id": hold.customer_id,
            "id": hold.id,
            "state": hold.state,
            "amount": hold.amount.value,
            "lot_ids": hold.lot_ids,
            "lot_amounts": hold.lot_amounts,
            "captured": None if hold.captured is None else hold.captured.value,
            "usage_event_id": hold.usage_event_id,
            "expires_at": hold.expires_at,
            "ended_at": hold.ended_at,
            "value": hold.value,
        }
        for hold in holds
    ]
    return await tx.execute(_UPDATE, rows)
