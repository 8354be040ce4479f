"""SQL of notifications to PayKickstart's consumers."""

from collections.abc import Sequence
from datetime import timedelta

from asyncpg import Record

from replenish.core.db import Reads
from replenish.core.ids import CampaignId, CustomerId, IpnDeliveryId, IpnTryId, ProductId, TopUpId, WorkspaceId
from replenish.core.transaction import Tx
from replenish.notifications.ipn.model import Charset, Fields
from replenish.notifications.outgoing import Reply


async def target(db: Reads, workspace_id: WorkspaceId, product_id: ProductId) -> Record | None:
    return await db.fetchrow(
        "select * from ipn_targets where workspace_id = $1 and product_id = $2", workspace_id, product_id
    )


async def set_target(tx: Tx, workspace_id: WorkspaceId, product_id: ProductId, url: str, charset: Charset) -> None:
    await tx.execute(
        "insert into ipn_targets (product_id, workspace_id, url, charset) values ($1, $2, $3, $4)"
        " on conflict (product_id) do update set url = excluded.url, charset = excluded.charset",
        product_id,
        workspace_id,
        url,
        charset,
    )


async def delete_target(tx: Tx, workspace_id: WorkspaceId, product_id: ProductId) -> int:
    return await tx.execute(
        "delete from ipn_targets where workspace_id = $1 and product_id = $2", workspace_id, product_id
    )


async def secret(db: Reads, campaign_id: CampaignId) -> object:
    return await db.fetchval("select sealed from ipn_secrets where campaign_id = $1", campaign_id)


async def add_secret(tx: Tx, workspace_id: WorkspaceId, campaign_id: CampaignId, sealed: bytes) -> int:
    return await tx.execute(
        "insert into ipn_secrets (campaign_id, workspace_id, sealed) values ($1, $2, $3) on conflict do nothing",
        campaign_id,
        workspace_id,
        sealed,
    )


async def replace_secret(tx: Tx, workspace_id: WorkspaceId, campaign_id: CampaignId, sealed: bytes) -> None:
    await tx.execute(
        "insert into ipn_secrets (campaign_id, workspace_id, sealed) values ($1, $2, $3)"
        " on conflict (campaign_id) do update set sealed = excluded.sealed, changed_at = now()",
        campaign_id,
        workspace_id,
        sealed,
    )


async def lock_secrets(tx: Tx) -> Sequence[Record]:
    return await tx.fetch("select campaign_id, sealed from ipn_secrets order by campaign_id for update")


async def reseal(tx: Tx, campaign_id: CampaignId, sealed: bytes) -> None:
    await tx.execute("update ipn_secrets set sealed = $2 where campaign_id = $1", campaign_id, sealed)


async def insert_delivery(
    tx: Tx,
    *,
    customer_id: CustomerId,
    delivery_id: IpnDeliveryId,
    workspace_id: WorkspaceId,
    top_up_id: TopUpId,
    product_id: ProductId,
    campaign_id: CampaignId,
    event: str,
    fields: Fields,
) -> None:
    await tx.execute(
        "insert into ipn_deliveries (customer_id, id, workspace_id, top_up_id, product_id, campaign_id, event, fields)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8)",
        customer_id,
        delivery_id,
        workspace_id,
        top_up_id,
        product_id,
        campaign_id,
        event,
        [list(pair) for pair in fields],
    )


async def claim(tx: Tx, lease: timedelta) -> Record | None:
    """The longest overdue one, leased: whoever dies with it leaves it to the next."""
    return await tx.fetchrow(
        "update ipn_deliveries set due_at = now() + $1, tries = tries + 1 where (customer_id, id) = ("
        " select customer_id, id from ipn_deliveries where due_at <= now() order by due_at limit 1"
        " for update skip locked) returning *",
        lease,
    )


async def insert_try(
    tx: Tx, customer_id: CustomerId, try_id: IpnTryId, delivery_id: IpnDeliveryId, url: str, reply: Reply
) -> None:
    await tx.execute(
        "insert into ipn_tries (customer_id, id, delivery_id, url, status, detail) values ($1, $2, $3, $4, $5, $6)",
        customer_id,
        try_id,
        delivery_id,
        url,
        reply.status,
        reply.detail,
    )


async def end(tx: Tx, customer_id: CustomerId, delivery_id: IpnDeliveryId, *, delivered: bool) -> None:
    """A notification that was delivered stays so, even if a slower try of it fails afterwards."""
    await tx.execute(
        "update ipn_deliveries set due_at = null, delivered_at = coalesce(delivered_at, case when $3 then now() end),"
        " given_up_at = case when $3 or delivered_at is not null then null else now() end"
        " where customer_id = $1 and id = $2",
        customer_id,
        delivery_id,
        delivered,
    )


async def wait(tx: Tx, customer_id: CustomerId, delivery_id: IpnDeliveryId, pause: timedelta) -> None:
    await tx.execute(
        "update ipn_deliveries set due_at = now() + $3 where customer_id = $1 and id = $2 and delivered_at is null",
        customer_id,
        delivery_id,
        pause,
    )


async def deliveries(
    db: Reads, workspace_id: WorkspaceId, product_id: ProductId | None, before: IpnDeliveryId | None, limit: int
) -> Sequence[Record]:
    return await db.fetch(
        "select * from ipn_deliveries where workspace_id = $1 and ($2::uuid is null or product_id = $2)"
        " and ($3::uuid is null or id < $3) order by id desc limit $4",
        workspace_id,
        product_id,
        before,
        limit,
    )


async def tries(db: Reads, customer_id: CustomerId, delivery_id: IpnDeliveryId) -> Sequence[Record]:
    return await db.fetch(
        "select delivery_id, url, status, detail, created_at from ipn_tries"
        " where customer_id = $1 and delivery_id = $2 order by id",
        customer_id,
        delivery_id,
    )
