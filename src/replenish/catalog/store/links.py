"""SQL of payment links."""

from collections.abc import Sequence
from uuid import UUID

from asyncpg import Record

from replenish.catalog.model import PaymentLink
from replenish.core.db import Reads
from replenish.core.ids import CurrencyId, PaymentLinkId, PriceId, WorkspaceId
from replenish.core.transaction import Tx


async def insert_link(tx: Tx, link: PaymentLink) -> Record | None:
    return await tx.fetchrow(
        "insert into payment_links (id, workspace_id, slug, lookup_key, name, price_id, quantity, quantity_adjustable,"
        " after_completion_url, metadata, created_at, made_for_currency_id)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) on conflict do nothing returning id",
        link.id,
        link.workspace_id,
        link.slug,
        link.lookup_key,
        link.name,
        link.price_id,
        link.quantity,
        link.quantity_adjustable,
        link.after_completion_url,
        link.metadata,
        link.created_at,
        link.made_for_currency_id,
    )


async def link(db: Reads, workspace_id: WorkspaceId, link_id: PaymentLinkId) -> Record | None:
    return await db.fetchrow("select * from payment_links where workspace_id = $1 and id = $2", workspace_id, link_id)


async def link_by_key(db: Reads, workspace_id: WorkspaceId, key: str) -> Record | None:
    return await db.fetchrow(
        "select * from payment_links where workspace_id = $1 and lookup_key = $2", workspace_id, key
    )


async def link_by_slug(db: Reads, slug: str) -> Record | None:
    """The one read without a workspace: the slug is the secret that leads to it."""
    return await db.fetchrow("select * from payment_links where slug = $1", slug)


async def link_made_for(
    db: Reads, workspace_id: WorkspaceId, currency_id: CurrencyId, price_id: PriceId
) -> Record | None:
    return await db.fetchrow(
        "select * from payment_links where workspace_id = $1 and made_for_currency_id = $2 and price_id = $3",
        workspace_id,
        currency_id,
        price_id,
    )


async def links(
    db: Reads,
    workspace_id: WorkspaceId,
    price_id: PriceId | None,
    active: bool | None,
    before: UUID | None,
    limit: int,
) -> Sequence[Record]:
    return await db.fetch(
        "select * from payment_links where workspace_id = $1 and ($2::uuid is null or price_id = $2)"
        " and ($3::boolean is null or active = $3) and ($4::uuid is null or id < $4) order by id desc limit $5",
        workspace_id,
        price_id,
        active,
        before,
        limit,
    )


async def lock_link(tx: Tx, workspace_id: WorkspaceId, link_id: PaymentLinkId) -> Record | None:
    return await tx.fetchrow(
        "select * from payment_links where workspace_id = $1 and id = $2 for update", workspace_id, link_id
    )


async def update_link(tx: Tx, link: PaymentLink) -> None:
    await tx.execute(
        "update payment_links set name = $3, quantity = $4, quantity_adjustable = $5, after_completion_url = $6,"
        " active = $7, metadata = $8, lookup_key = $9 where workspace_id = $1 and id = $2",
        link.workspace_id,
        link.id,
        link.name,
        link.quantity,
        link.quantity_adjustable,
        link.after_completion_url,
        link.active,
        link.metadata,
        link.lookup_key,
    )
