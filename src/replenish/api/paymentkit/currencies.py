"""Payment currencies, money and credits, and what customers buy to top a credit currency up. Their list is a bare array."""

from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from replenish.api.paymentkit import bodies
from replenish.api.paymentkit.call import Call, route
from replenish.api.paymentkit.drafts import currency_of, price_of
from replenish.api.paymentkit.errors import NotSupported
from replenish.api.paymentkit.views import currency_view, method_id_of, with_recharge_config
from replenish.api.paymentkit.wire import Json, kept_or_given, pack, unpack
from replenish.catalog import queries as catalog
from replenish.catalog.model import CurrencyType, PaymentCurrency, RechargeConfig
from replenish.core.errors import Invalid, NotFound
from replenish.core.ids import CURRENCY, PaymentLinkId
from replenish.flows import manage_currencies
from replenish.payments.provider import ChargesSavedMethod

_EXTRAS: Final = ("description", "logo", "contract")
_LIST_MAX: Final = 1000


class NewCurrency(msgspec.Struct, kw_only=True):
    name: str
    symbol: str | None = None
    decimal: object = None
    type: CurrencyType = "standard"
    lookup_key: str | None = None
    description: object = None
    logo: object = None
    contract: object = None
    payment_method_id: str | None = None
    metadata: dict[str, object] | None = None


class CurrencyChanges(msgspec.Struct, kw_only=True):
    name: str | UnsetType = UNSET
    symbol: str | UnsetType = UNSET
    active: bool | UnsetType = UNSET
    description: object = UNSET
    logo: object = UNSET
    contract: object = UNSET
    metadata: dict[str, object] | UnsetType | None = UNSET


class RechargeSettings(msgspec.Struct, kw_only=True):
    """In whole units of the base price's currency."""

    min_recharge_amount: object = None
    max_recharge_amount: object = None


class RechargeConfigBody(msgspec.Struct, kw_only=True):
    base_price_id: str | None = None
    payment_link_id: str | None = None
    checkout_url: str | None = None
    settings: RechargeSettings | None = None


class Currencies(msgspec.Struct, kw_only=True):
    currency_ids: list[str]


@route("POST", "/payment-currencies", scope="catalog:write", once=True)
async def create_currency(call: Call) -> Json:
    """Create a payment currency: money by its code (`symbol`), or with `type: credit` what customers hold."""
    data = call.body(NewCurrency)
    is_money = data.type == "standard"
    currency_id = await manage_currencies.create_currency(
        db=call.db,
        workspace_id=call.workspace_id,
        name=data.name,
        type_=data.type,
        symbol=data.symbol,
        code=(data.symbol or data.name).upper() if is_money else None,
        lookup_key=data.lookup_key,
        decimals=None if data.decimal is None else bodies.whole(data.decimal, field="decimal"),
        metadata=pack(data.metadata or {}, extras={name: getattr(data, name) for name in _EXTRAS}),
        request_key=call.request_key,
    )
    return await with_recharge_config(
        call, await catalog.currency(call.db, workspace_id=call.workspace_id, currency_id=currency_id)
    )


@route("GET", "/payment-currencies", scope="read")
async def list_currencies(call: Call) -> list[Json]:
    """List all payment currencies, money first, as a bare array."""
    found = await catalog.currencies(
        call.db, workspace_id=call.workspace_id, active=call.flag("active"), limit=_LIST_MAX
    )
    type_, method = call.text("type"), call.text("payment_method_id")
    return [
        currency_view(call, each)
        for each in sorted(found, key=lambda each: (each.type != "standard", each.created_at, each.id))
        if type_ in (None, each.type) and method in (None, method_id_of(call, each))
    ]


@route("GET", "/payment-currencies/{key:str}", scope="read")
async def retrieve_currency(call: Call) -> Json:
    """Retrieve a payment currency by its id, code or lookup key."""
    return await with_recharge_config(call, await _found(call))


@route("PUT", "/payment-currencies/{key:str}", scope="catalog:write")
async def change_currency(call: Call) -> Json:
    """Change name, symbol, description, logo, metadata, active. Code and decimals never change."""
    currency = await _found(call)
    data = call.body(CurrencyChanges)
    if currency.type == "standard" and data.symbol not in {UNSET, currency.code, currency.symbol}:
        raise Invalid("symbol", "the code of money never changes")
    extras = kept_or_given(currency.metadata, msgspec.structs.asdict(data), _EXTRAS)
    metadata = unpack(currency.metadata) if data.metadata is UNSET else data.metadata or {}
    await manage_currencies.change_currency(
        db=call.db,
        workspace_id=call.workspace_id,
        currency_id=currency.id,
        name=data.name,
        symbol=data.symbol if currency.type == "credit" else UNSET,
        active=data.active,
        metadata=pack(metadata, extras=extras),
    )
    return await with_recharge_config(call, await _found(call))


