"""What a product costs and grants, saved as a whole: as an add-on (credits) or as a one-time purchase.

Everything is one transaction: the product's type, the credit currency of its own, the price, what tops the currency up, the
public link and the merchant's bounds for automatic top-up. Prices never change: another amount is a new price, the old one is
archived for it. A consent that stands goes on at the old price until its customer agrees anew.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, NoReturn

import msgspec

from replenish.access import queries as workspaces
from replenish.audit import operations as audit
from replenish.audit.model import Actor, Change
from replenish.catalog import operations as catalog
from replenish.catalog import pricing, queries
from replenish.catalog.model import (
    CreditTerms,
    DurationUnit,
    PaymentCurrency,
    Price,
    Product,
    ProductType,
    RechargeConfig,
    RechargeTerms,
)
from replenish.catalog.pricing import Pricing
from replenish.core.db import Database
from replenish.core.errors import Invalid
from replenish.core.ids import CURRENCY, PAYMENT_LINK, PRICE, CurrencyId, ProductId, WorkspaceId
from replenish.core.money import plain
from replenish.core.transaction import Tx, transaction

PRIORITY_DEFAULT: Final = 50


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What one of it costs: in the base currency, and in further ones."""

    currency_id: CurrencyId
    amount: str
    options: Sequence[tuple[CurrencyId, str]] = ()


class AddOn(msgspec.Struct, frozen=True, kw_only=True):
    """An add-on as it is asked for, not yet checked."""

    cost: Cost
    credit_amount: str
    # None: one of its own, called `unit`; an existing one keeps its name.
    credit_currency_id: CurrencyId | None = None
    unit: str = "credits"
    # 0 = never.
    valid_duration_value: int = 0
    valid_duration_unit: DurationUnit = "days"
    # None: a one-time purchase, no automatic top-up.
    auto_top_up: RechargeTerms | None = None


Offered = AddOn | Cost


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """How the product was sold until now, and how it is sold from now on."""

    before: Pricing
    after: Pricing


class _TakeBack(Exception):  # noqa: N818 - not an error: it ends a transaction that was only looked at
    def __init__(self, saved: Saved) -> None:
        super().__init__()
        self.saved = saved


def _take_back(saved: Saved) -> NoReturn:
    raise _TakeBack(saved)


async def save_pricing(
    *, db: Database, workspace_id: WorkspaceId, product_id: ProductId, offered: Offered, actor: Actor | None = None
) -> Saved:
    """Sell the product as an add-on, or for a cost alone (one time). Saving the same again changes nothing.

    Raises NotFound, Invalid and Mismatched naming the field (`unit_amount`, `credit_config.credit_amount`,
    `threshold_default`, …).
    """
    async with transaction(db) as tx:
        saved = await _save(tx, workspace_id, product_id, offered)
        change = Change(
            action="product.priced",
            object_type="product",
            object_id=product_id,
            object_name=saved.after.product.name,
            before=saved.before.fields,
            after=saved.after.fields,
        )
        await audit.record(tx, workspace_id=workspace_id, actor=actor, change=change)
    return saved


async def review_pricing(*, db: Database, workspace_id: WorkspaceId, product_id: ProductId, offered: Offered) -> Saved:
    """What `save_pricing` would make of it, by doing it and taking it back. Raises what it would."""
    try:
        async with transaction(db) as tx:
            _take_back(await _save(tx, workspace_id, product_id, offered))
    except _TakeBack as seen:
        return seen.saved


async def _save(tx: Tx, workspace_id: WorkspaceId, product_id: ProductId, offered: Offered) -> Saved:
    now = await workspaces.now(tx, workspace_id)
    product, before = await _open(tx, workspace_id, product_id)
    type_: ProductType = "credit" if isinstance(offered, AddOn) else "service"
    if (product.type == "credit") != (type_ == "credit"):
        product = await _retype(tx, product, type_=type_)
        old = None
    else:
        old = before.price
    if isinstance(offered, AddOn):
        await _save_add_on(tx, product, old, offered, now=now)
    else:
        await _save_one_time(tx, product, old, offered, now=now)
    return Saved(before=before, after=await pricing.pricing_of(tx, product=product))


