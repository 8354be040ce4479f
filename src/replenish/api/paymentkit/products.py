"""Products, with their prices inline if the client likes."""

from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from replenish.api.paymentkit.call import Call, route
from replenish.api.paymentkit.drafts import CREDIT_CONFIG, NewPrice, draft
from replenish.api.paymentkit.errors import NotSupported
from replenish.api.paymentkit.views import show_product, show_products
from replenish.api.paymentkit.wire import Json, kept_or_given, listed, pack, searched, unpack
from replenish.catalog import queries as catalog
from replenish.catalog.model import Product, ProductType
from replenish.core.errors import Invalid
from replenish.flows import manage_catalog
from replenish.flows.create_offer import PriceDraft, create_offer

_EXTRAS: Final = ("images", "features", "unit_label", "statement_descriptor", "tax_code")


class NewProduct(msgspec.Struct, kw_only=True):
    name: str
    description: str | None = None
    type: ProductType = "service"
    prices: list[NewPrice] = []
    metadata: dict[str, object] | None = None
    lookup_key: str | None = None
    images: object = None
    features: object = None
    unit_label: object = None
    statement_descriptor: object = None
    tax_code: object = None
    nft_factory: object = None
    vendor_config: object = None
    cross_sell: object = None


class ProductChanges(msgspec.Struct, kw_only=True):
    name: str | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    active: bool | UnsetType = UNSET
    metadata: dict[str, object] | UnsetType | None = UNSET
    lookup_key: str | UnsetType | None = UNSET
    images: object = UNSET
    features: object = UNSET
    unit_label: object = UNSET
    statement_descriptor: object = UNSET
    tax_code: object = UNSET


@route("POST", "/products", scope="catalog:write", once=True)
async def create_product(call: Call) -> Json:
    """Create a product. With a credit config of its own (as older clients do) it is one of type `credit`."""
    data = call.body(NewProduct)
    for what, asked in (("NFTs", data.nft_factory), ("vendors", data.vendor_config), ("cross-sells", data.cross_sell)):
        if asked:
            raise NotSupported(what)
    metadata = data.metadata or {}
    legacy = metadata.get(CREDIT_CONFIG)
    prices = [await _draft(call, price, place, legacy) for place, price in enumerate(data.prices)]
    product_id = await create_offer(
        db=call.db,
        workspace_id=call.workspace_id,
        name=data.name,
        type_="credit" if legacy else data.type,
        prices=prices,
        description=data.description or "",
        lookup_key=data.lookup_key or None,
        metadata=pack(metadata, extras={name: getattr(data, name) for name in _EXTRAS}),
        request_key=call.request_key,
    )
    return await show_product(call, product_id)


async def _draft(call: Call, price: NewPrice, place: int, legacy: object) -> PriceDraft:
    try:
        return await draft(call, price, legacy=legacy)
    except Invalid as wrong:
        raise Invalid(f"prices[{place}].{wrong.field}", wrong.detail, code=wrong.own_code) from None


@route("GET", "/products", scope="read")
async def list_products(call: Call) -> Json:
    """List products, newest first."""
    filters = {
        "active": call.flag("active"),
        "name": call.text("name"),
        "description": call.text("description"),
        "q": searched(call),
    }
    return await listed(call, "products", show=show_products, filters=filters)


@route("GET", "/products/search", scope="read")
async def search_products(call: Call) -> Json:
    """Find products whose name holds `query`."""
    return await listed(call, "products", show=show_products, filters={"q": searched(call)})


@route("GET", "/products/{key:str}", scope="read")
async def retrieve_product(call: Call) -> Json:
    """Retrieve a product by its id or lookup key."""
    return await show_product(call, (await _found(call)).id)


@route("PUT", "/products/{key:str}", scope="catalog:write")
async def change_product(call: Call) -> Json:
    """Change a product. What is not given stays; metadata is replaced as a whole."""
    product = await _found(call)
    data = call.body(ProductChanges)
    extras = kept_or_given(product.metadata, msgspec.structs.asdict(data), _EXTRAS)
    metadata = unpack(product.metadata) if data.metadata is UNSET else data.metadata or {}
    await manage_catalog.change_product(
        db=call.db,
        workspace_id=call.workspace_id,
        product_id=product.id,
        name=data.name,
        description=data.description or "" if data.description is not UNSET else UNSET,
        active=data.active,
        lookup_key=data.lookup_key,
        metadata=pack(metadata, extras=extras),
    )
    return await show_product(call, product.id)


@route("PUT", "/products/{key:str}/archive", scope="catalog:write")
async def archive_product(call: Call) -> Json:
    """It is no longer sold. Twice is once."""
    return await _archive(call)


@route("DELETE", "/products/{key:str}", scope="catalog:write")
async def delete_product(call: Call) -> Json:
    """Nothing that can have been sold is deleted: it is archived, and the answer says so by `active: false`."""
    return await _archive(call)


async def _archive(call: Call) -> Json:
    product = await _found(call)
    await manage_catalog.change_product(db=call.db, workspace_id=call.workspace_id, product_id=product.id, active=False)
    return await show_product(call, product.id)


async def _found(call: Call) -> Product:
    return await catalog.find_product(call.db, workspace_id=call.workspace_id, key=call.path())


routes = [
    create_product,
    list_products,
    search_products,
    retrieve_product,
    change_product,
    archive_product,
    delete_product,
]
