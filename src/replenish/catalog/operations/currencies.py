"""Writes of payment currencies and recharge configs."""

import secrets
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec
from babel.numbers import get_currency_precision, list_currencies
from msgspec import UNSET, UnsetType

from replenish.catalog import queries
from replenish.catalog.errors import Mismatched, StillUsed, Taken
from replenish.catalog.model import CurrencyType, OverdraftPolicy, PaymentCurrency, PaymentLink, Price, RechargeConfig
from replenish.catalog.store import currencies as store
from replenish.catalog.store import links as link_store
from replenish.core.errors import Invalid, NotFound
from replenish.core.ids import CURRENCY, PAYMENT_LINK, CurrencyId, PaymentLinkId, PriceId, WorkspaceId
from replenish.core.metadata import Metadata, clean_metadata
from replenish.core.money import DECIMALS_MAX, Credits, parse_decimal
from replenish.core.text import clean_key, clean_text, clean_url
from replenish.core.transaction import Tx

DECIMALS_DEFAULT: Final = 2
_CODE_LONGEST: Final = 10
# Code, name, symbol, decimals of what each new workspace can be paid in.
SEEDS: Final = (
    ("USD", "US Dollar", "$", 2),
    ("EUR", "Euro", "€", 2),
    ("JPY", "Japanese Yen", "¥", 0),
    ("USDC", "USD Coin", "USDC", 6),
    ("ETH", "Ether", "ETH", 18),
)


async def seed_currencies(tx: Tx, *, workspace_id: WorkspaceId, now: datetime) -> None:
    """What a new workspace can be paid in."""
    for code, name, symbol, decimals in SEEDS:
        await create_currency(
            tx,
            currency_id=CURRENCY.new(),
            workspace_id=workspace_id,
            type_="standard",
            code=code,
            name=name,
            symbol=symbol,
            decimals=decimals,
            now=now,
        )


async def create_currency(
    tx: Tx,
    *,
    currency_id: CurrencyId,
    workspace_id: WorkspaceId,
    type_: CurrencyType,
    name: str,
    now: datetime,
    symbol: str | None = None,
    code: str | None = None,
    lookup_key: str | None = None,
    decimals: int | None = None,
    overdraft_policy: OverdraftPolicy = "none",
    overdraft_limit: str | None = None,
    metadata: Metadata | None = None,
) -> PaymentCurrency:
    """Decimals are 2 unless said, and for money that the world knows (GBP) always the world's.

    Raises Invalid(code | name | symbol | decimals | overdraft_limit | …), Taken(code | lookup_key).
    """
    places = _decimals_of_money(code, decimals) if type_ == "standard" else _decimals_of_credits(code, decimals)
    clean_text(name, field="name", longest=64, shortest=1)
    clean_text(symbol or name, field="symbol", longest=32, shortest=1)
    if lookup_key is not None:
        clean_key(lookup_key, field="lookup_key")
    if type_ == "standard" and overdraft_policy != "none":
        raise Invalid("overdraft_policy", "only credit currencies can be overdrawn")
    made = PaymentCurrency(
        id=currency_id,
        workspace_id=workspace_id,
        type=type_,
        code=code,
        lookup_key=lookup_key,
        name=name,
        symbol=(symbol or name)[:32],
        decimals=places,
        active=True,
        overdraft_policy=overdraft_policy,
        overdraft_limit=_limit(overdraft_policy, overdraft_limit, places),
        recharge_config=None,
        metadata=clean_metadata(metadata or {}),
        created_at=now,
    )
    if await store.insert_currency(tx, made) is None:
        raise Taken("payment currency", "code" if code is not None else "lookup_key")
    return made


def _decimals_of_money(code: str | None, decimals: int | None) -> int:
    if code is None:
        raise Invalid("code", "a standard currency needs a code such as 'USD'")
    if not (code.isascii() and code.isalnum() and code == code.upper() and 3 <= len(code) <= _CODE_LONGEST):
        raise Invalid("code", f"must be 3 to {_CODE_LONGEST} capital letters or digits, such as 'USD'")
    if code in list_currencies():
        # Yen with two decimals would be charged a hundred times over.
        known = get_currency_precision(code)
        if decimals not in {None, known}:
            raise Invalid("decimals", f"{code} has {known} decimals")
        return known
    return _check_decimals(decimals)


