"""Writes of campaigns and products. Their short numbers come from the workspace; the flow asks for them."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from replenish.catalog import queries
from replenish.catalog.errors import StillUsed, Taken
from replenish.catalog.model import Campaign, Product, ProductType
from replenish.catalog.store import currencies as currency_store
from replenish.catalog.store import prices as price_store
from replenish.catalog.store import products as store
from replenish.core.errors import Invalid, NotFound
from replenish.core.ids import CampaignId, PriceId, ProductId, WorkspaceId
from replenish.core.metadata import Metadata, clean_metadata
from replenish.core.rows import row_to, value
from replenish.core.text import clean_key, clean_text
from replenish.core.transaction import Tx

NAME_LONGEST: Final = 255
DESCRIPTION_LONGEST: Final = 2000


async def create_campaign(
    tx: Tx,
    *,
    campaign_id: CampaignId,
    workspace_id: WorkspaceId,
    number: int,
    name: str,
    now: datetime,
    metadata: Metadata | None = None,
) -> Campaign:
    clean_text(name, field="name", longest=NAME_LONGEST, shortest=1)
    made = Campaign(
        id=campaign_id,
        workspace_id=workspace_id,
        number=number,
        name=name,
        metadata=clean_metadata(metadata or {}),
        created_at=now,
        archived_at=None,
    )
    await store.insert_campaign(tx, made)
    return made


async def change_campaign(
    tx: Tx,
    *,
    workspace_id: WorkspaceId,
    campaign_id: CampaignId,
    now: datetime,
    name: str | UnsetType = UNSET,
    archived: bool | UnsetType = UNSET,
    metadata: Metadata | UnsetType = UNSET,
) -> Campaign:
    """Archiving twice keeps the first time; the campaign's products sell on."""
    found = await store.lock_campaign(tx, workspace_id, campaign_id)
    if found is None:
        raise NotFound("campaign")
    old = row_to(Campaign, found)
    if name is not UNSET:
        clean_text(name, field="name", longest=NAME_LONGEST, shortest=1)
    if metadata is not UNSET:
        clean_metadata(metadata)
    archived_at = old.archived_at
    if archived is not UNSET:
        archived_at = (old.archived_at or now) if archived else None
    changed = msgspec.structs.replace(
        old,
        name=old.name if name is UNSET else name,
        metadata=old.metadata if metadata is UNSET else metadata,
        archived_at=archived_at,
    )
    await store.update_campaign(tx, changed)
    return changed


async def create_product(
    tx: Tx,
    *,
    product_id: ProductId,
    workspace_id: WorkspaceId,
    number: int,
    name: str,
    now: datetime,
    type_: ProductType = "service",
    campaign_id: CampaignId | None = None,
    description: str = "",
    lookup_key: str | None = None,
    metadata: Metadata | None = None,
) -> Product:
    """Raises Invalid(name | description | campaign_id | …), Taken(lookup_key)."""
    clean_text(name, field="name", longest=NAME_LONGEST, shortest=1)
    clean_text(description, field="description", longest=DESCRIPTION_LONGEST)
    if lookup_key is not None:
        clean_key(lookup_key, field="lookup_key")
    if campaign_id is not None:
        await _check_campaign(tx, workspace_id, campaign_id)
    made = Product(
        id=product_id,
        workspace_id=workspace_id,
        campaign_id=campaign_id,
        number=number,
        type=type_,
        name=name,
        description=description,
        lookup_key=lookup_key,
        active=True,
        metadata=clean_metadata(metadata or {}),
        created_at=now,
    )
    if await store.insert_product(tx, made) is None:
        raise Taken("product", "lookup_key")
    return made


async def change_product(
    tx: Tx,
    *,
    workspace_id: WorkspaceId,
    product_id: ProductId,
    name: str | UnsetType = UNSET,
    description: str | UnsetType = UNSET,
    active: bool | UnsetType = UNSET,
    campaign_id: CampaignId | UnsetType | None = UNSET,
    lookup_key: str | UnsetType | None = UNSET,
    metadata: Metadata | UnsetType = UNSET,
) -> Product:
    """Raises NotFound, Invalid, Taken, StillUsed. Its type is for `change_product_type`."""
    old = await lock_product(tx, workspace_id=workspace_id, product_id=product_id)
    if name is not UNSET:
        clean_text(name, field="name", longest=NAME_LONGEST, shortest=1)
    if description is not UNSET:
        clean_text(description, field="description", longest=DESCRIPTION_LONGEST)
    if isinstance(lookup_key, str):
        clean_key(lookup_key, field="lookup_key")
        other = await store.product_by_key(tx, workspace_id, lookup_key)
        if other is not None and row_to(Product, other).id != product_id:
            raise Taken("product", "lookup_key")
    if metadata is not UNSET:
        clean_metadata(metadata)
    if campaign_id is not UNSET and campaign_id is not None:
        await _check_campaign(tx, workspace_id, campaign_id)
    if active is False and old.active:
        await _check_not_recharging(tx, old)
    changed = msgspec.structs.replace(
        old,
        name=old.name if name is UNSET else name,
        description=old.description if description is UNSET else description,
        active=old.active if active is UNSET else active,
        campaign_id=old.campaign_id if campaign_id is UNSET else campaign_id,
        lookup_key=old.lookup_key if lookup_key is UNSET else lookup_key,
        metadata=old.metadata if metadata is UNSET else metadata,
    )
    await store.update_product(tx, changed)
    return changed


async def lock_product(tx: Tx, *, workspace_id: WorkspaceId, product_id: ProductId) -> Product:
    """Whoever changes what a product costs waits here for whoever else does. Raises NotFound."""
    found = await store.lock_product(tx, workspace_id, product_id)
    if found is None:
        raise NotFound("product")
    return row_to(Product, found)


async def change_product_type(tx: Tx, *, product: Product, type_: ProductType) -> Product:
    """A product with a price on sale keeps its type: the price was checked against it. Raises StillUsed."""
    if product.type == type_:
        return product
    sold = await queries.prices(tx, workspace_id=product.workspace_id, product_id=product.id, active=True, limit=1)
    if sold:
        raise StillUsed("This product has a price on sale; archive it first.")
    changed = msgspec.structs.replace(product, type=type_)
    await store.update_product(tx, changed)
    return changed


async def _check_campaign(tx: Tx, workspace_id: WorkspaceId, campaign_id: CampaignId) -> None:
    try:
        campaign = await queries.campaign(tx, workspace_id=workspace_id, campaign_id=campaign_id)
    except NotFound:
        raise Invalid("campaign_id", "no such campaign in this workspace", code="campaign_not_found") from None
    if campaign.archived_at is not None:
        raise Invalid("campaign_id", "this campaign is archived", code="campaign_archived")


async def _check_not_recharging(tx: Tx, product: Product) -> None:
    rows = await price_store.price_ids_of_product(tx, product.workspace_id, product.id)
    ids = [PriceId(value(row, "id", UUID)) for row in rows]
    used = await currency_store.recharged_by_price(tx, product.workspace_id, ids)
    if used is not None:
        name = queries.currency_from(used).name
        raise StillUsed(f"{name!r} is recharged with a price of this product; change its recharge config first.")
