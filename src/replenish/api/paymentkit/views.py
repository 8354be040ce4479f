"""How the catalog looks to the client: base units out, what belongs together shown together."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from replenish.api.paymentkit.call import Call
from replenish.api.paymentkit.wire import Json, day, extras_of, in_order, units, unpack
from replenish.catalog import queries as catalog
from replenish.catalog.model import CreditConfig, Meter, PaymentCurrency, Price, Product
from replenish.core.ids import (
    CURRENCY,
    METER,
    PAYMENT_LINK,
    PRICE,
    PRODUCT,
    CurrencyId,
    MeterId,
    PriceId,
    ProductId,
)
from replenish.core.metadata import Metadata
from replenish.core.money import plain

METHOD_PREFIX = "pm_"


def stamped(made: datetime, metadata: Metadata, call: Call) -> Json:
    """What each object has. We do not keep when the catalog was last changed."""
    return {
        "livemode": call.livemode,
        "metadata": unpack(metadata),
        "created_at": day(made),
        "updated_at": day(made),
        "created_via": "api",
    }


# ── currencies ────────────────────────────────────────────────────────────────────────────────────────────────────────


def method_id_of(call: Call, currency: PaymentCurrency) -> str | None:
    """The provider that takes this money, as the original's payment method."""
    code = currency.code
    names = [name for name, each in sorted(call.context.providers.items()) if code is not None and each.takes(code)]
    return f"{METHOD_PREFIX}{names[0]}" if names else None


def currency_view(call: Call, currency: PaymentCurrency, *, recharge_config: Json | None = None) -> Json:
    kept = extras_of(currency.metadata)
    config = currency.recharge_config
    if recharge_config is None and config is not None:
        recharge_config = {"base_price_id": PRICE.text(config.base_price_id)}
    return {
        "id": CURRENCY.text(currency.id),
        "object": "payment_currency",
        **stamped(currency.created_at, currency.metadata, call),
        "type": currency.type,
        "active": currency.active,
        "locked": False,
        "is_base_currency": currency.code == "USD",
        "payment_method_id": method_id_of(call, currency),
        "name": currency.name,
        "description": kept.get("description", currency.name),
        "logo": kept.get("logo", ""),
        "symbol": currency.symbol if currency.type == "credit" else currency.code,
        "decimal": currency.decimals,
        "maximum_precision": currency.decimals,
        "contract": kept.get("contract", ""),
        "lookup_key": currency.lookup_key,
        "recharge_config": recharge_config,
        "token_config": None,
        "vault_config": None,
    }


async def with_recharge_config(call: Call, currency: PaymentCurrency) -> Json:
    """The currency with its whole recharge config: the link and the address that customers are sent to."""
    config = currency.recharge_config
    if config is None:
        return currency_view(call, currency)
    link_id = config.payment_link_id
    if link_id is None and config.checkout_url is None:
        made = await catalog.links(call.db, workspace_id=call.workspace_id, price_id=config.base_price_id)
        link_id = next((link.id for link in made if link.made_for_currency_id == currency.id), None)
    url = await catalog.top_up_url(
        call.db, workspace_id=call.workspace_id, currency_id=currency.id, base_url=call.base_url
    )
    shown: Json = {
        "base_price_id": PRICE.text(config.base_price_id),
        "payment_link_id": None if link_id is None else PAYMENT_LINK.text(link_id),
        "checkout_url": url,
        "settings": {
            "min_recharge_amount": None if config.amount_min is None else plain(config.amount_min),
            "max_recharge_amount": None if config.amount_max is None else plain(config.amount_max),
        },
    }
    return currency_view(call, currency, recharge_config=shown)


def small_currency(currency: PaymentCurrency) -> Json:
    return {
        "id": CURRENCY.text(currency.id),
        "name": currency.name,
        "symbol": currency.symbol if currency.type == "credit" else currency.code,
        "decimal": currency.decimals,
        "type": currency.type,
    }


# ── meters ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def meter_view(call: Call, meter: Meter, currency: PaymentCurrency | None) -> Json:
    return {
        "id": METER.text(meter.id),
        "object": "meter",
        **stamped(meter.created_at, meter.metadata, call),
        "name": meter.name,
        "event_name": meter.event_name,
        "lookup_key": meter.lookup_key,
        "aggregation_method": meter.aggregation,
        "status": meter.status,
        "unit": meter.unit,
        "description": meter.description,
        "currency_id": CURRENCY.text(meter.currency_id),
        "component_did": extras_of(meter.metadata).get("component_did"),
        **({} if currency is None else {"paymentCurrency": small_currency(currency)}),
    }


async def show_meters(call: Call, ids: Sequence[UUID]) -> list[Json]:
    found = await catalog.meters_by_id(call.db, workspace_id=call.workspace_id, ids=[MeterId(each) for each in ids])
    currencies = await currencies_of(call, (meter.currency_id for meter in found.values()))
    return [meter_view(call, meter, currencies.get(meter.currency_id)) for meter in in_order(ids, found)]


async def show_meter(call: Call, meter_id: MeterId) -> Json:
    return (await show_meters(call, [meter_id]))[0]


async def currencies_of(call: Call, ids: Iterable[CurrencyId]) -> Mapping[CurrencyId, PaymentCurrency]:
    return await catalog.currencies_by_id(call.db, workspace_id=call.workspace_id, ids=set(ids))


# ── products and prices ───────────────────────────────────────────────────────────────────────────────────────────────


