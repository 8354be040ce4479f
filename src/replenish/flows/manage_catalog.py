"""Campaigns, products and prices."""

from collections.abc import Sequence
from typing import Final

from msgspec import UNSET, UnsetType

from replenish.access import operations as access
from replenish.access import queries as workspaces
from replenish.access.model import RequestKey
from replenish.audit import operations as audit
from replenish.audit.model import Actor, Change
from replenish.catalog import operations as catalog
from replenish.catalog import queries
from replenish.catalog.model import QUANTITY_MAX, Campaign, CreditTerms, Product, ProductType
from replenish.core.db import Database
from replenish.core.ids import (
    CAMPAIGN,
    PRICE,
    PRODUCT,
    CampaignId,
    CurrencyId,
    MeterId,
    PriceId,
    ProductId,
    WorkspaceId,
)
from replenish.core.metadata import Metadata
from replenish.core.transaction import Tx, transaction

CREATED: Final = 201


async def create_campaign(
    *,
    db: Database,
    workspace_id: WorkspaceId,
    name: str,
    metadata: Metadata | None = None,
    request_key: RequestKey | None = None,
    actor: Actor | None = None,
) -> CampaignId:
    """Raises Invalid(name | metadata)."""
    campaign_id = CAMPAIGN.new()
    async with transaction(db) as tx:
        made = await access.claim_request_key(tx, request_key, campaign_id, CREATED)
        if made is not None:
            return CampaignId(made)
        made_now = await catalog.create_campaign(
            tx,
            campaign_id=campaign_id,
            workspace_id=workspace_id,
            number=await access.next_campaign_number(tx, workspace_id=workspace_id),
            name=name,
            metadata=metadata,
            now=await workspaces.now(tx, workspace_id),
        )
        await _record(tx, workspace_id, actor, "created", None, made_now)
    return campaign_id


async def change_campaign(
    *,
    db: Database,
    workspace_id: WorkspaceId,
    campaign_id: CampaignId,
    name: str | UnsetType = UNSET,
    archived: bool | UnsetType = UNSET,
    metadata: Metadata | UnsetType = UNSET,
    actor: Actor | None = None,
) -> None:
    """Raises NotFound, Invalid(name | metadata)."""
    async with transaction(db) as tx:
        old = await queries.campaign(tx, workspace_id=workspace_id, campaign_id=campaign_id)
        changed = await catalog.change_campaign(
            tx,
            workspace_id=workspace_id,
            campaign_id=campaign_id,
            now=await workspaces.now(tx, workspace_id),
            name=name,
            archived=archived,
            metadata=metadata,
        )
        await _record(tx, workspace_id, actor, "changed", old, changed)


async def create_product(
    *,
    db: Database,
    workspace_id: WorkspaceId,
    name: str,
    type_: ProductType = "service",
    campaign_id: CampaignId | None = None,
    description: str = "",
    lookup_key: str | None = None,
    metadata: Metadata | None = None,
    request_key: RequestKey | None = None,
    actor: Actor | None = None,
) -> ProductId:
    """Raises Invalid(name | description | campaign_id | lookup_key | metadata), Taken(lookup_key)."""
    product_id = PRODUCT.new()
    async with transaction(db) as tx:
        made = await access.claim_request_key(tx, request_key, product_id, CREATED)
        if made is not None:
            return ProductId(made)
        made_now = await catalog.create_product(
            tx,
            product_id=product_id,
            workspace_id=workspace_id,
            number=await access.next_product_number(tx, workspace_id=workspace_id),
            name=name,
            type_=type_,
            campaign_id=campaign_id,
            description=description,
            lookup_key=lookup_key,
            metadata=metadata,
            now=await workspaces.now(tx, workspace_id),
        )
        await _record(tx, workspace_id, actor, "created", None, made_now)
    return product_id


