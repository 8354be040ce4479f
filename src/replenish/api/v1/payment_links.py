"""Payment links: public addresses where one price can be bought."""

from typing import Annotated, ClassVar

from msgspec import UNSET, Meta, UnsetType, field

from replenish.api.v1.call import Call
from replenish.api.v1.references import price_ref
from replenish.api.v1.routing import changes, creates, reads
from replenish.api.v1.wire import (
    Body,
    Cursor,
    Example,
    Key,
    Limit,
    LookupKey,
    Metadata,
    Page,
    PriceKey,
    Quantity,
    Shown,
    Time,
    Url,
    before,
    page,
)
from replenish.catalog import queries
from replenish.catalog.model import PaymentLink
from replenish.core.ids import PAYMENT_LINK, PRICE
from replenish.flows import manage_payment_links

LinkName = Annotated[str, Meta(max_length=255, description="A name of yours for it.")]
LinkQuantity = Annotated[Quantity, Meta(description="How many units of the price are bought.")]
Adjustable = Annotated[bool, Meta(description="Whether the buyer may change the quantity.")]
AfterUrl = Annotated[Url, Meta(description="Where the buyer is sent after the purchase.")]


class NewPaymentLink(Body):
    EXAMPLE: ClassVar[Example] = {"price_id": "credit_pack_usd", "name": "Our website"}

    price_id: Annotated[PriceKey, Meta(description="The price that is bought through it, by id or lookup key.")]
    quantity: LinkQuantity = 1
    quantity_adjustable: Adjustable = True
    after_completion_url: AfterUrl | None = None
    name: LinkName = ""
    lookup_key: LookupKey | None = None
    metadata: Metadata = field(default_factory=dict)


class PaymentLinkChanges(Body):
    MADE_BY = NewPaymentLink
    EXAMPLE: ClassVar[Example] = {"quantity_adjustable": False}

    name: LinkName | UnsetType = UNSET
    quantity: LinkQuantity | UnsetType = UNSET
    quantity_adjustable: Adjustable | UnsetType = UNSET
    after_completion_url: AfterUrl | UnsetType | None = UNSET
    active: Annotated[bool, Meta(description="False: nothing can be bought through it any more.")] | UnsetType = UNSET
    lookup_key: LookupKey | UnsetType | None = UNSET
    metadata: Metadata | UnsetType = UNSET


class PaymentLinkView(Shown):
    id: str
    url: str
    price_id: str
    quantity: int
    quantity_adjustable: bool
    after_completion_url: str | None
    name: str
    lookup_key: str | None
    active: bool
    metadata: Metadata
    created_at: Time


def show(link: PaymentLink, base_url: str) -> PaymentLinkView:
    return PaymentLinkView(
        id=PAYMENT_LINK.text(link.id),
        url=link.url(base_url),
        price_id=PRICE.text(link.price_id),
        quantity=link.quantity,
        quantity_adjustable=link.quantity_adjustable,
        after_completion_url=link.after_completion_url,
        name=link.name,
        lookup_key=link.lookup_key,
        active=link.active,
        metadata=dict(link.metadata),
        created_at=link.created_at,
    )


@creates("/payment_links", scope="catalog:write")
async def create_payment_link(data: NewPaymentLink, call: Call) -> PaymentLinkView:
    """Create a payment link. Whoever has its address can buy."""
    link_id = await manage_payment_links.create_payment_link(
        db=call.db,
        workspace_id=call.workspace_id,
        price_id=await price_ref(call, data.price_id, field="price_id"),
        quantity=data.quantity,
        quantity_adjustable=data.quantity_adjustable,
        after_completion_url=data.after_completion_url,
        name=data.name,
        lookup_key=data.lookup_key,
        metadata=data.metadata,
        request_key=call.request_key(data),
    )
    return show(await queries.link(call.db, workspace_id=call.workspace_id, link_id=link_id), call.base_url)


@reads("/payment_links")
async def list_payment_links(
    call: Call,
    price_id: Key | None = None,
    active: bool | None = None,
    limit: Limit = 20,
    cursor: Cursor | None = None,
) -> Page[PaymentLinkView]:
    """List payment links, newest first; those that recharge configs made are among them."""
    rows = await queries.links(
        call.db,
        workspace_id=call.workspace_id,
        price_id=None if price_id is None else await price_ref(call, price_id, field="price_id"),
        active=active,
        before=before(cursor),
        limit=limit + 1,
    )
    return page(rows, limit=limit, show=lambda row: show(row, call.base_url), id_of=lambda row: row.id)


@reads("/payment_links/{key:str}")
async def retrieve_payment_link(key: str, call: Call) -> PaymentLinkView:
    """Retrieve a payment link by its id or lookup key."""
    return show(await queries.find_link(call.db, workspace_id=call.workspace_id, key=key), call.base_url)


@changes("/payment_links/{key:str}", scope="catalog:write")
async def change_payment_link(key: str, data: PaymentLinkChanges, call: Call) -> PaymentLinkView:
    """Change or archive a payment link. Its price never changes; metadata is replaced as a whole."""
    found = await queries.find_link(call.db, workspace_id=call.workspace_id, key=key)
    await manage_payment_links.change_payment_link(
        db=call.db,
        workspace_id=call.workspace_id,
        link_id=found.id,
        name=data.name,
        quantity=data.quantity,
        quantity_adjustable=data.quantity_adjustable,
        after_completion_url=data.after_completion_url,
        active=data.active,
        lookup_key=data.lookup_key,
        metadata=data.metadata,
    )
    return show(await queries.link(call.db, workspace_id=call.workspace_id, link_id=found.id), call.base_url)


routes = [create_payment_link, list_payment_links, retrieve_payment_link, change_payment_link]
