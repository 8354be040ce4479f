"""Prices as the client describes them, turned into ours: natural keys resolved, the credit config found where it may be."""

from collections.abc import Mapping, Sequence
from typing import Final, cast

import msgspec

from replenish.api.paymentkit import bodies
from replenish.api.paymentkit.call import Call
from replenish.api.paymentkit.errors import NotSupported
from replenish.api.paymentkit.wire import Json, pack
from replenish.catalog import queries as catalog
from replenish.catalog.model import QUANTITY_MAX, CreditTerms, DurationUnit, PaymentCurrency, Price
from replenish.core.errors import Invalid, NotFound
from replenish.core.ids import CurrencyId, MeterId
from replenish.core.money import Credits, parse_decimal
from replenish.flows.create_offer import PriceDraft

CREDIT_CONFIG: Final = "credit_config"


class NewOption(msgspec.Struct, kw_only=True):
    currency_id: str
    unit_amount: object = None


class NewPrice(msgspec.Struct, kw_only=True):
    """`unit_amount` in token units. What is null or empty was not asked for."""

    product_id: str | None = None
    type: str = "one_time"
    unit_amount: object = None
    currency_id: str | None = None
    currency_options: list[NewOption] | None = None
    nickname: str | None = None
    lookup_key: str | None = None
    quantity_limit_per_checkout: object = None
    metadata: dict[str, object] | None = None
    tax_behavior: str | None = None
    recurring: object = None
    billing_scheme: str | None = None
    pricing_type: str | None = None
    tiers: object = None
    custom_unit_amount: object = None
    transform_quantity: object = None
    quantity_available: object = None
    upsell: object = None


class CreditConfigBody(msgspec.Struct, kw_only=True):
    """`credit_amount` in token units; older clients call it `amount`."""

    currency_id: str
    credit_amount: object = None
    amount: object = None
    priority: int = 50
    valid_duration_value: object = 0
    valid_duration_unit: DurationUnit = "days"
    applicable_prices: list[str] | None = None
    schedule: object = None


def refuse_unsupported(data: NewPrice) -> None:
    """Raises NotSupported for a price that would not be charged as it says."""
    unsupported = {
        "recurring prices (subscriptions)": data.type == "recurring" or bool(data.recurring),
        "tiered prices": data.billing_scheme == "tiered" or bool(data.tiers),
        "prices in a currency of their own that follow an exchange rate": data.pricing_type == "dynamic",
        "amounts that the customer chooses": bool(data.custom_unit_amount),
        "transformed quantities": bool(data.transform_quantity),
        "a stock of limited quantity": data.quantity_available not in (None, 0, "0"),
        "upsells": bool(data.upsell),
    }
    for what, asked in unsupported.items():
        if asked:
            raise NotSupported(what)
    if data.type != "one_time":
        raise Invalid("type", "must be one_time")


async def draft(call: Call, data: NewPrice, *, legacy: object = None) -> PriceDraft:
    """`legacy` is the product's own credit config, of clients that put it there. Raises Invalid, NotSupported."""
    refuse_unsupported(data)
    if data.currency_id is None:
        raise Invalid("currency_id", "is required")
    currency = await currency_of(call, data.currency_id, field="currency_id")
    options: list[tuple[CurrencyId, str]] = []
    for place, option in enumerate(data.currency_options or []):
        field = f"currency_options[{place}]"
        further = await currency_of(call, option.currency_id, field=f"{field}.currency_id")
        if further.id != currency.id:
            options.append((further.id, bodies.amount_text(option.unit_amount, field=f"{field}.unit_amount")))
    metadata = dict(data.metadata or {})
    wanted = metadata.pop(CREDIT_CONFIG, None) or legacy
    terms = None
    meter_id = None
    extras: Json = {"tax_behavior": data.tax_behavior}
    if wanted is not None:
        config = _config(wanted)
        terms = await _terms(call, config)
        extras["applicable_prices"] = config.applicable_prices
        named = metadata.pop("meter_id", None)
        if isinstance(named, str) and named:
            meter_id = await meter_id_of(call, named, field="metadata.meter_id")
    return PriceDraft(
        currency_id=currency.id,
        unit_amount=bodies.amount_text(data.unit_amount, field="unit_amount"),
        options=options,
        credit_terms=terms,
        meter_id=meter_id,
        quantity_max=_quantity_max(data.quantity_limit_per_checkout),
        nickname=data.nickname or "",
        lookup_key=data.lookup_key or None,
        metadata=pack(metadata, extras=extras),
    )


def _quantity_max(limit: object) -> int:
    """0 is the original's word for no limit."""
    if limit is None:
        return QUANTITY_MAX
    return bodies.whole(limit, field="quantity_limit_per_checkout") or QUANTITY_MAX