async def _save_add_on(tx: Tx, product: Product, old: Price | None, add_on: AddOn, *, now: datetime) -> None:
    credit = await _credit_currency(tx, product, add_on, now=now)
    price = await _save_price(tx, await _add_on_price(tx, product, old, add_on, credit=credit, now=now), old)
    if old is not None and not _grants(old, credit.id):
        await _stop_recharging(tx, old)
    await _recharge_with(tx, credit, price, takes_over=add_on.auto_top_up is not None, now=now)
    await _archive(tx, old, price)
    await _ensure_link(tx, product, price, now=now)
    await catalog.set_recharge_settings(
        tx, product=product, terms=add_on.auto_top_up, price=price, decimals=credit.decimals
    )


async def _save_one_time(tx: Tx, product: Product, old: Price | None, cost: Cost, *, now: datetime) -> None:
    drawn_up = await catalog.draw_up_price(
        tx,
        price_id=PRICE.new(),
        workspace_id=product.workspace_id,
        product_id=product.id,
        currency_id=cost.currency_id,
        unit_amount=cost.amount,
        options=cost.options,
        now=now,
    )
    await _archive(tx, old, await _save_price(tx, drawn_up, old))


async def _open(tx: Tx, workspace_id: WorkspaceId, product_id: ProductId) -> tuple[Product, Pricing]:
    product = await catalog.lock_product(tx, workspace_id=workspace_id, product_id=product_id)
    if not product.active:
        raise Invalid("product_id", "this product is archived", code="product_inactive")
    return product, await pricing.pricing_of(tx, product=product)


async def _retype(tx: Tx, product: Product, *, type_: ProductType) -> Product:
    """What was on sale is sold no longer: it was another kind of thing, and nobody agreed to this one."""
    sold = await queries.prices(tx, workspace_id=product.workspace_id, product_id=product.id, active=True, limit=1000)
    for price in sold:
        await _stop_recharging(tx, price)
        await catalog.change_price(tx, workspace_id=product.workspace_id, price_id=price.id, active=False)
    return await catalog.change_product_type(tx, product=product, type_=type_)


async def _credit_currency(tx: Tx, product: Product, add_on: AddOn, *, now: datetime) -> PaymentCurrency:
    if add_on.credit_currency_id is None:
        return await catalog.create_currency(
            tx,
            currency_id=CURRENCY.new(),
            workspace_id=product.workspace_id,
            type_="credit",
            name=add_on.unit,
            now=now,
        )
    known = await queries.currencies_by_id(tx, workspace_id=product.workspace_id, ids=[add_on.credit_currency_id])
    found = known.get(add_on.credit_currency_id)
    if found is None or found.type != "credit":
        raise Invalid("credit_config.currency_id", "no such credit currency in this workspace")
    return found


async def _add_on_price(
    tx: Tx, product: Product, old: Price | None, add_on: AddOn, *, credit: PaymentCurrency, now: datetime
) -> Price:
    """What the form does not show stays as it was: priority, and meters while they charge the same credits."""
    config = None if old is None else old.credit_config
    same = old is not None and _grants(old, credit.id)
    terms = CreditTerms(
        currency_id=credit.id,
        amount=add_on.credit_amount,
        valid_duration_value=add_on.valid_duration_value,
        valid_duration_unit=add_on.valid_duration_unit,
        priority=PRIORITY_DEFAULT if config is None else config.priority,
        scope=config.scope if config is not None and same else (),
    )
    return await catalog.draw_up_price(
        tx,
        price_id=PRICE.new(),
        workspace_id=product.workspace_id,
        product_id=product.id,
        currency_id=add_on.cost.currency_id,
        unit_amount=add_on.cost.amount,
        options=add_on.cost.options,
        credit_terms=terms,
        meter_id=old.meter_id if old is not None and same else None,
        now=now,
    )


