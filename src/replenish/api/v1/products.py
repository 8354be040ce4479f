"""Products: what is sold."""

from typing import Annotated, ClassVar

from msgspec import UNSET, Meta, UnsetType, field

from replenish.api.v1.call import Call
from replenish.api.v1.references import campaign_ref
from replenish.api.v1.routing import changes, creates, reads
from replenish.api.v1.wire import (
    Body,
    Cursor,
    Example,
    Id,
    Limit,
    LookupKey,
    Metadata,
    Name,
    Page,
    Shown,
    Time,
    before,
    page,
)
from replenish.catalog import queries
from replenish.catalog.model import Product, ProductType
from replenish.core.ids import CAMPAIGN, PRODUCT
from replenish.flows import manage_catalog

Description = Annotated[str, Meta(max_length=2000, description="More about it, as the customer reads it.")]
Campaign = Annotated[Id, Meta(description="The campaign that it belongs to, by id.")]


class NewProduct(Body):
    EXAMPLE: ClassVar[Example] = {"name": "10,000 credits", "type": "credit", "lookup_key": "credit_pack"}

    name: Annotated[Name, Meta(description="What is sold, as the customer reads it.")]
    type: Annotated[
        ProductType,
        Meta(description="Only products of type `credit` sell credits; `service` and `good` are other things."),
    ] = "service"
    description: Description = ""
    campaign_id: Campaign | None = None
    lookup_key: LookupKey | None = None
    metadata: Metadata = field(default_factory=dict)


class ProductChanges(Body):
    MADE_BY = NewProduct
    EXAMPLE: ClassVar[Example] = {"description": "Enough for ten million tokens."}

    name: Annotated[Name, Meta(description="What is sold, as the customer reads it.")] | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    active: Annotated[bool, Meta(description="False: it is not sold any more.")] | UnsetType = UNSET
    campaign_id: Campaign | UnsetType | None = UNSET
    lookup_key: LookupKey | UnsetType | None = UNSET
    metadata: Metadata | UnsetType = UNSET


class ProductView(Shown):
    id: str
    number: int
    type: ProductType
    name: str
    description: str
    campaign_id: str | None
    lookup_key: str | None
    active: bool
    metadata: Metadata
    created_at: Time


def show(product: Product) -> ProductView:
    return ProductView(
        id=PRODUCT.text(product.id),
        number=product.number,
        type=product.type,
        name=product.name,
        description=product.description,
        campaign_id=None if product.campaign_id is None else CAMPAIGN.text(product.campaign_id),
        lookup_key=product.lookup_key,
        active=product.active,
        metadata=dict(product.metadata),
        created_at=product.created_at,
    )


@creates("/products", scope="catalog:write")
async def create_product(data: NewProduct, call: Call) -> ProductView:
    """Create a product. Type `credit` is an add-on that sells credits."""
    product_id = await manage_catalog.create_product(
        db=call.db,
        workspace_id=call.workspace_id,
        name=data.name,
        type_=data.type,
        campaign_id=None if data.campaign_id is None else campaign_ref(data.campaign_id),
        description=data.description,
        lookup_key=data.lookup_key,
        metadata=data.metadata,
        request_key=call.request_key(data),
    )
    return show(await queries.product(call.db, workspace_id=call.workspace_id, product_id=product_id))


@reads("/products")
async def list_products(
    call: Call,
    campaign_id: Id | None = None,
    type: ProductType | None = None,  # noqa: A002 - the wire's word
    active: bool | None = None,
    limit: Limit = 20,
    cursor: Cursor | None = None,
) -> Page[ProductView]:
    """List products, newest first."""
    rows = await queries.products(
        call.db,
        workspace_id=call.workspace_id,
        campaign_id=None if campaign_id is None else campaign_ref(campaign_id),
        type_=type,
        active=active,
        before=before(cursor),
        limit=limit + 1,
    )
    return page(rows, limit=limit, show=show, id_of=lambda row: row.id)


@reads("/products/{key:str}")
async def retrieve_product(key: str, call: Call) -> ProductView:
    """Retrieve a product by its id or lookup key."""
    return show(await queries.find_product(call.db, workspace_id=call.workspace_id, key=key))


@changes("/products/{key:str}", scope="catalog:write")
async def change_product(key: str, data: ProductChanges, call: Call) -> ProductView:
    """Change or archive a product. Its type never changes; metadata is replaced as a whole."""
    found = await queries.find_product(call.db, workspace_id=call.workspace_id, key=key)
    await manage_catalog.change_product(
        db=call.db,
        workspace_id=call.workspace_id,
        product_id=found.id,
        name=data.name,
        description=data.description,
        active=data.active,
        campaign_id=campaign_ref(data.campaign_id) if isinstance(data.campaign_id, str) else data.campaign_id,
        lookup_key=data.lookup_key,
        metadata=data.metadata,
    )
    return show(await queries.product(call.db, workspace_id=call.workspace_id, product_id=found.id))


routes = [create_product, list_products, retrieve_product, change_product]