def _decimals_of_credits(code: str | None, decimals: int | None) -> int:
    if code is not None:
        raise Invalid("code", "only standard currencies have a code; use lookup_key")
    return _check_decimals(decimals)


def _check_decimals(decimals: int | None) -> int:
    places = DECIMALS_DEFAULT if decimals is None else decimals
    if not 0 <= places <= DECIMALS_MAX:
        raise Invalid("decimals", f"must be between 0 and {DECIMALS_MAX}")
    return places


def _limit(policy: OverdraftPolicy, limit: str | None, decimals: int) -> Credits | None:
    if (policy == "limited") != (limit is not None):
        raise Invalid("overdraft_limit", "is given when overdraft_policy is 'limited', and only then")
    if limit is None:
        return None
    return Credits(parse_decimal(limit, field="overdraft_limit", decimals=decimals, minimum=Decimal(0)))


async def change_currency(
    tx: Tx,
    *,
    workspace_id: WorkspaceId,
    currency_id: CurrencyId,
    name: str | UnsetType = UNSET,
    symbol: str | UnsetType = UNSET,
    active: bool | UnsetType = UNSET,
    overdraft_policy: OverdraftPolicy | UnsetType = UNSET,
    overdraft_limit: str | UnsetType | None = UNSET,
    lookup_key: str | UnsetType | None = UNSET,
    metadata: Metadata | UnsetType = UNSET,
) -> PaymentCurrency:
    """Code and decimals never change: amounts were written with them. Raises NotFound, Invalid, Taken, StillUsed."""
    old = await _lock(tx, workspace_id, currency_id)
    if name is not UNSET:
        clean_text(name, field="name", longest=64, shortest=1)
    if symbol is not UNSET:
        clean_text(symbol, field="symbol", longest=32, shortest=1)
    if isinstance(lookup_key, str):
        clean_key(lookup_key, field="lookup_key")
        other = await store.currency_by_key(tx, workspace_id, lookup_key)
        if other is not None and queries.currency_from(other).id != currency_id:
            raise Taken("payment currency", "lookup_key")
    if metadata is not UNSET:
        clean_metadata(metadata)
    policy = old.overdraft_policy if overdraft_policy is UNSET else overdraft_policy
    if old.type == "standard" and policy != "none":
        raise Invalid("overdraft_policy", "only credit currencies can be overdrawn")
    if overdraft_limit is not UNSET:
        limit = _limit(policy, overdraft_limit, old.decimals)
    else:
        # Leaving 'limited' drops the limit; entering it needs one.
        limit = old.overdraft_limit if policy == "limited" else None
        if policy == "limited" and limit is None:
            raise Invalid("overdraft_limit", "is given when overdraft_policy is 'limited', and only then")
    if active is False and old.active:
        await _check_unused(tx, old)
    changed = msgspec.structs.replace(
        old,
        name=old.name if name is UNSET else name,
        symbol=old.symbol if symbol is UNSET else symbol,
        lookup_key=old.lookup_key if lookup_key is UNSET else lookup_key,
        active=old.active if active is UNSET else active,
        overdraft_policy=policy,
        overdraft_limit=limit,
        metadata=old.metadata if metadata is UNSET else metadata,
    )
    await store.update_currency(tx, changed)
    return changed


async def _check_unused(tx: Tx, currency: PaymentCurrency) -> None:
    meters = await queries.meters(
        tx, workspace_id=currency.workspace_id, currency_id=currency.id, status="active", limit=1
    )
    if meters:
        raise StillUsed(f"The active meter {meters[0].event_name!r} charges in this currency; deactivate it first.")


# Recharge config


