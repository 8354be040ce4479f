"""Writes of top-ups. Called by flows, inside their transaction, with the wallet locked."""

from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec

from replenish.core.errors import NotFound
from replenish.core.ids import CustomerId, LotId, TopUpId, WorkspaceId
from replenish.core.metadata import Metadata
from replenish.core.rows import row_to
from replenish.core.transaction import Tx
from replenish.topups import store
from replenish.topups.model import TopUp


async def create_top_up(tx: Tx, top_up: TopUp) -> None:
    await store.insert(tx, top_up)


async def lock_top_up(tx: Tx, *, customer_id: CustomerId, top_up_id: TopUpId) -> TopUp:
    """Lock order: after wallet, rule and attempt, before its payments. Raises NotFound."""
    found = await store.lock(tx, customer_id=customer_id, top_up_id=top_up_id)
    if found is None:
        raise NotFound("top-up")
    return row_to(TopUp, found)


async def mark_submitted(tx: Tx, top_up: TopUp) -> TopUp:
    """Money may be moving: from now on it counts as pending (law 10)."""
    return await _change(tx, msgspec.structs.replace(top_up, state="submitted"))


async def mark_open(tx: Tx, top_up: TopUp) -> TopUp:
    """Nothing is moving: it waits for the customer."""
    return await _change(tx, msgspec.structs.replace(top_up, state="open"))


async def settle(tx: Tx, top_up: TopUp, *, lot_id: LotId, now: datetime) -> TopUp:
    return await _change(
        tx, msgspec.structs.replace(top_up, state="settled", settled_at=now, ended_at=now, lot_id=lot_id)
    )


async def end(tx: Tx, top_up: TopUp, *, state: Literal["failed", "cancelled", "expired"], now: datetime) -> TopUp:
    """It ended without money."""
    return await _change(tx, msgspec.structs.replace(top_up, state=state, ended_at=now))


async def add_refund(tx: Tx, top_up: TopUp, *, amount: Decimal) -> TopUp:
    """Some of its money went back. It stays settled: its credits are taken by the book."""
    if await store.add_refund(tx, customer_id=top_up.customer_id, top_up_id=top_up.id, amount=amount) != 1:
        raise NotFound("top-up")
    return msgspec.structs.replace(top_up, refunded_amount=top_up.refunded_amount + amount)


async def _change(tx: Tx, top_up: TopUp) -> TopUp:
    await store.set_state(
        tx,
        customer_id=top_up.customer_id,
        top_up_id=top_up.id,
        state=top_up.state,
        settled_at=top_up.settled_at,
        ended_at=top_up.ended_at,
        lot_id=top_up.lot_id,
    )
    return top_up


async def set_metadata(tx: Tx, *, workspace_id: WorkspaceId, top_up_id: TopUpId, metadata: Metadata) -> None:
    """A note on a purchase: nothing of what was sold changes. Raises NotFound."""
    if not await store.set_metadata(tx, workspace_id=workspace_id, top_up_id=top_up_id, metadata=metadata):
        raise NotFound("top-up")
