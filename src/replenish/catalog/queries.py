"""Reads of the catalog. Another workspace's object is not found (law 16). Lists: newest first, ids below `before`."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import cast
from uuid import UUID

import msgspec
from asyncpg import Record

from replenish.catalog.model import (
    Campaign,
    CreditConfig,
    CurrencyType,
    DurationUnit,
    Meter,
    MeterStatus,
    OverdraftPolicy,
    PaymentCurrency,
    PaymentLink,
    Price,
    PriceOption,
    Product,
    ProductType,
    RechargeConfig,
    TopUpPlace,
)
from replenish.catalog.rates import NO_CARD, Rate, RateCard
from replenish.catalog.store import currencies as currency_store
from replenish.catalog.store import links as link_store
from replenish.catalog.store import meters as meter_store
from replenish.catalog.store import prices as price_store
from replenish.catalog.store import products as product_store
from replenish.core.db import Reads
from replenish.core.errors import NotFound
from replenish.core.ids import (
    CURRENCY,
    METER,
    PAYMENT_LINK,
    PRICE,
    PRODUCT,
    CampaignId,
    CurrencyId,
    MeterId,
    PaymentLinkId,
    PriceId,
    ProductId,
    WorkspaceId,
)
from replenish.core.metadata import Metadata
from replenish.core.money import Credits
from replenish.core.rows import optional, row_to, rows_to, value

_SHORT_NUMBER_MAX = 2**31 - 1


# Payment currencies


async def currency(db: Reads, *, workspace_id: WorkspaceId, currency_id: CurrencyId) -> PaymentCurrency:
    return currency_from(_found(await currency_store.currency(db, workspace_id, currency_id), "payment currency"))


async def find_currency(db: Reads, *, workspace_id: WorkspaceId, key: str) -> PaymentCurrency:
    """By id, code (`USD`) or lookup key."""
    currency_id = CURRENCY.try_parse(key)
    if currency_id is not None:
        return await currency(db, workspace_id=workspace_id, currency_id=currency_id)
    return currency_from(_found(await currency_store.currency_by_key(db, workspace_id, key), "payment currency"))


async def currencies_by_id(
    db: Reads, *, workspace_id: WorkspaceId, ids: Iterable[CurrencyId]
) -> Mapping[CurrencyId, PaymentCurrency]:
    """Those of `ids` that this workspace has, in one statement."""
    rows = await currency_store.currencies_by_id(db, workspace_id, list(ids))
    return {found.id: found for found in map(currency_from, rows)}


async def currencies(
    db: Reads,
    *,
    workspace_id: WorkspaceId,
    type_: CurrencyType | None = None,
    active: bool | None = None,
    before: UUID | None = None,
    limit: int = 100,
) -> list[PaymentCurrency]:
    rows = await currency_store.currencies(db, workspace_id, type_, active, before, limit)
    return [currency_from(row) for row in rows]


async def top_up_url(db: Reads, *, workspace_id: WorkspaceId, currency_id: CurrencyId, base_url: str) -> str | None:
    """Where anybody buys this credit currency; None while nothing is configured."""
    place = await top_up_place(db, workspace_id=workspace_id, currency_id=currency_id, base_url=base_url)
    return None if place is None else place.url


async def top_up_place(
    db: Reads, *, workspace_id: WorkspaceId, currency_id: CurrencyId, base_url: str
) -> TopUpPlace | None:
    """Precedence: checkout URL, then payment link, then the link made from the base price."""
    found = await currency(db, workspace_id=workspace_id, currency_id=currency_id)
    config = found.recharge_config
    if config is None:
        return None
    if config.checkout_url is not None:
        return TopUpPlace(url=config.checkout_url, is_ours=False)
    if config.payment_link_id is not None:
        chosen = await link(db, workspace_id=workspace_id, link_id=config.payment_link_id)
        return TopUpPlace(url=chosen.url(base_url), is_ours=True)
    made = await link_store.link_made_for(db, workspace_id, currency_id, config.base_price_id)
    return None if made is None else TopUpPlace(url=row_to(PaymentLink, made).url(base_url), is_ours=True)


# Meters


async def meter(db: Reads, *, workspace_id: WorkspaceId, meter_id: MeterId) -> Meter:
    return meter_from(_found(await meter_store.meter(db, workspace_id, meter_id), "meter"))


async def find_meter(db: Reads, *, workspace_id: WorkspaceId, key: str) -> Meter:
    """By id, event name or lookup key."""
    meter_id = METER.try_parse(key)
    if meter_id is not None:
        return await meter(db, workspace_id=workspace_id, meter_id=meter_id)
    return meter_from(_found(await meter_store.meter_by_key(db, workspace_id, key), "meter"))


async def meters_by_id(db: Reads, *, workspace_id: WorkspaceId, ids: Iterable[MeterId]) -> Mapping[MeterId, Meter]:
    rows = await meter_store.meters_by_id(db, workspace_id, list(ids))
    return {found.id: found for found in map(meter_from, rows)}


async def meters_by_event_name(
    db: Reads, *, names: Iterable[tuple[WorkspaceId, str]]
) -> Mapping[tuple[WorkspaceId, str], Meter]:
    """The meters of a batch of usage, of any workspaces, in one statement."""
    pairs = list(names)
    rows = await meter_store.meters_by_event_name(db, [pair[0] for pair in pairs], [pair[1] for pair in pairs])
    return {(found.workspace_id, found.event_name): found for found in map(meter_from, rows)}


async def meters(
    db: Reads,
    *,
    workspace_id: WorkspaceId,
    currency_id: CurrencyId | None = None,
    status: MeterStatus | None = None,
    before: UUID | None = None,
    limit: int = 100,
) -> list[Meter]:
    rows = await meter_store.meters(db, workspace_id, currency_id, status, before, limit)
    return [meter_from(row) for row in rows]


# Campaigns and products


async def campaign(db: Reads, *, workspace_id: WorkspaceId, campaign_id: CampaignId) -> Campaign:
    return row_to(Campaign, _found(await product_store.campaign(db, workspace_id, campaign_id), "campaign"))


async def campaign_by_number(db: Reads, *, workspace_id: WorkspaceId, number: int) -> Campaign:
    found = await product_store.campaign_by_number(db, workspace_id, _short(number, "campaign"))
    return row_to(Campaign, _found(found, "campaign"))


async def campaigns(
    db: Reads, *, workspace_id: WorkspaceId, before: UUID | None = None, limit: int = 100
) -> list[Campaign]:
    return rows_to(Campaign, await product_store.campaigns(db, workspace_id, before, limit))


async def product(db: Reads, *, workspace_id: WorkspaceId, product_id: ProductId) -> Product:
    return row_to(Product, _found(await product_store.product(db, workspace_id, product_id), "product"))


async def find_product(db: Reads, *, workspace_id: WorkspaceId, key: str) -> Product:
    """By id or lookup key."""
    product_id = PRODUCT.try_parse(key)
    if product_id is not None:
        return await product(db, workspace_id=workspace_id, product_id=product_id)
    return row_to(Product, _found(await product_store.product_by_key(db, workspace_id, key), "product"))


async def product_by_number(db: Reads, *, workspace_id: WorkspaceId, number: int) -> Product:
    found = await product_store.product_by_number(db, workspace_id, _short(number, "product"))
    return row_to(Product, _found(found, "product"))


async def products_by_id(
    db: Reads, *, workspace_id: WorkspaceId, ids: Iterable[ProductId]
) -> Mapping[ProductId, Product]:
    rows = await product_store.products_by_id(db, workspace_id, list(ids))
    return {found.id: found for found in rows_to(Product, rows)}


async def products(
    db: Reads,
    *,
    workspace_id: WorkspaceId,
    campaign_id: CampaignId | None = None,
    type_: ProductType | None = None,
    active: bool | None = None,
    before: UUID | None = None,
    limit: int = 100,
) -> list[Product]:
    rows = await product_store.products(db, workspace_id, campaign_id, type_, active, before, limit)
    return rows_to(Product, rows)


async def products_of_campaigns(
    db: Reads, *, workspace_id: WorkspaceId, campaign_ids: Iterable[CampaignId]
) -> list[Product]:
    """The products of these campaigns, and those of none; oldest first."""
    return rows_to(Product, await product_store.products_of_campaigns(db, workspace_id, list(campaign_ids)))


# Prices


async def price(db: Reads, *, workspace_id: WorkspaceId, price_id: PriceId) -> Price:
    return price_from(_found(await price_store.price(db, workspace_id, price_id), "price"))


async def newest_version(db: Reads, *, workspace_id: WorkspaceId, price_id: PriceId) -> PriceId:
    """The price that is sold where this one was: itself, unless newer versions have taken its place."""
    found = await price_store.newest_version(db, workspace_id, price_id)
    return PriceId(found) if isinstance(found, UUID) else price_id


async def find_price(db: Reads, *, workspace_id: WorkspaceId, key: str) -> Price:
    """By id or lookup key."""
    price_id = PRICE.try_parse(key)
    if price_id is not None:
        return await price(db, workspace_id=workspace_id, price_id=price_id)
    return price_from(_found(await price_store.price_by_key(db, workspace_id, key), "price"))


async def prices_by_id(db: Reads, *, workspace_id: WorkspaceId, ids: Iterable[PriceId]) -> Mapping[PriceId, Price]:
    rows = await price_store.prices_by_id(db, workspace_id, list(ids))
    return {found.id: found for found in map(price_from, rows)}


async def prices(
    db: Reads,
    *,
    workspace_id: WorkspaceId,
    product_id: ProductId | None = None,
    credit_currency_id: CurrencyId | None = None,
    active: bool | None = None,
    before: UUID | None = None,
    limit: int = 100,
) -> list[Price]:
    rows = await price_store.prices(db, workspace_id, product_id, credit_currency_id, active, before, limit)
    return [price_from(row) for row in rows]


# Payment links


async def link(db: Reads, *, workspace_id: WorkspaceId, link_id: PaymentLinkId) -> PaymentLink:
    return row_to(PaymentLink, _found(await link_store.link(db, workspace_id, link_id), "payment link"))


async def find_link(db: Reads, *, workspace_id: WorkspaceId, key: str) -> PaymentLink:
    """By id or lookup key."""
    link_id = PAYMENT_LINK.try_parse(key)
    if link_id is not None:
        return await link(db, workspace_id=workspace_id, link_id=link_id)
    return row_to(PaymentLink, _found(await link_store.link_by_key(db, workspace_id, key), "payment link"))


async def link_by_slug(db: Reads, *, slug: str) -> PaymentLink:
    """For the public page: whoever holds the address may see it, and it says which workspace it belongs to."""
    return row_to(PaymentLink, _found(await link_store.link_by_slug(db, slug), "payment link"))


async def links(
    db: Reads,
    *,
    workspace_id: WorkspaceId,
    price_id: PriceId | None = None,
    active: bool | None = None,
    before: UUID | None = None,
    limit: int = 100,
) -> list[PaymentLink]:
    return rows_to(PaymentLink, await link_store.links(db, workspace_id, price_id, active, before, limit))


# From rows


def meter_from(record: Record) -> Meter:
    meter = row_to(Meter, record)
    rate, card = cast("object", record["rate"]), cast("object", record["rate_card"])
    if rate is None and not card:
        return msgspec.structs.replace(meter, rate_card=NO_CARD)
    return msgspec.structs.replace(
        meter, rate=None if rate is None else msgspec.convert(rate, Rate), rate_card=RateCard.of(card)
    )


def currency_from(record: Record) -> PaymentCurrency:
    limit = optional(record, "overdraft_limit", Decimal)
    base_price_id = optional(record, "base_price_id", UUID)
    link_id = optional(record, "recharge_payment_link_id", UUID)
    return PaymentCurrency(
        id=CurrencyId(value(record, "id", UUID)),
        workspace_id=WorkspaceId(value(record, "workspace_id", UUID)),
        type=cast("CurrencyType", value(record, "type", str)),
        code=optional(record, "code", str),
        lookup_key=optional(record, "lookup_key", str),
        name=value(record, "name", str),
        symbol=value(record, "symbol", str),
        decimals=value(record, "decimals", int),
        active=value(record, "active", bool),
        overdraft_policy=cast("OverdraftPolicy", value(record, "overdraft_policy", str)),
        overdraft_limit=None if limit is None else Credits(limit),
        recharge_config=None
        if base_price_id is None
        else RechargeConfig(
            base_price_id=PriceId(base_price_id),
            payment_link_id=None if link_id is None else PaymentLinkId(link_id),
            checkout_url=optional(record, "recharge_checkout_url", str),
            amount_min=optional(record, "recharge_amount_min", Decimal),
            amount_max=optional(record, "recharge_amount_max", Decimal),
        ),
        metadata=cast("Metadata", value(record, "metadata", dict)),
        created_at=value(record, "created_at", datetime),
    )


def price_from(record: Record) -> Price:
    credit_currency_id = optional(record, "credit_currency_id", UUID)
    meter_id = optional(record, "meter_id", UUID)
    newer = optional(record, "superseded_by", UUID)
    options = zip(
        cast("list[CurrencyId]", value(record, "option_ids", list)),
        cast("list[str]", value(record, "option_codes", list)),
        cast("list[int]", value(record, "option_decimals", list)),
        cast("list[Decimal]", value(record, "option_amounts", list)),
        strict=True,
    )
    return Price(
        id=PriceId(value(record, "id", UUID)),
        workspace_id=WorkspaceId(value(record, "workspace_id", UUID)),
        product_id=ProductId(value(record, "product_id", UUID)),
        nickname=value(record, "nickname", str),
        lookup_key=optional(record, "lookup_key", str),
        active=value(record, "active", bool),
        options=[
            PriceOption(currency_id=currency_id, code=code, decimals=decimals, unit_amount=unit_amount)
            for currency_id, code, decimals, unit_amount in options
        ],
        quantity_max=value(record, "quantity_max", int),
        credit_config=None
        if credit_currency_id is None
        else CreditConfig(
            currency_id=CurrencyId(credit_currency_id),
            amount=Credits(value(record, "credit_amount", Decimal)),
            priority=value(record, "credit_priority", int),
            valid_duration_value=value(record, "valid_duration_value", int),
            valid_duration_unit=cast("DurationUnit", value(record, "valid_duration_unit", str)),
            scope=cast("Sequence[MeterId]", value(record, "credit_scope", list)),
        ),
        meter_id=None if meter_id is None else MeterId(meter_id),
        metadata=cast("Metadata", value(record, "metadata", dict)),
        created_at=value(record, "created_at", datetime),
        superseded_by=None if newer is None else PriceId(newer),
    )


def _found(record: Record | None, what: str) -> Record:
    if record is None:
        raise NotFound(what)
    return record


def _short(number: int, what: str) -> int:
    """A number that no campaign can have must not reach the database's 32-bit column."""
    if not 0 < number <= _SHORT_NUMBER_MAX:
        raise NotFound(what)
    return number
