"""SQL of campaigns and products."""

from collections.abc import Sequence
from uuid import UUID

from asyncpg import Record

from replenish.catalog.model import Campaign, Product
from replenish.core.db import Reads
from replenish.core.ids import CampaignId, ProductId, WorkspaceId
from replenish.core.transaction import Tx


async def insert_campaign(tx: Tx, campaign: Campaign) -> None:
    await tx.execute(
        "insert into campaigns (id, workspace_id, number, name, metadata, created_at) values ($1, $2, $3, $4, $5, $6)",
        campaign.id,
        campaign.workspace_id,
        campaign.number,
        campaign.name,
        campaign.metadata,
        campaign.created_at,
    )


async def campaign(db: Reads, workspace_id: WorkspaceId, campaign_id: CampaignId) -> Record | None:
    return await db.fetchrow("select * from campaigns where workspace_id = $1 and id = $2", workspace_id, campaign_id)


async def campaign_by_number(db: Reads, workspace_id: WorkspaceId, number: int) -> Record | None:
    return await db.fetchrow("select * from campaigns where workspace_id = $1 and number = $2", workspace_id, number)


async def campaigns(db: Reads, workspace_id: WorkspaceId, before: UUID | None, limit: int) -> Sequence[Record]:
    return await db.fetch(
        "select * from campaigns where workspace_id = $1 and ($2::uuid is null or id < $2) order by id desc limit $3",
        workspace_id,
        before,
        limit,
    )


async def lock_campaign(tx: Tx, workspace_id: WorkspaceId, campaign_id: CampaignId) -> Record | None:
    return await tx.fetchrow(
        "select * from campaigns where workspace_id = $1 and id = $2 for update", workspace_id, campaign_id
    )


async def update_campaign(tx: Tx, campaign: Campaign) -> None:
    await tx.execute(
        "update campaigns set name = $3, metadata = $4, archived_at = $5 where workspace_id = $1 and id = $2",
        campaign.workspace_id,
        campaign.id,
        campaign.name,
        campaign.metadata,
        campaign.archived_at,
    )


async def insert_product(tx: Tx, product: Product) -> Record | None:
    return await tx.fetchrow(
        "insert into products (id, workspace_id, campaign_id, number, type, name, description, lookup_key, metadata,"
        " created_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict do nothing returning id",
        product.id,
        product.workspace_id,
        product.campaign_id,
        product.number,
        product.type,
        product.name,
        product.description,
        product.lookup_key,
        product.metadata,
        product.created_at,
    )


async def product(db: Reads, workspace_id: WorkspaceId, product_id: ProductId) -> Record | None:
    return await db.fetchrow("select * from products where workspace_id = $1 and id = $2", workspace_id, product_id)


async def product_by_key(db: Reads, workspace_id: WorkspaceId, key: str) -> Record | None:
    return await db.fetchrow("select * from products where workspace_id = $1 and lookup_key = $2", workspace_id, key)


async def product_by_number(db: Reads, workspace_id: WorkspaceId, number: int) -> Record | None:
    return await db.fetchrow("select * from products where workspace_id = $1 and number = $2", workspace_id, number)


async def products_by_id(db: Reads, workspace_id: WorkspaceId, ids: Sequence[ProductId]) -> Sequence[Record]:
    return await db.fetch("select * from products where workspace_id = $1 and id = any($2)", workspace_id, list(ids))


async def products(
    db: Reads,
    workspace_id: WorkspaceId,
    campaign_id: CampaignId | None,
    type_: str | None,
    active: bool | None,
    before: UUID | None,
    limit: int,
) -> Sequence[Record]:
    return await db.fetch(
        "select * from products where workspace_id = $1 and ($2::uuid is null or campaign_id = $2)"
        " and ($3::text is null or type = $3) and ($4::boolean is null or active = $4)"
        " and ($5::uuid is null or id < $5) order by id desc limit $6",
        workspace_id,
        campaign_id,
        type_,
        active,
        before,
        limit,
    )


async def products_of_campaigns(
    db: Reads, workspace_id: WorkspaceId, campaign_ids: Sequence[CampaignId]
) -> Sequence[Record]:
    return await db.fetch(
        "select * from products where workspace_id = $1 and (campaign_id is null or campaign_id = any($2)) order by id",
        workspace_id,
        list(campaign_ids),
    )


async def lock_product(tx: Tx, workspace_id: WorkspaceId, product_id: ProductId) -> Record | None:
    return await tx.fetchrow(
        "select * from products where workspace_id = $1 and id = $2 for update", workspace_id, product_id
    )


async def update_product(tx: Tx, product: Product) -> None:
    await tx.execute(
        "update products set name = $3, description = $4, active = $5, metadata = $6, campaign_id = $7, lookup_key = $8,"
        " type = $9"
        " where workspace_id = $1 and id = $2",
        product.workspace_id,
        product.id,
        product.name,
        product.description,
        product.active,
        product.metadata,
        product.campaign_id,
        product.lookup_key,
        product.type,
    )
