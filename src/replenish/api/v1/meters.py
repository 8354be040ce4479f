"""Meters: how reported usage becomes credits."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

from msgspec import UNSET, Meta, UnsetType, field

from replenish.api.v1.call import Call
from replenish.api.v1.rates import Rate, RateCardEntry, RatingBody, rating_terms, show_card, show_rate
from replenish.api.v1.references import currency_ref
from replenish.api.v1.routing import changes, creates, reads
from replenish.api.v1.wire import (
    NAME,
    CreditCurrencyKey,
    Cursor,
    Decimals,
    Example,
    Key,
    Limit,
    LookupKey,
    Metadata,
    Page,
    Shown,
    Time,
    before,
    page,
)
from replenish.catalog import queries
from replenish.catalog.model import Aggregation, Meter, MeterStatus
from replenish.catalog.rates import FlatRate, Unmatched
from replenish.core.ids import CURRENCY, METER
from replenish.core.money import plain
from replenish.flows import manage_meters

MeterName = Annotated[str, Meta(min_length=1, max_length=64, description="What people call it.")]
EventName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        pattern=NAME,
        description="The name that usage is reported under: unique in the workspace, and never changed.",
    ),
]
Unit = Annotated[str, Meta(min_length=1, max_length=32, description="What is counted, such as `call` or `token`.")]
Description = Annotated[str, Meta(max_length=255, description="What it measures, in your words.")]


class NewMeter(RatingBody, kw_only=True):
    EXAMPLE: ClassVar[Example] = {
        "name": "AI tokens",
        "event_name": "ai_tokens",
        "unit": "token",
        "currency_id": "credits",
        "credits_per_unit": "0.001",
    }

    name: MeterName
    event_name: EventName
    unit: Unit
    aggregation: Annotated[
        Aggregation,
        Meta(
            description="`sum` charges each unit of an event's `value`; `count` charges each event as one unit, whatever its value."
        ),
    ] = "sum"
    currency_id: Annotated[
        CreditCurrencyKey | None,
        Meta(
            description="The credit currency that it charges, by id or lookup key; unless said, one is made with the meter."
        ),
    ] = None
    decimals: Annotated[
        Decimals | None,
        Meta(
            description="Of the credit currency that is made with the meter, 2 unless said; not together with `currency_id`."
        ),
    ] = None
    description: Description = ""
    lookup_key: LookupKey | None = None
    metadata: Metadata = field(default_factory=dict)


class MeterChanges(RatingBody, kw_only=True):
    MADE_BY = NewMeter
    EXAMPLE: ClassVar[Example] = {"credits_per_unit": "0.002"}

    name: MeterName | UnsetType = UNSET
    unit: Unit | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    status: Annotated[MeterStatus, Meta(description="An `inactive` meter refuses events.")] | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET


class MeterView(Shown):
    """`credits_per_unit` is null where `rate` is not flat."""

    id: str
    name: str
    event_name: str
    unit: str
    aggregation: Aggregation
    credits_per_unit: str | None
    rate: Rate
    rate_card: Sequence[RateCardEntry]
    unmatched: Unmatched
    currency_id: str
    description: str
    lookup_key: str | None
    status: MeterStatus
    metadata: Metadata
    created_at: Time


def show(meter: Meter) -> MeterView:
    return MeterView(
        id=METER.text(meter.id),
        name=meter.name,
        event_name=meter.event_name,
        unit=meter.unit,
        aggregation=meter.aggregation,
        credits_per_unit=plain(meter.credits_per_unit) if meter.rate is None else None,
        rate=show_rate(meter.rate or FlatRate(meter.credits_per_unit)),
        rate_card=show_card(meter.rate_card),
        unmatched=meter.unmatched,
        currency_id=CURRENCY.text(meter.currency_id),
        description=meter.description,
        lookup_key=meter.lookup_key,
        status=meter.status,
        metadata=dict(meter.metadata),
        created_at=meter.created_at,
    )


@creates("/meters", scope="catalog:write")
async def create_meter(data: NewMeter, call: Call) -> MeterView:
    """Create a meter. Without a currency, a credit currency is made with it."""
    meter_id = await manage_meters.create_meter(
        db=call.db,
        workspace_id=call.workspace_id,
        name=data.name,
        event_name=data.event_name,
        unit=data.unit,
        aggregation=data.aggregation,
        rating=rating_terms(data),
        currency_id=None
        if data.currency_id is None
        else await currency_ref(call, data.currency_id, field="currency_id"),
        decimals=data.decimals,
        lookup_key=data.lookup_key,
        description=data.description,
        metadata=data.metadata,
        request_key=call.request_key(data),
    )
    return show(await queries.meter(call.db, workspace_id=call.workspace_id, meter_id=meter_id))


@reads("/meters")
async def list_meters(
    call: Call,
    currency_id: Key | None = None,
    status: MeterStatus | None = None,
    limit: Limit = 20,
    cursor: Cursor | None = None,
) -> Page[MeterView]:
    """List meters, newest first."""
    rows = await queries.meters(
        call.db,
        workspace_id=call.workspace_id,
        currency_id=None if currency_id is None else await currency_ref(call, currency_id, field="currency_id"),
        status=status,
        before=before(cursor),
        limit=limit + 1,
    )
    return page(rows, limit=limit, show=show, id_of=lambda row: row.id)


@reads("/meters/{key:str}")
async def retrieve_meter(key: str, call: Call) -> MeterView:
    """Retrieve a meter by its id, event name or lookup key."""
    return show(await queries.find_meter(call.db, workspace_id=call.workspace_id, key=key))


@changes("/meters/{key:str}", scope="catalog:write")
async def change_meter(key: str, data: MeterChanges, call: Call) -> MeterView:
    """Change a meter. A new rate holds for events recorded from now on; inactive meters refuse events."""
    found = await queries.find_meter(call.db, workspace_id=call.workspace_id, key=key)
    await manage_meters.change_meter(
        db=call.db,
        workspace_id=call.workspace_id,
        meter_id=found.id,
        name=data.name,
        unit=data.unit,
        description=data.description,
        status=data.status,
        rating=rating_terms(data),
        metadata=data.metadata,
    )
    return show(await queries.meter(call.db, workspace_id=call.workspace_id, meter_id=found.id))


routes = [create_meter, list_meters, retrieve_meter, change_meter]