def _config(wanted: object) -> CreditConfigBody:
    try:
        config = msgspec.convert(wanted, CreditConfigBody, strict=False)
    except msgspec.ValidationError as error:
        raise Invalid(f"metadata.{CREDIT_CONFIG}", str(error)) from None
    schedule = config.schedule
    if isinstance(schedule, dict) and cast("Mapping[str, object]", schedule).get("enabled"):
        raise NotSupported("credits delivered by a schedule (credit_config.schedule)")
    return config


async def _terms(call: Call, config: CreditConfigBody) -> CreditTerms:
    field = f"metadata.{CREDIT_CONFIG}"
    currency = await currency_of(call, config.currency_id, field=f"{field}.currency_id")
    given = config.amount if config.credit_amount is None else config.credit_amount
    return CreditTerms(
        currency_id=currency.id,
        amount=bodies.amount_text(given, field=f"{field}.credit_amount"),
        priority=config.priority,
        valid_duration_value=bodies.whole(config.valid_duration_value, field=f"{field}.valid_duration_value"),
        valid_duration_unit=config.valid_duration_unit,
        scope=await scope_of(call, config.applicable_prices or [], field=f"{field}.applicable_prices"),
    )


async def scope_of(call: Call, prices: Sequence[str], *, field: str) -> tuple[MeterId, ...]:
    """The original scopes credits to metered prices; ours to the meters behind them. Raises Invalid."""
    meters: list[MeterId] = []
    for place, key in enumerate(prices):
        path = f"{field}[{place}]"
        price = await price_of(call, key, field=path)
        if price.meter_id is None:
            raise Invalid(path, "this price has no meter, so credits cannot be kept for it")
        meters.append(price.meter_id)
    return tuple(dict.fromkeys(meters))


async def refuse_changes(call: Call, price: Price, data: NewPrice) -> None:
    """Clients write back what they read, or what they always send. Raises Invalid when that would change an amount."""
    refuse_unsupported(data)
    locked = "a price's amount and credits never change once it is made; create a new price and archive this one"
    if data.currency_id is not None:
        currency = await currency_of(call, data.currency_id, field="currency_id")
        if currency.id != price.base.currency_id:
            raise Invalid("currency_id", locked, code="price_locked")
    if data.unit_amount is not None and not _same_amount(data.unit_amount, price):
        raise Invalid("unit_amount", locked, code="price_locked")
    wanted = (data.metadata or {}).get(CREDIT_CONFIG)
    if wanted is None:
        return
    terms = await _terms(call, _config(wanted))
    config = price.credit_config
    known = None if config is None else await currency_of_id(call, config.currency_id)
    if config is None or known is None:
        raise Invalid(f"metadata.{CREDIT_CONFIG}", locked, code="price_locked")
    asked = Credits(parse_decimal(terms.amount, field="credit_amount", decimals=known.decimals))
    same = (
        terms.currency_id == config.currency_id
        and asked == config.amount
        and terms.priority == config.priority
        and terms.valid_duration_value == config.valid_duration_value
        and (not terms.valid_duration_value or terms.valid_duration_unit == config.valid_duration_unit)
        and set(terms.scope) == set(config.scope)
    )
    if not same:
        raise Invalid(f"metadata.{CREDIT_CONFIG}", locked, code="price_locked")


def _same_amount(given: object, price: Price) -> bool:
    """Token units, as they are sent, or base units, as they were read."""
    text = bodies.amount_text(given, field="unit_amount")
    base = price.base
    whole = parse_decimal(text, field="unit_amount", decimals=base.decimals)
    return whole in {base.unit_amount, base.unit_amount.scaleb(base.decimals)}


# ── names ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def currency_of(call: Call, key: str, *, field: str) -> PaymentCurrency:
    """By id, code or lookup key. A wrong one is a wrong field here, not a missing page."""
    try:
        return await catalog.find_currency(call.db, workspace_id=call.workspace_id, key=key)
    except NotFound as error:
        raise Invalid(field, f"no such payment currency: {key}", code=error.own_code) from None


async def credit_currency_of(call: Call, key: str, *, field: str) -> PaymentCurrency:
    found = await currency_of(call, key, field=field)
    if found.type != "credit":
        raise Invalid(field, f"{found.unit} is money, not a credit currency")
    return found


async def currency_of_id(call: Call, currency_id: CurrencyId) -> PaymentCurrency:
    return await catalog.currency(call.db, workspace_id=call.workspace_id, currency_id=currency_id)


async def meter_id_of(call: Call, key: str, *, field: str) -> MeterId:
    try:
        return (await catalog.find_meter(call.db, workspace_id=call.workspace_id, key=key)).id
    except NotFound as error:
        raise Invalid(field, f"no such meter: {key}", code=error.own_code) from None


async def price_of(call: Call, key: str, *, field: str) -> Price:
    try:
        return await catalog.find_price(call.db, workspace_id=call.workspace_id, key=key)
    except NotFound as error:
        raise Invalid(field, f"no such price: {key}", code=error.own_code) from None
