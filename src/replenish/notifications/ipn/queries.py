"""Reads of targets and deliveries. Another workspace's is not there (law 16)."""

from replenish.core.db import Reads
from replenish.core.ids import CampaignId, CustomerId, IpnDeliveryId, ProductId, WorkspaceId
from replenish.core.rows import row_to, rows_to
from replenish.notifications.ipn import store
from replenish.notifications.ipn.model import Delivery, Target, Try


async def target(db: Reads, *, workspace_id: WorkspaceId, product_id: ProductId) -> Target | None:
    found = await store.target(db, workspace_id, product_id)
    return None if found is None else row_to(Target, found)


async def sealed_secret(db: Reads, *, campaign_id: CampaignId) -> bytes | None:
    found = await store.secret(db, campaign_id)
    return found if isinstance(found, bytes) else None


async def deliveries(
    db: Reads,
    *,
    workspace_id: WorkspaceId,
    product_id: ProductId | None = None,
    before: IpnDeliveryId | None = None,
    limit: int = 20,
) -> list[Delivery]:
    """Newest first, ids below `before`."""
    return rows_to(Delivery, await store.deliveries(db, workspace_id, product_id, before, limit))


async def tries(db: Reads, *, customer_id: CustomerId, delivery_id: IpnDeliveryId) -> list[Try]:
    """The log of one delivery, oldest first."""
    return rows_to(Try, await store.tries(db, customer_id, delivery_id))
