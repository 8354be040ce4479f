"""Prices: what one unit of a product costs, and which credits it grants."""

import msgspec
from msgspec import UNSET, UnsetType

from replenish.api.paymentkit import bodies
from replenish.api.paymentkit.call import Call, route
from replenish.api.paymentkit.drafts import CREDIT_CONFIG, NewPrice, currency_of, draft, refuse_changes
from replenish.api.paymentkit.errors import NotSupported
from replenish.api.paymentkit.views import show_price, show_prices
from replenish.api.paymentkit.wire import Json, extras_of, listed, pack, searched, unpack
from replenish.catalog import queries as catalog
from replenish.catalog.model import QUANTITY_MAX, Price
from replenish.core.errors import Invalid, NotFound
from replenish.core.ids import ProductId
from replenish.flows import manage_catalog


class PriceFlags(msgspec.Struct, kw_only=True):
    active: bool | UnsetType = UNSET


@route("POST", "/prices", scope="catalog:write", once=True)
async def create_price(call: Call) -> Json:
    """Create a price. `unit_amount` and `credit_amount` are in token units; `metadata.credit_config` sells credits."""
    data = call.body(NewPrice)
    if not data.product_id:
        raise Invalid("product_id", "is required")
    try:
        product = await catalog.find_product(call.db, workspace_id=call.workspace_id, key=data.product_id)
    except NotFound as error:
        raise Invalid("product_id", f"no such product: {data.product_id}", code=error.own_code) from None
    made = await draft(call, data, legacy=unpack(product.metadata).get(CREDIT_CONFIG))
    price_id = await manage_catalog.create_price(
        db=call.db,
        workspace_id=call.workspace_id,
        product_id=product.id,
        currency_id=made.currency_id,
        unit_amount=made.unit_amount,
        options=made.options,
        credit_terms=made.credit_terms,
        meter_id=made.meter_id,
        quantity_max=made.quantity_max,
        nickname=made.nickname,
        lookup_key=made.lookup_key,
        metadata=made.metadata,
        request_key=call.request_key,
    )
    return await show_price(call, price_id)


@route("GET", "/prices", scope="read")
async def list_prices(call: Call) -> Json:
    """List prices, newest first."""
    type_ = call.text("type")
    if type_ not in (None, "one_time"):
        # There are no others here, so none match.
        return {"count": 0, "list": [], "paging": {"page": 1, "pageSize": 20}}
    product_id: ProductId | None = None
    named = call.text("product_id")
    if named is not None:
        product_id = (await catalog.find_product(call.db, workspace_id=call.workspace_id, key=named)).id
    currency = call.text("currency_id")
    filters = {
        "active": call.flag("active"),
        "product_id": product_id,
        "currency_id": None if currency is None else (await currency_of(call, currency, field="currency_id")).id,
        "lookup_key": call.text("lookup_key"),
        "q": searched(call),
    }
    return await listed(call, "prices", show=show_prices, filters=filters)


@route("GET", "/prices/search", scope="read")
async def search_prices(call: Call) -> Json:
    """Find prices whose nickname holds `query`."""
    return await listed(call, "prices", show=show_prices, filters={"q": searched(call)})


@route("GET", "/prices/{key:str}", scope="read")
async def retrieve_price(call: Call) -> Json:
    """Retrieve a price by its id or lookup key."""
    return await show_price(call, (await _found(call)).id)


@route("PUT", "/prices/{key:str}", scope="catalog:write")
async def change_price(call: Call) -> Json:
    """Change what may change: nickname, lookup key, limit, metadata, active. Amounts sent along must be the present ones."""
    price = await _found(call)
    data = call.body(NewPrice)
    await refuse_changes(call, price, data)
    metadata = None if data.metadata is None else {**data.metadata}
    if metadata is not None:
        for name in (CREDIT_CONFIG, "meter_id"):
            metadata.pop(name, None)
    limit = data.quantity_limit_per_checkout
    await manage_catalog.change_price(
        db=call.db,
        workspace_id=call.workspace_id,
        price_id=price.id,
        nickname=UNSET if data.nickname is None else data.nickname,
        active=call.body(PriceFlags).active,
        lookup_key=data.lookup_key or UNSET,
        quantity_max=UNSET
        if limit is None
        else bodies.whole(limit, field="quantity_limit_per_checkout") or QUANTITY_MAX,
        metadata=UNSET if metadata is None else pack(metadata, extras=extras_of(price.metadata)),
    )
    return await show_price(call, price.id)


@route("PUT", "/prices/{key:str}/archive", scope="catalog:write")
async def archive_price(call: Call) -> Json:
    """It can no longer be bought. Twice is once."""
    return await _archive(call)


@route("DELETE", "/prices/{key:str}", scope="catalog:write")
async def delete_price(call: Call) -> Json:
    """Nothing that can have been sold is deleted: it is archived, and the answer says so by `active: false`."""
    return await _archive(call)


@route("PUT", "/prices/{key:str}/inventory", scope="catalog:write")
async def change_inventory(call: Call) -> Json:
    """Prices have no stock here."""
    await _found(call)
    raise NotSupported("a stock of limited quantity")


async def _archive(call: Call) -> Json:
    price = await _found(call)
    await manage_catalog.change_price(db=call.db, workspace_id=call.workspace_id, price_id=price.id, active=False)
    return await show_price(call, price.id)


async def _found(call: Call) -> Price:
    return await catalog.find_price(call.db, workspace_id=call.workspace_id, key=call.path())


routes = [
    create_price,
    list_prices,
    search_prices,
    retrieve_price,
    change_price,
    archive_price,
    delete_price,
    change_inventory,
]