async def change_product(
    *,
    db: Database,
    workspace_id: WorkspaceId,
    product_id: ProductId,
    name: str | UnsetType = UNSET,
    description: str | UnsetType = UNSET,
    active: bool | UnsetType = UNSET,
    campaign_id: CampaignId | UnsetType | None = UNSET,
    lookup_key: str | UnsetType | None = UNSET,
    metadata: Metadata | UnsetType = UNSET,
    actor: Actor | None = None,
) -> None:
    """Raises NotFound, Invalid, Taken(lookup_key), StillUsed when a credit currency is recharged with its prices."""
    async with transaction(db) as tx:
        old = await queries.product(tx, workspace_id=workspace_id, product_id=product_id)
        changed = await catalog.change_product(
            tx,
            workspace_id=workspace_id,
            product_id=product_id,
            name=name,
            description=description,
            active=active,
            campaign_id=campaign_id,
            lookup_key=lookup_key,
            metadata=metadata,
        )
        await _record(tx, workspace_id, actor, "changed", old, changed)


async def create_price(
    *,
    db: Database,
    workspace_id: WorkspaceId,
    product_id: ProductId,
    currency_id: CurrencyId,
    unit_amount: str,
    options: Sequence[tuple[CurrencyId, str]] = (),
    credit_terms: CreditTerms | None = None,
    meter_id: MeterId | None = None,
    quantity_max: int = QUANTITY_MAX,
    nickname: str = "",
    lookup_key: str | None = None,
    metadata: Metadata | None = None,
    request_key: RequestKey | None = None,
) -> PriceId:
    """`options` are further currencies the price can be paid in, each with its amount.

    Raises Invalid and Mismatched naming the field, Taken(lookup_key).
    """
    price_id = PRICE.new()
    async with transaction(db) as tx:
        made = await access.claim_request_key(tx, request_key, price_id, CREATED)
        if made is not None:
            return PriceId(made)
        await catalog.create_price(
            tx,
            price_id=price_id,
            workspace_id=workspace_id,
            product_id=product_id,
            currency_id=currency_id,
            unit_amount=unit_amount,
            options=options,
            credit_terms=credit_terms,
            meter_id=meter_id,
            quantity_max=quantity_max,
            nickname=nickname,
            lookup_key=lookup_key,
            metadata=metadata,
            now=await workspaces.now(tx, workspace_id),
        )
    return price_id


async def change_price(
    *,
    db: Database,
    workspace_id: WorkspaceId,
    price_id: PriceId,
    nickname: str | UnsetType = UNSET,
    active: bool | UnsetType = UNSET,
    quantity_max: int | UnsetType = UNSET,
    lookup_key: str | UnsetType | None = UNSET,
    metadata: Metadata | UnsetType = UNSET,
) -> None:
    """Raises NotFound, Invalid, Taken(lookup_key), StillUsed for the base price of a recharge config."""
    async with transaction(db) as tx:
        await catalog.change_price(
            tx,
            workspace_id=workspace_id,
            price_id=price_id,
            nickname=nickname,
            active=active,
            quantity_max=quantity_max,
            lookup_key=lookup_key,
            metadata=metadata,
        )


async def _record(
    tx: Tx,
    workspace_id: WorkspaceId,
    actor: Actor | None,
    verb: str,
    before: Campaign | Product | None,
    after: Campaign | Product,
) -> None:
    noun = "campaign" if isinstance(after, Campaign) else "product"
    change = Change(
        action=f"{noun}.{verb}",
        object_type=noun,
        object_id=after.id,
        object_name=after.name,
        before={} if before is None else _fields(before),
        after=_fields(after),
    )
    await audit.record(tx, workspace_id=workspace_id, actor=actor, change=change)


def _fields(thing: Campaign | Product) -> dict[str, str]:
    if isinstance(thing, Campaign):
        return {"name": thing.name, "status": "active" if thing.archived_at is None else "archived"}
    return {
        "name": thing.name,
        "description": thing.description,
        "status": "active" if thing.active else "archived",
        "campaign": "" if thing.campaign_id is None else CAMPAIGN.text(thing.campaign_id),
    }
