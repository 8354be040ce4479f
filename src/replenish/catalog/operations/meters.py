"""Writes of meters."""

from datetime import datetime
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from replenish.catalog import queries
from replenish.catalog.errors import Mismatched, Taken
from replenish.catalog.model import Aggregation, Meter, MeterStatus
from replenish.catalog.operations.currencies import create_currency
from replenish.catalog.rate_terms import UNCHANGED, MeterRating, RatingTerms, checked_rating
from replenish.catalog.store import meters as store
from replenish.core.errors import Invalid, NotFound
from replenish.core.ids import CURRENCY, CurrencyId, MeterId, WorkspaceId
from replenish.core.metadata import Metadata, clean_metadata
from replenish.core.text import clean_key, clean_text
from replenish.core.transaction import Tx

NAME_LONGEST: Final = 64
UNIT_LONGEST: Final = 32
DESCRIPTION_LONGEST: Final = 255


async def create_meter(
    tx: Tx,
    *,
    meter_id: MeterId,
    workspace_id: WorkspaceId,
    name: str,
    event_name: str,
    unit: str,
    now: datetime,
    aggregation: Aggregation = "sum",
    rating: RatingTerms = UNCHANGED,
    currency_id: CurrencyId | None = None,
    decimals: int | None = None,
    lookup_key: str | None = None,
    description: str = "",
    metadata: Metadata | None = None,
) -> Meter:
    """Without a currency, a credit currency named after the unit is made with it; `decimals` is for that one.

    Raises Invalid, Mismatched(currency_id), Taken(event_name | lookup_key).
    """
    clean_text(name, field="name", longest=NAME_LONGEST, shortest=1)
    clean_key(event_name, field="event_name", longest=64)
    clean_text(unit, field="unit", longest=UNIT_LONGEST, shortest=1)
    clean_text(description, field="description", longest=DESCRIPTION_LONGEST)
    if lookup_key is not None:
        clean_key(lookup_key, field="lookup_key")
    rated = checked_rating(rating, aggregation=aggregation, old=MeterRating())
    if currency_id is None:
        made = await create_currency(
            tx,
            currency_id=CURRENCY.new(),
            workspace_id=workspace_id,
            type_="credit",
            name=name,
            symbol=unit,
            decimals=decimals,
            now=now,
        )
        currency_id = made.id
    else:
        if decimals is not None:
            raise Invalid("decimals", "belongs to a new credit currency; this one has its decimals already")
        await _check_currency(tx, workspace_id, currency_id)
    meter = Meter(
        id=meter_id,
        workspace_id=workspace_id,
        name=name,
        event_name=event_name,
        lookup_key=lookup_key,
        aggregation=aggregation,
        unit=unit,
        description=description,
        status="active",
        currency_id=currency_id,
        credits_per_unit=rated.credits_per_unit,
        metadata=clean_metadata(metadata or {}),
        created_at=now,
        rate=rated.rate,
        rate_card=rated.rate_card,
        unmatched=rated.unmatched,
    )
    if await store.insert_meter(tx, meter) is None:
        names = await queries.meters_by_event_name(tx, names=[(workspace_id, event_name)])
        raise Taken("meter", "event_name" if names else "lookup_key")
    return meter


async def _check_currency(tx: Tx, workspace_id: WorkspaceId, currency_id: CurrencyId) -> None:
    try:
        currency = await queries.currency(tx, workspace_id=workspace_id, currency_id=currency_id)
    except NotFound:
        raise Invalid("currency_id", "no such payment currency in this workspace", code="currency_not_found") from None
    if currency.type != "credit":
        raise Mismatched("currency_id", f"{currency.unit} is money; a meter charges a credit currency")
    if not currency.active:
        raise Invalid("currency_id", "this payment currency is archived", code="currency_inactive")


async def change_meter(
    tx: Tx,
    *,
    workspace_id: WorkspaceId,
    meter_id: MeterId,
    name: str | UnsetType = UNSET,
    unit: str | UnsetType = UNSET,
    description: str | UnsetType = UNSET,
    status: MeterStatus | UnsetType = UNSET,
    rating: RatingTerms = UNCHANGED,
    metadata: Metadata | UnsetType = UNSET,
) -> Meter:
    """Event name, aggregation and currency never change. A new rate holds for events recorded from now on."""
    found = await store.lock_meter(tx, workspace_id, meter_id)
    if found is None:
        raise NotFound("meter")
    old = queries.meter_from(found)
    if name is not UNSET:
        clean_text(name, field="name", longest=NAME_LONGEST, shortest=1)
    if unit is not UNSET:
        clean_text(unit, field="unit", longest=UNIT_LONGEST, shortest=1)
    if description is not UNSET:
        clean_text(description, field="description", longest=DESCRIPTION_LONGEST)
    if metadata is not UNSET:
        clean_metadata(metadata)
    if status == "active" and old.status != "active":
        await _check_currency(tx, workspace_id, old.currency_id)
    before = MeterRating(old.credits_per_unit, old.rate, old.rate_card, old.unmatched)
    rated = checked_rating(rating, aggregation=old.aggregation, old=before)
    changed = msgspec.structs.replace(
        old,
        name=old.name if name is UNSET else name,
        unit=old.unit if unit is UNSET else unit,
        description=old.description if description is UNSET else description,
        status=old.status if status is UNSET else status,
        credits_per_unit=rated.credits_per_unit,
        metadata=old.metadata if metadata is UNSET else metadata,
        rate=rated.rate,
        rate_card=rated.rate_card,
        unmatched=rated.unmatched,
    )
    await store.update_meter(tx, changed)
    return changed
