"""Payment links: public addresses where a price can be bought."""

from collections.abc import Sequence
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from replenish.api.paymentkit import bodies
from replenish.api.paymentkit.call import Call, route
from replenish.api.paymentkit.drafts import price_of
from replenish.api.paymentkit.errors import NotSupported
from replenish.api.paymentkit.views import show_prices, stamped
from replenish.api.paymentkit.wire import Json, extras_of, listed, pack
from replenish.catalog import queries as catalog
from replenish.catalog.model import PaymentLink
from replenish.core.errors import Invalid
from replenish.core.ids import CURRENCY, PAYMENT_LINK, PRICE, PaymentLinkId
from replenish.flows import manage_payment_links


class Adjustable(msgspec.Struct, kw_only=True):
    enabled: bool = False
    minimum: object = None
    maximum: object = None


class LineItem(msgspec.Struct, kw_only=True):
    price_id: str
    quantity: object = 1
    adjustable_quantity: Adjustable | None = None


class Redirect(msgspec.Struct, kw_only=True):
    url: str | None = None


class AfterCompletion(msgspec.Struct, kw_only=True):
    type: str | None = None
    redirect: Redirect | None = None


class NewLink(msgspec.Struct, kw_only=True):
    line_items: list[LineItem] = []
    name: str | None = None
    lookup_key: str | None = None
    after_completion: AfterCompletion | None = None
    metadata: dict[str, object] | None = None
    subscription_data: object = None
    donation_settings: object = None
    nft_mint_settings: object = None


class LinkChanges(msgspec.Struct, kw_only=True):
    name: str | UnsetType = UNSET
    active: bool | UnsetType = UNSET
    lookup_key: str | UnsetType = UNSET
    line_items: list[LineItem] | UnsetType | None = UNSET
    after_completion: AfterCompletion | UnsetType | None = UNSET
    metadata: dict[str, object] | UnsetType | None = UNSET


def single(items: Sequence[LineItem]) -> LineItem:
    """Raises Invalid for none, NotSupported for several."""
    if not items:
        raise Invalid("line_items", "names the price that is sold")
    if len(items) > 1:
        raise NotSupported("several prices in one checkout")
    return items[0]


def quantity_of(item: LineItem) -> int:
    return bodies.whole(1 if item.quantity is None else item.quantity, field="line_items[0].quantity", least=1)


def _address(after: AfterCompletion | None) -> str | None:
    return None if after is None or after.redirect is None else after.redirect.url or None


@route("POST", "/payment-links", scope="catalog:write", once=True)
async def create_link(call: Call) -> Json:
    """Create a payment link for one price."""
    data = call.body(NewLink)
    if data.donation_settings:
        raise NotSupported("donations")
    item = single(data.line_items)
    price = await price_of(call, item.price_id, field="line_items[0].price_id")
    adjustable = item.adjustable_quantity
    link_id = await manage_payment_links.create_payment_link(
        db=call.db,
        workspace_id=call.workspace_id,
        price_id=price.id,
        quantity=quantity_of(item),
        quantity_adjustable=adjustable is not None and adjustable.enabled,
        after_completion_url=_address(data.after_completion),
        name=data.name or "",
        lookup_key=data.lookup_key or None,
        metadata=pack(data.metadata or {}),
        request_key=call.request_key,
    )
    return await _shown(call, link_id)


@route("GET", "/payment-links", scope="read")
async def list_links(call: Call) -> Json:
    """List payment links, newest first."""
    return await listed(call, "payment_links", show=show_links, filters={"active": call.flag("active")})


@route("GET", "/payment-links/{key:str}", scope="read")
async def retrieve_link(call: Call) -> Json:
    """Retrieve a payment link by its id or lookup key."""
    return await _shown(call, (await _found(call)).id)


@route("PUT", "/payment-links/{key:str}", scope="catalog:write")
async def change_link(call: Call) -> Json:
    """Change a payment link. Its price never changes: whoever was sent the link would buy something else."""
    link = await _found(call)
    data = call.body(LinkChanges)
    quantity: int | UnsetType = UNSET
    adjustable: bool | UnsetType = UNSET
    if data.line_items is not UNSET and data.line_items:
        item = single(data.line_items)
        if (await price_of(call, item.price_id, field="line_items[0].price_id")).id != link.price_id:
            raise Invalid("line_items[0].price_id", "a link's price never changes; create a new link")
        quantity = quantity_of(item)
        if item.adjustable_quantity is not None:
            adjustable = item.adjustable_quantity.enabled
    await manage_payment_links.change_payment_link(
        db=call.db,
        workspace_id=call.workspace_id,
        link_id=link.id,
        name=data.name,
        active=data.active,
        lookup_key=data.lookup_key or UNSET,
        quantity=quantity,
        quantity_adjustable=adjustable,
        after_completion_url=UNSET if data.after_completion is UNSET else _address(data.after_completion),
        metadata=UNSET if data.metadata is UNSET else pack(data.metadata or {}, extras=extras_of(link.metadata)),
    )
    return await _shown(call, link.id)


@route("PUT", "/payment-links/{key:str}/archive", scope="catalog:write")
async def archive_link(call: Call) -> Json:
    """Nothing can be bought there any more. Twice is once."""
    link = await _found(call)
    await manage_payment_links.change_payment_link(
        db=call.db, workspace_id=call.workspace_id, link_id=link.id, active=False
    )
    return await _shown(call, link.id)


async def _found(call: Call) -> PaymentLink:
    return await find_link(call, call.path())


async def find_link(call: Call, key: str) -> PaymentLink:
    """By id or lookup key. Raises NotFound."""
    return await catalog.find_link(call.db, workspace_id=call.workspace_id, key=key)


async def _shown(call: Call, link_id: PaymentLinkId) -> Json:
    return (await show_links(call, [link_id]))[0]


async def show_links(call: Call, ids: Sequence[UUID]) -> list[Json]:
    """Links with the price that they sell."""
    links = [await catalog.link(call.db, workspace_id=call.workspace_id, link_id=PaymentLinkId(each)) for each in ids]
    prices = {each["id"]: each for each in await show_prices(call, [link.price_id for link in links])}
    return [link_view(call, link, prices[PRICE.text(link.price_id)]) for link in links]


def link_view(call: Call, link: PaymentLink, price: Json) -> Json:
    return {
        "id": PAYMENT_LINK.text(link.id),
        "object": "payment_link",
        **stamped(link.created_at, link.metadata, call),
        "active": link.active,
        "name": link.name,
        "url": link.url(call.base_url),
        "lookup_key": link.lookup_key,
        "currency_id": price["currency_id"],
        "line_items": [
            {
                "price_id": price["id"],
                "quantity": link.quantity,
                "adjustable_quantity": {
                    "enabled": link.quantity_adjustable,
                    "minimum": 1,
                    "maximum": price["quantity_limit_per_checkout"],
                },
                "price": price,
            }
        ],
        "after_completion": {"type": "hosted_confirmation"}
        if link.after_completion_url is None
        else {"type": "redirect", "redirect": {"url": link.after_completion_url}},
        "allow_promotion_codes": False,
        "submit_type": "pay",
        "made_for_currency_id": None if link.made_for_currency_id is None else CURRENCY.text(link.made_for_currency_id),
    }


routes = [create_link, list_links, retrieve_link, change_link, archive_link]