async def set_recharge_config(
    tx: Tx,
    *,
    workspace_id: WorkspaceId,
    currency_id: CurrencyId,
    base_price_id: PriceId,
    payment_link_id: PaymentLinkId | None = None,
    checkout_url: str | None = None,
    amount_min: str | None = None,
    amount_max: str | None = None,
    now: datetime,
) -> RechargeConfig:
    """Replace the recharge config as a whole.

    Without checkout URL and payment link, a link is made from the base price, once. Raises NotFound, Mismatched(base_price_id | payment_link_id), Invalid.
    """
    currency = await _lock(tx, workspace_id, currency_id)
    if currency.type != "credit":
        raise Mismatched("currency_id", f"{currency.unit} is money; only credit currencies are recharged")
    price = await _recharging_price(tx, currency, base_price_id, field="base_price_id")
    if payment_link_id is not None:
        link = await _named_link(tx, workspace_id, payment_link_id)
        await _recharging_price(tx, currency, link.price_id, field="payment_link_id")
    # An empty address clears it: that is how existing clients of the guide say so.
    url = clean_url(checkout_url, field="checkout_url") if checkout_url else None
    decimals = price.base.decimals
    low = _bound(amount_min, "min_recharge_amount", decimals)
    high = _bound(amount_max, "max_recharge_amount", decimals)
    if low is not None and high is not None and low > high:
        raise Invalid("max_recharge_amount", "must not be below min_recharge_amount")
    if high is not None and price.base.unit_amount > high:
        raise Invalid("max_recharge_amount", "is less than one unit of the base price costs")
    config = RechargeConfig(
        base_price_id=base_price_id,
        payment_link_id=payment_link_id,
        checkout_url=url,
        amount_min=low,
        amount_max=high,
    )
    await store.set_recharge_config(tx, workspace_id, currency_id, config)
    if url is None and payment_link_id is None:
        await _make_link(tx, currency, price, now)
    return config


async def remove_recharge_config(tx: Tx, *, workspace_id: WorkspaceId, currency_id: CurrencyId) -> None:
    """The currency can no longer be topped up by customers. Twice is once."""
    await _lock(tx, workspace_id, currency_id)
    await store.set_recharge_config(tx, workspace_id, currency_id, None)


async def _recharging_price(tx: Tx, currency: PaymentCurrency, price_id: PriceId, *, field: str) -> Price:
    try:
        price = await queries.price(tx, workspace_id=currency.workspace_id, price_id=price_id)
    except NotFound:
        raise Invalid(field, "no such price in this workspace", code="price_not_found") from None
    config = price.credit_config
    if config is None:
        raise Mismatched(field, "this price grants no credits: a customer would pay while the balance stays zero")
    if config.currency_id != currency.id:
        raise Mismatched(
            field,
            f"this price grants another credit currency than {currency.name!r}:"
            " a customer would pay while this balance stays zero",
        )
    product = await queries.product(tx, workspace_id=currency.workspace_id, product_id=price.product_id)
    if not price.active or not product.active:
        raise Invalid(field, "this price or its product is archived", code="price_inactive")
    return price


async def _named_link(tx: Tx, workspace_id: WorkspaceId, link_id: PaymentLinkId) -> PaymentLink:
    try:
        link = await queries.link(tx, workspace_id=workspace_id, link_id=link_id)
    except NotFound:
        raise Invalid(
            "payment_link_id", "no such payment link in this workspace", code="payment_link_not_found"
        ) from None
    if not link.active:
        raise Invalid("payment_link_id", "this payment link is archived", code="payment_link_inactive")
    return link


def _bound(text: str | None, field: str, decimals: int) -> Decimal | None:
    return None if text is None else parse_decimal(text, field=field, decimals=decimals, minimum=Decimal(0))


async def _make_link(tx: Tx, currency: PaymentCurrency, price: Price, now: datetime) -> None:
    """The unique index makes it once; the currency's lock makes simultaneous savers wait for each other."""
    await link_store.insert_link(
        tx,
        PaymentLink(
            id=PAYMENT_LINK.new(),
            workspace_id=currency.workspace_id,
            slug=new_slug(),
            lookup_key=None,
            name=f"Top up {currency.name}",
            price_id=price.id,
            quantity=1,
            quantity_adjustable=True,
            after_completion_url=None,
            active=True,
            metadata={},
            created_at=now,
            made_for_currency_id=currency.id,
        ),
    )


def new_slug() -> str:
    """Long and random, so that links cannot be guessed."""
    return f"plink_{secrets.token_hex(12)}"


async def _lock(tx: Tx, workspace_id: WorkspaceId, currency_id: CurrencyId) -> PaymentCurrency:
    found = await store.lock_currency(tx, workspace_id, currency_id)
    if found is None:
        raise NotFound("payment currency")
    return queries.currency_from(found)
