"""Reads of top-ups. Another workspace's or customer's is not found (law 16). Lists: newest first, ids below `before`."""

from collections.abc import Sequence

from replenish.core.db import Reads
from replenish.core.errors import NotFound
from replenish.core.ids import CustomerId, TopUpId, WalletId, WorkspaceId
from replenish.core.money import NO_CREDITS, Credits
from replenish.core.rows import row_to, rows_to
from replenish.topups import store
from replenish.topups.model import TopUp, TopUpState


async def top_up(
    db: Reads, *, workspace_id: WorkspaceId, top_up_id: TopUpId, customer_id: CustomerId | None = None
) -> TopUp:
    """With `customer_id`: only when it is theirs. Raises NotFound."""
    found = await store.top_up(db, workspace_id=workspace_id, top_up_id=top_up_id)
    made = None if found is None else row_to(TopUp, found)
    if made is None or customer_id not in {None, made.customer_id}:
        raise NotFound("top-up")
    return made


async def top_up_of(db: Reads, *, customer_id: CustomerId, top_up_id: TopUpId) -> TopUp:
    """For our own rows that name both. Raises NotFound."""
    found = await store.top_up_of(db, customer_id=customer_id, top_up_id=top_up_id)
    if found is None:
        raise NotFound("top-up")
    return row_to(TopUp, found)


async def top_ups(
    db: Reads,
    *,
    workspace_id: WorkspaceId,
    customer_id: CustomerId | None = None,
    states: Sequence[TopUpState] | None = None,
    before: TopUpId | None = None,
    limit: int = 20,
) -> list[TopUp]:
    rows = await store.top_ups(
        db, workspace_id=workspace_id, customer_id=customer_id, states=states, before=before, limit=limit
    )
    return rows_to(TopUp, rows)


async def pending_credits(db: Reads, *, customer_id: CustomerId, wallet_id: WalletId) -> Credits:
    """Credits that are on their way: payments submitted or confirming, manual ones too (law 10).

    An open, unpaid page is not pending.
    """
    found = await store.pending(db, customer_id=customer_id, wallet_id=wallet_id)
    return NO_CREDITS if found is None else Credits(found)