class Shelf(msgspec.Struct, frozen=True):
    """What prices and products of one answer name, read at once."""

    currencies: Mapping[CurrencyId, PaymentCurrency]
    meters: Mapping[MeterId, Meter]


async def shelf_of(call: Call, prices: Iterable[Price]) -> Shelf:
    known = list(prices)
    wanted = {option.currency_id for price in known for option in price.options}
    wanted |= {price.credit_config.currency_id for price in known if price.credit_config is not None}
    meters = {price.meter_id for price in known if price.meter_id is not None}
    return Shelf(
        await currencies_of(call, wanted),
        await catalog.meters_by_id(call.db, workspace_id=call.workspace_id, ids=meters),
    )


def product_view(call: Call, product: Product) -> Json:
    kept = extras_of(product.metadata)
    return {
        "id": PRODUCT.text(product.id),
        "object": "product",
        **stamped(product.created_at, product.metadata, call),
        "active": product.active,
        "locked": False,
        "type": product.type,
        "name": product.name,
        "description": product.description,
        "images": kept.get("images", []),
        "features": kept.get("features", []),
        "unit_label": kept.get("unit_label"),
        "statement_descriptor": kept.get("statement_descriptor"),
        "tax_code": kept.get("tax_code"),
        "nft_factory": None,
        "cross_sell": None,
        "vendor_config": [],
        "lookup_key": product.lookup_key,
    }


def price_view(call: Call, price: Price, shelf: Shelf) -> Json:
    """Amounts and credit config never change once made, hence `locked`."""
    kept = extras_of(price.metadata)
    base = price.base
    currency = shelf.currencies.get(base.currency_id)
    meter = None if price.meter_id is None else shelf.meters.get(price.meter_id)
    made = stamped(price.created_at, price.metadata, call)
    metadata: Json = unpack(price.metadata)
    if price.credit_config is not None:
        metadata["credit_config"] = _credit_config(price.credit_config, kept)
    if price.meter_id is not None:
        metadata["meter_id"] = METER.text(price.meter_id)
    return {
        "id": PRICE.text(price.id),
        "object": "price",
        **made,
        "metadata": metadata,
        "product_id": PRODUCT.text(price.product_id),
        "nickname": price.nickname,
        "active": price.active,
        "locked": True,
        "type": "one_time",
        "billing_scheme": "per_unit",
        "pricing_type": "fixed",
        "unit_amount": units(base.unit_amount, base.decimals),
        "currency_id": CURRENCY.text(base.currency_id),
        "currency_options": [
            {
                "currency_id": CURRENCY.text(option.currency_id),
                "unit_amount": units(option.unit_amount, option.decimals),
                "tiers": None,
                "custom_unit_amount": None,
                **_expanded("currency", shelf.currencies.get(option.currency_id), call),
            }
            for option in price.options
        ],
        "recurring": None,
        "tiers_mode": None,
        "tiers": [],
        "custom_unit_amount": None,
        "transform_quantity": None,
        "tax_behavior": kept.get("tax_behavior", "inclusive"),
        "lookup_key": price.lookup_key,
        "quantity_available": 0,
        "quantity_limit_per_checkout": price.quantity_max,
        "upsell": None,
        **_expanded("currency", currency, call),
        **({} if meter is None else {"meter": meter_view(call, meter, shelf.currencies.get(meter.currency_id))}),
    }


def _expanded(name: str, currency: PaymentCurrency | None, call: Call) -> Json:
    return {} if currency is None else {name: currency_view(call, currency)}


def _credit_config(config: CreditConfig, kept: Json) -> Json:
    """Token units here, as it was sent: so does the original keep it."""
    return {
        "currency_id": CURRENCY.text(config.currency_id),
        "credit_amount": str(config.amount),
        "priority": config.priority,
        "valid_duration_value": config.valid_duration_value,
        "valid_duration_unit": config.valid_duration_unit,
        "applicable_prices": kept.get("applicable_prices", []),
    }


async def show_prices(call: Call, ids: Sequence[UUID]) -> list[Json]:
    found = await catalog.prices_by_id(call.db, workspace_id=call.workspace_id, ids=[PriceId(each) for each in ids])
    shelf = await shelf_of(call, found.values())
    products = await catalog.products_by_id(
        call.db, workspace_id=call.workspace_id, ids={price.product_id for price in found.values()}
    )
    return [
        price_view(call, price, shelf) | {"product": product_view(call, products[price.product_id])}
        for price in in_order(ids, found)
    ]


async def show_price(call: Call, price_id: PriceId) -> Json:
    return (await show_prices(call, [price_id]))[0]


async def show_products(call: Call, ids: Sequence[UUID]) -> list[Json]:
    """Each with its prices, newest first; the default one is the one made first."""
    found = await catalog.products_by_id(call.db, workspace_id=call.workspace_id, ids=[ProductId(each) for each in ids])
    prices = {
        product_id: await catalog.prices(call.db, workspace_id=call.workspace_id, product_id=product_id)
        for product_id in found
    }
    shelf = await shelf_of(call, [price for each in prices.values() for price in each])
    shown: list[Json] = []
    for product in in_order(ids, found):
        mine = prices[product.id]
        first = mine[-1] if mine else None
        shown.append(
            product_view(call, product)
            | {
                "prices": [price_view(call, price, shelf) for price in mine],
                "default_price_id": None if first is None else PRICE.text(first.id),
                "default_price": None if first is None else price_view(call, first, shelf),
            }
        )
    return shown


async def show_product(call: Call, product_id: ProductId) -> Json:
    return (await show_products(call, [product_id]))[0]
