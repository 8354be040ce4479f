"""Payment links: public addresses where one price can be bought."""

from typing import Final

from msgspec import UNSET, UnsetType

from replenish.access import operations as access
from replenish.access import queries as workspaces
from replenish.access.model import RequestKey
from replenish.catalog import operations as catalog
from replenish.core.db import Database
from replenish.core.ids import PAYMENT_LINK, PaymentLinkId, PriceId, WorkspaceId
from replenish.core.metadata import Metadata
from replenish.core.transaction import transaction

CREATED: Final = 201


async def create_payment_link(
    *,
    db: Database,
    workspace_id: WorkspaceId,
    price_id: PriceId,
    quantity: int = 1,
    quantity_adjustable: bool = True,
    after_completion_url: str | None = None,
    name: str = "",
    lookup_key: str | None = None,
    metadata: Metadata | None = None,
    request_key: RequestKey | None = None,
) -> PaymentLinkId:
    """Raises Invalid(price_id | quantity | after_completion_url | …), Taken(lookup_key)."""
    link_id = PAYMENT_LINK.new()
    async with transaction(db) as tx:
        made = await access.claim_request_key(tx, request_key, link_id, CREATED)
        if made is not None:
            return PaymentLinkId(made)
        await catalog.create_link(
            tx,
            link_id=link_id,
            workspace_id=workspace_id,
            price_id=price_id,
            quantity=quantity,
            quantity_adjustable=quantity_adjustable,
            after_completion_url=after_completion_url,
            name=name,
            lookup_key=lookup_key,
            metadata=metadata,
            now=await workspaces.now(tx, workspace_id),
        )
    return link_id


async def change_payment_link(
    *,
    db: Database,
    workspace_id: WorkspaceId,
    link_id: PaymentLinkId,
    name: str | UnsetType = UNSET,
    quantity: int | UnsetType = UNSET,
    quantity_adjustable: bool | UnsetType = UNSET,
    after_completion_url: str | UnsetType | None = UNSET,
    active: bool | UnsetType = UNSET,
    lookup_key: str | UnsetType | None = UNSET,
    metadata: Metadata | UnsetType = UNSET,
) -> None:
    """Raises NotFound, Invalid, Taken(lookup_key), StillUsed for the link of a recharge config."""
    async with transaction(db) as tx:
        await catalog.change_link(
            tx,
            workspace_id=workspace_id,
            link_id=link_id,
            name=name,
            quantity=quantity,
            quantity_adjustable=quantity_adjustable,
            after_completion_url=after_completion_url,
            active=active,
            lookup_key=lookup_key,
            metadata=metadata,
        )