@route("PUT", "/payment-currencies/{key:str}/recharge-config", scope="catalog:write")
async def change_recharge_config(call: Call) -> Json:
    """Say what customers buy to top this credit currency up; replaces the old config as a whole. Answers the currency."""
    currency = await _found(call)
    data = call.body(RechargeConfigBody)
    if not data.base_price_id:
        raise Invalid("base_price_id", "is required")
    price = await price_of(call, data.base_price_id, field="base_price_id")
    settings = data.settings or RechargeSettings()
    link_id, url = await _where_to_buy(call, currency, data)
    await manage_currencies.update_recharge_config(
        db=call.db,
        workspace_id=call.workspace_id,
        currency_id=currency.id,
        base_price_id=price.id,
        payment_link_id=link_id,
        checkout_url=url,
        min_recharge_amount=_bound(settings.min_recharge_amount, "min_recharge_amount"),
        max_recharge_amount=_bound(settings.max_recharge_amount, "max_recharge_amount"),
    )
    return await with_recharge_config(call, await _found(call))


def _bound(given: object, field: str) -> str | None:
    """0 is no bound, as elsewhere in the original."""
    if given in (None, "", 0, "0"):
        return None
    return bodies.amount_text(given, field=f"settings.{field}")


async def _where_to_buy(
    call: Call, currency: PaymentCurrency, data: RechargeConfigBody
) -> tuple[PaymentLinkId | None, str | None]:
    """Clients write back the config they read. A link or address that we made from the old price must not outlive it."""
    link_id: PaymentLinkId | None = None
    if data.payment_link_id:
        try:
            link = await catalog.find_link(call.db, workspace_id=call.workspace_id, key=data.payment_link_id)
        except NotFound as error:
            raise Invalid("payment_link_id", f"no such link: {data.payment_link_id}", code=error.own_code) from None
        link_id = None if link.made_for_currency_id == currency.id else link.id
    url = data.checkout_url or None
    config: RechargeConfig | None = currency.recharge_config
    if url is not None and (config is None or config.checkout_url != url):
        ours = await catalog.top_up_url(
            call.db, workspace_id=call.workspace_id, currency_id=currency.id, base_url=call.base_url
        )
        url = None if url == ours else url
    return link_id, url


@route("GET", "/payment-currencies/{key:str}/recharge-config", scope="read")
async def retrieve_recharge_config(call: Call) -> Json:
    """Answers the currency, whose `recharge_config` is what was asked for."""
    return await with_recharge_config(call, await _found(call))


@route("POST", "/payment-currencies/check-recurring-support", scope="read")
async def check_recurring_support(call: Call) -> Json:
    """Which of these currencies cannot be charged without the customer."""
    data = call.body(Currencies)
    lacking: list[Json] = []
    for place, key in enumerate(data.currency_ids):
        currency = await currency_of(call, key, field=f"currency_ids[{place}]")
        if not _charges_unattended(call, currency):
            lacking.append(
                {"id": CURRENCY.text(currency.id), "name": currency.name, "symbol": currency.code or currency.symbol}
            )
    return {"supported": not lacking, "unsupported_currencies": lacking}


def _charges_unattended(call: Call, currency: PaymentCurrency) -> bool:
    code = currency.code
    if code is None:
        return False
    return any(isinstance(each, ChargesSavedMethod) and each.takes(code) for each in call.context.providers.values())


@route("DELETE", "/payment-currencies/{key:str}", scope="catalog:write")
async def delete_currency(call: Call) -> Json:
    """Wallets are held in it."""
    await _found(call)
    raise NotSupported("deleting a payment currency; archive it by `active: false`")


async def _found(call: Call) -> PaymentCurrency:
    return await catalog.find_currency(call.db, workspace_id=call.workspace_id, key=call.path())


routes = [
    create_currency,
    check_recurring_support,
    list_currencies,
    retrieve_currency,
    change_currency,
    delete_currency,
    change_recharge_config,
    retrieve_recharge_config,
]