def _grants(price: Price, currency_id: CurrencyId) -> bool:
    return price.credit_config is not None and price.credit_config.currency_id == currency_id


async def _save_price(tx: Tx, wanted: Price, old: Price | None) -> Price:
    """The old price if it is the one that is wanted, else a new one that takes its names over."""
    if old is None:
        await catalog.add_price(tx, price=wanted)
        return wanted
    if _same(wanted, old):
        return old
    wanted = msgspec.structs.replace(
        wanted,
        nickname=old.nickname,
        lookup_key=old.lookup_key,
        metadata=old.metadata,
        quantity_max=old.quantity_max,
    )
    if old.lookup_key is not None:
        await catalog.change_price(tx, workspace_id=old.workspace_id, price_id=old.id, lookup_key=None)
    await catalog.add_price(tx, price=wanted)
    return wanted


def _same(one: Price, other: Price) -> bool:
    def terms(price: Price) -> tuple[object, ...]:
        config = price.credit_config
        credit = None if config is None else msgspec.structs.replace(config, scope=tuple(config.scope))
        return price.base, frozenset((each.currency_id, each.unit_amount) for each in price.options), credit

    return terms(one) == terms(other)


async def _stop_recharging(tx: Tx, price: Price) -> None:
    """A currency that was topped up with this price has nothing to be topped up with any more."""
    if price.credit_config is None:
        return
    currency = await queries.currency(tx, workspace_id=price.workspace_id, currency_id=price.credit_config.currency_id)
    if currency.recharge_config is not None and currency.recharge_config.base_price_id == price.id:
        await catalog.remove_recharge_config(tx, workspace_id=price.workspace_id, currency_id=currency.id)


async def _recharge_with(tx: Tx, credit: PaymentCurrency, price: Price, *, takes_over: bool, now: datetime) -> None:
    """Make the price what customers buy to top the currency up; another product's place it takes only if told to."""
    config = credit.recharge_config
    if config is not None and config.base_price_id != price.id:
        base = await queries.price(tx, workspace_id=price.workspace_id, price_id=config.base_price_id)
        if base.product_id != price.product_id and not takes_over:
            return
    if config is not None and config.base_price_id == price.id:
        return
    same_money = config is not None and await _in_same_money(tx, config, price)
    await catalog.set_recharge_config(
        tx,
        workspace_id=price.workspace_id,
        currency_id=credit.id,
        base_price_id=price.id,
        # A link of the merchant's choice sells what it sold; the bounds are amounts of the old price's money.
        checkout_url=None if config is None else config.checkout_url,
        amount_min=_bound(config.amount_min) if config is not None and same_money else None,
        amount_max=_bound(config.amount_max) if config is not None and same_money else None,
        now=now,
    )


async def _in_same_money(tx: Tx, config: RechargeConfig, price: Price) -> bool:
    base = await queries.price(tx, workspace_id=price.workspace_id, price_id=config.base_price_id)
    return base.base.currency_id == price.base.currency_id


def _bound(amount: Decimal | None) -> str | None:
    return None if amount is None else plain(amount)


async def _archive(tx: Tx, old: Price | None, price: Price) -> None:
    if old is None or old.id == price.id:
        return
    if old.credit_config is None or (price.credit_config is not None and _grants(old, price.credit_config.currency_id)):
        await catalog.replace_price(tx, old=old, new=price)
    else:
        # Other credits are no newer version of these: nobody who agreed to the old ones goes on buying them.
        await catalog.change_price(tx, workspace_id=old.workspace_id, price_id=old.id, active=False)


async def _ensure_link(tx: Tx, product: Product, price: Price, *, now: datetime) -> None:
    found = await queries.links(tx, workspace_id=product.workspace_id, price_id=price.id, active=True, limit=1)
    if not found:
        await catalog.create_link(
            tx,
            link_id=PAYMENT_LINK.new(),
            workspace_id=product.workspace_id,
            price_id=price.id,
            name=product.name,
            now=now,
        )
