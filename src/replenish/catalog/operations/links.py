"""Writes of payment links."""

from datetime import datetime
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from replenish.catalog import queries
from replenish.catalog.errors import StillUsed, Taken
from replenish.catalog.model import PaymentLink, Price
from replenish.catalog.operations.currencies import new_slug
from replenish.catalog.store import currencies as currency_store
from replenish.catalog.store import links as store
from replenish.core.errors import Invalid, NotFound
from replenish.core.ids import PaymentLinkId, PriceId, WorkspaceId
from replenish.core.metadata import Metadata, clean_metadata
from replenish.core.rows import row_to
from replenish.core.text import clean_key, clean_text, clean_url
from replenish.core.transaction import Tx

NAME_LONGEST: Final = 255


async def create_link(
    tx: Tx,
    *,
    link_id: PaymentLinkId,
    workspace_id: WorkspaceId,
    price_id: PriceId,
    now: datetime,
    quantity: int = 1,
    quantity_adjustable: bool = True,
    after_completion_url: str | None = None,
    name: str = "",
    lookup_key: str | None = None,
    metadata: Metadata | None = None,
) -> PaymentLink:
    """Raises Invalid(price_id | quantity | after_completion_url | …), Taken(lookup_key)."""
    clean_text(name, field="name", longest=NAME_LONGEST)
    if lookup_key is not None:
        clean_key(lookup_key, field="lookup_key")
    price = await _price(tx, workspace_id, price_id)
    _check_quantity(quantity, price)
    made = PaymentLink(
        id=link_id,
        workspace_id=workspace_id,
        slug=new_slug(),
        lookup_key=lookup_key,
        name=name,
        price_id=price.id,
        quantity=quantity,
        quantity_adjustable=quantity_adjustable,
        after_completion_url=None
        if after_completion_url is None
        else clean_url(after_completion_url, field="after_completion_url"),
        active=True,
        metadata=clean_metadata(metadata or {}),
        created_at=now,
        made_for_currency_id=None,
    )
    if await store.insert_link(tx, made) is None:
        raise Taken("payment link", "lookup_key")
    return made


async def _price(tx: Tx, workspace_id: WorkspaceId, price_id: PriceId) -> Price:
    try:
        price = await queries.price(tx, workspace_id=workspace_id, price_id=price_id)
    except NotFound:
        raise Invalid("price_id", "no such price in this workspace", code="price_not_found") from None
    if not price.active:
        raise Invalid("price_id", "this price is archived", code="price_inactive")
    return price


def _check_quantity(quantity: int, price: Price) -> None:
    if not 1 <= quantity <= price.quantity_max:
        raise Invalid("quantity", f"must be between 1 and {price.quantity_max}")


async def change_link(
    tx: Tx,
    *,
    workspace_id: WorkspaceId,
    link_id: PaymentLinkId,
    name: str | UnsetType = UNSET,
    quantity: int | UnsetType = UNSET,
    quantity_adjustable: bool | UnsetType = UNSET,
    after_completion_url: str | UnsetType | None = UNSET,
    active: bool | UnsetType = UNSET,
    lookup_key: str | UnsetType | None = UNSET,
    metadata: Metadata | UnsetType = UNSET,
) -> PaymentLink:
    """The price never changes: whoever was sent the link would buy something else. Raises NotFound, Invalid, StillUsed."""
    found = await store.lock_link(tx, workspace_id, link_id)
    if found is None:
        raise NotFound("payment link")
    old = row_to(PaymentLink, found)
    if name is not UNSET:
        clean_text(name, field="name", longest=NAME_LONGEST)
    if quantity is not UNSET:
        _check_quantity(quantity, await queries.price(tx, workspace_id=workspace_id, price_id=old.price_id))
    if isinstance(after_completion_url, str):
        clean_url(after_completion_url, field="after_completion_url")
    if isinstance(lookup_key, str):
        clean_key(lookup_key, field="lookup_key")
        other = await store.link_by_key(tx, workspace_id, lookup_key)
        if other is not None and row_to(PaymentLink, other).id != link_id:
            raise Taken("payment link", "lookup_key")
    if metadata is not UNSET:
        clean_metadata(metadata)
    if active is False and old.active:
        await _check_not_recharging(tx, old)
    changed = msgspec.structs.replace(
        old,
        name=old.name if name is UNSET else name,
        quantity=old.quantity if quantity is UNSET else quantity,
        quantity_adjustable=old.quantity_adjustable if quantity_adjustable is UNSET else quantity_adjustable,
        after_completion_url=old.after_completion_url if after_completion_url is UNSET else after_completion_url,
        active=old.active if active is UNSET else active,
        lookup_key=old.lookup_key if lookup_key is UNSET else lookup_key,
        metadata=old.metadata if metadata is UNSET else metadata,
    )
    await store.update_link(tx, changed)
    return changed


async def _check_not_recharging(tx: Tx, link: PaymentLink) -> None:
    used = await currency_store.recharged_by_link(tx, link.workspace_id, link.id)
    if used is None and link.made_for_currency_id is not None:
        currency = await queries.currency(tx, workspace_id=link.workspace_id, currency_id=link.made_for_currency_id)
        config = currency.recharge_config
        if config is not None and config.base_price_id == link.price_id and config.payment_link_id is None:
            raise StillUsed(f"{currency.name!r} is recharged through this link; change its recharge config first.")
    if used is not None:
        name = queries.currency_from(used).name
        raise StillUsed(f"{name!r} is recharged through this link; change its recharge config first.")
