"""Writes of prices. Amounts and credit config are fixed when a price is made: make a new one and archive the old."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from replenish.catalog import queries
from replenish.catalog.errors import Mismatched, StillUsed, Taken
from replenish.catalog.model import (
    QUANTITY_MAX,
    YEARS_MAX,
    CreditConfig,
    CreditTerms,
    DurationUnit,
    PaymentCurrency,
    Price,
    PriceOption,
    Product,
)
from replenish.catalog.store import currencies as currency_store
from replenish.catalog.store import prices as store
from replenish.core.db import Reads
from replenish.core.errors import Invalid, NotFound
from replenish.core.ids import CurrencyId, MeterId, PriceId, ProductId, WorkspaceId
from replenish.core.metadata import Metadata, clean_metadata
from replenish.core.money import Credits, parse_decimal, parse_positive
from replenish.core.text import clean_key, clean_text
from replenish.core.transaction import Tx

NICKNAME_LONGEST: Final = 255
PRIORITY_MAX: Final = 100
SCOPE_MAX: Final = 50
OPTIONS_MAX: Final = 20
_PER_YEAR: Final[dict[DurationUnit, int]] = {"hours": 8766, "days": 366, "weeks": 53, "months": 12, "years": 1}


async def create_price(
    tx: Tx,
    *,
    price_id: PriceId,
    workspace_id: WorkspaceId,
    product_id: ProductId,
    currency_id: CurrencyId,
    unit_amount: str,
    now: datetime,
    options: Sequence[tuple[CurrencyId, str]] = (),
    credit_terms: CreditTerms | None = None,
    meter_id: MeterId | None = None,
    quantity_max: int = QUANTITY_MAX,
    nickname: str = "",
    lookup_key: str | None = None,
    metadata: Metadata | None = None,
) -> Price:
    """`options` are further currencies the price can be paid in, each with its amount.

    Raises Invalid and Mismatched naming the field, Taken(lookup_key).
    """
    price = await draw_up_price(
        tx,
        price_id=price_id,
        workspace_id=workspace_id,
        product_id=product_id,
        currency_id=currency_id,
        unit_amount=unit_amount,
        now=now,
        options=options,
        credit_terms=credit_terms,
        meter_id=meter_id,
        quantity_max=quantity_max,
        nickname=nickname,
        lookup_key=lookup_key,
        metadata=metadata,
    )
    await add_price(tx, price=price)
    return price


async def add_price(tx: Tx, *, price: Price) -> None:
    """Raises Taken(lookup_key)."""
    if await store.insert_price(tx, price) is None:
        raise Taken("price", "lookup_key")


async def draw_up_price(
    tx: Reads,
    *,
    price_id: PriceId,
    workspace_id: WorkspaceId,
    product_id: ProductId,
    currency_id: CurrencyId,
    unit_amount: str,
    now: datetime,
    options: Sequence[tuple[CurrencyId, str]] = (),
    credit_terms: CreditTerms | None = None,
    meter_id: MeterId | None = None,
    quantity_max: int = QUANTITY_MAX,
    nickname: str = "",
    lookup_key: str | None = None,
    metadata: Metadata | None = None,
) -> Price:
    """A price that may be saved; writes nothing. Raises Invalid and Mismatched naming the field."""
    clean_text(nickname, field="nickname", longest=NICKNAME_LONGEST)
    if lookup_key is not None:
        clean_key(lookup_key, field="lookup_key")
    _check_quantity(quantity_max)
    product = await _product(tx, workspace_id, product_id)
    wanted = [currency_id, *(option[0] for option in options)]
    if credit_terms is not None:
        wanted.append(credit_terms.currency_id)
    known = await queries.currencies_by_id(tx, workspace_id=workspace_id, ids=wanted)
    return Price(
        id=price_id,
        workspace_id=workspace_id,
        product_id=product.id,
        nickname=nickname,
        lookup_key=lookup_key,
        active=True,
        options=_options(known, (currency_id, unit_amount), options),
        quantity_max=quantity_max,
        credit_config=await _credit_config(tx, product, known, credit_terms, meter_id),
        meter_id=meter_id,
        metadata=clean_metadata(metadata or {}),
        created_at=now,
    )


async def _product(tx: Reads, workspace_id: WorkspaceId, product_id: ProductId) -> Product:
    try:
        product = await queries.product(tx, workspace_id=workspace_id, product_id=product_id)
    except NotFound:
        raise Invalid("product_id", "no such product in this workspace", code="product_not_found") from None
    if not product.active:
        raise Invalid("product_id", "this product is archived", code="product_inactive")
    return product


def _check_quantity(quantity_max: int) -> None:
    if not 1 <= quantity_max <= QUANTITY_MAX:
        raise Invalid("quantity_max", f"must be between 1 and {QUANTITY_MAX}")


def _options(
    known: Mapping[CurrencyId, PaymentCurrency],
    base: tuple[CurrencyId, str],
    further: Sequence[tuple[CurrencyId, str]],
) -> list[PriceOption]:
    if len(further) > OPTIONS_MAX:
        raise Invalid("currency_options", f"has at most {OPTIONS_MAX} entries")
    made = [_option(known, *base, id_field="currency_id", amount_field="unit_amount")]
    for place, (currency_id, amount) in enumerate(further):
        path = f"currency_options[{place}]"
        option = _option(known, currency_id, amount, id_field=f"{path}.currency_id", amount_field=f"{path}.unit_amount")
        if any(option.currency_id == earlier.currency_id for earlier in made):
            raise Invalid(f"{path}.currency_id", f"{option.code} is there already")
        made.append(option)
    return made


def _option(
    known: Mapping[CurrencyId, PaymentCurrency],
    currency_id: CurrencyId,
    amount: str,
    *,
    id_field: str,
    amount_field: str,
) -> PriceOption:
    currency = known.get(currency_id)
    if currency is None:
        raise Invalid(id_field, "no such payment currency in this workspace", code="currency_not_found")
    if currency.type != "standard" or currency.code is None:
        raise Mismatched(id_field, f"{currency.name!r} is a credit currency; prices are paid in money")
    if not currency.active:
        raise Invalid(id_field, "this payment currency is archived", code="currency_inactive")
    unit_amount = parse_decimal(amount, field=amount_field, decimals=currency.decimals, minimum=Decimal(0))
    return PriceOption(currency_id=currency.id, code=currency.code, decimals=currency.decimals, unit_amount=unit_amount)


async def _credit_config(
    tx: Reads,
    product: Product,
    known: Mapping[CurrencyId, PaymentCurrency],
    terms: CreditTerms | None,
    meter_id: MeterId | None,
) -> CreditConfig | None:
    if terms is None:
        if product.type == "credit":
            raise Mismatched(
                "credit_config", "a product of type 'credit' needs one: a customer would pay and be granted nothing"
            )
        if meter_id is not None:
            raise Invalid("meter_id", "belongs to a price with a credit_config")
        return None
    if product.type != "credit":
        raise Mismatched("credit_config", f"the product's type is '{product.type}'; only type 'credit' sells credits")
    currency = known.get(terms.currency_id)
    field = "credit_config.currency_id"
    if currency is None:
        raise Invalid(field, "no such payment currency in this workspace", code="currency_not_found")
    if currency.type != "credit":
        raise Mismatched(field, f"{currency.unit} is money; credits are granted in a credit currency")
    if not currency.active:
        raise Invalid(field, "this payment currency is archived", code="currency_inactive")
    if not 0 <= terms.priority <= PRIORITY_MAX:
        raise Invalid("credit_config.priority", f"must be between 0 and {PRIORITY_MAX}")
    _check_duration(terms.valid_duration_value, terms.valid_duration_unit)
    await _check_meters(tx, product.workspace_id, currency, meter_id, terms.scope)
    amount = parse_positive(terms.amount, field="credit_config.credit_amount", decimals=currency.decimals)
    return CreditConfig(
        currency_id=currency.id,
        amount=Credits(amount),
        priority=terms.priority,
        valid_duration_value=terms.valid_duration_value,
        valid_duration_unit=terms.valid_duration_unit,
        scope=list(dict.fromkeys(terms.scope)),
    )


def _check_duration(duration: int, unit: DurationUnit) -> None:
    if duration < 0:
        raise Invalid("credit_config.valid_duration_value", "must not be negative; 0 means never")
    if duration > YEARS_MAX * _PER_YEAR[unit]:
        raise Invalid("credit_config.valid_duration_value", f"is more than {YEARS_MAX} years; 0 means never")


async def _check_meters(
    tx: Reads,
    workspace_id: WorkspaceId,
    currency: PaymentCurrency,
    meter_id: MeterId | None,
    scope: Sequence[MeterId],
) -> None:
    """Meters that charge another currency could never burn these credits."""
    if len(scope) > SCOPE_MAX:
        raise Invalid("credit_config.scope", f"has at most {SCOPE_MAX} meters")
    named = [("meter_id", meter_id)] if meter_id is not None else []
    named += [(f"credit_config.scope[{place}]", each) for place, each in enumerate(scope)]
    meters = await queries.meters_by_id(tx, workspace_id=workspace_id, ids=[each for _, each in named])
    for field, each in named:
        meter = meters.get(each)
        if meter is None:
            raise Invalid(field, "no such meter in this workspace", code="meter_not_found")
        if meter.currency_id != currency.id:
            raise Mismatched(
                field,
                f"the meter {meter.event_name!r} charges another credit currency than the {currency.name!r} granted:"
                " a customer would pay while the meter's balance stays zero",
            )
    if meter_id is not None and scope and meter_id not in scope:
        raise Mismatched("credit_config.scope", "leaves out the price's own meter")


async def change_price(
    tx: Tx,
    *,
    workspace_id: WorkspaceId,
    price_id: PriceId,
    nickname: str | UnsetType = UNSET,
    active: bool | UnsetType = UNSET,
    quantity_max: int | UnsetType = UNSET,
    lookup_key: str | UnsetType | None = UNSET,
    metadata: Metadata | UnsetType = UNSET,
) -> Price:
    """Raises NotFound, Invalid, Taken, StillUsed for the base price of a recharge config."""
    if not await store.lock_price(tx, workspace_id, price_id):
        raise NotFound("price")
    old = await queries.price(tx, workspace_id=workspace_id, price_id=price_id)
    if nickname is not UNSET:
        clean_text(nickname, field="nickname", longest=NICKNAME_LONGEST)
    if quantity_max is not UNSET:
        _check_quantity(quantity_max)
    if isinstance(lookup_key, str):
        clean_key(lookup_key, field="lookup_key")
        other = await store.price_by_key(tx, workspace_id, lookup_key)
        if other is not None and queries.price_from(other).id != price_id:
            raise Taken("price", "lookup_key")
    if metadata is not UNSET:
        clean_metadata(metadata)
    if active is False and old.active:
        used = await currency_store.recharged_by_price(tx, workspace_id, [price_id])
        if used is not None:
            name = queries.currency_from(used).name
            raise StillUsed(f"{name!r} is recharged with this price; change its recharge config first.")
    if active is True and not old.active:
        await _check_fits(tx, old)
    changed = msgspec.structs.replace(
        old,
        # On sale again, it is nobody's old version.
        superseded_by=None if active is True else old.superseded_by,
        nickname=old.nickname if nickname is UNSET else nickname,
        active=old.active if active is UNSET else active,
        quantity_max=old.quantity_max if quantity_max is UNSET else quantity_max,
        lookup_key=old.lookup_key if lookup_key is UNSET else lookup_key,
        metadata=old.metadata if metadata is UNSET else metadata,
    )
    await store.update_price(tx, changed)
    return changed


async def _check_fits(tx: Tx, price: Price) -> None:
    """A product may have changed its type since its price was archived."""
    product = await queries.product(tx, workspace_id=price.workspace_id, product_id=price.product_id)
    if (product.type == "credit") != (price.credit_config is not None):
        raise Mismatched("active", f"the product's type is '{product.type}' by now; make a new price")


async def replace_price(tx: Tx, *, old: Price, new: Price) -> None:
    """Archive a price for its newer version: whoever agreed to the old one goes on paying it, links lead to the new one.

    Raises StillUsed for the base price of a recharge config.
    """
    await change_price(tx, workspace_id=old.workspace_id, price_id=old.id, active=False)
    if not await store.supersede(tx, old.workspace_id, old.id, new.id):
        raise NotFound("price")
