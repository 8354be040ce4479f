"""Meter events: usage, debited at once. Never refused for lack of credits: what no grant can pay is owed."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final
from uuid import UUID

import msgspec

from replenish.api.paymentkit import bodies
from replenish.api.paymentkit.call import Call, route
from replenish.api.paymentkit.drafts import credit_currency_of
from replenish.api.paymentkit.errors import NotSupported
from replenish.api.paymentkit.people import customer_of, customer_view, filtered_customer, people_of
from replenish.api.paymentkit.views import currencies_of, meter_view, small_currency
from replenish.api.paymentkit.wire import (
    Json,
    day,
    extras_of,
    listed,
    own_id,
    pack,
    searched,
    seconds,
    several,
    stamped_at,
    units,
    unpack,
)
from replenish.catalog import queries as catalog
from replenish.catalog.model import Meter
from replenish.core.errors import Invalid, NotFound
from replenish.core.ids import CURRENCY, CUSTOMER, USAGE_EVENT
from replenish.core.money import DECIMALS_MAX, NO_CREDITS, ZERO, floor_to, parse_decimal, plain
from replenish.customers.model import Customer
from replenish.flows.record_usage import NewUsage, Refused
from replenish.reports import meter_events as reports
from replenish.reports.meter_events import MeterEvent
from replenish.usage import queries as usage
from replenish.usage.model import UsageConflict
from replenish.wallets import queries as wallets

_IDENTIFIER_LONGEST: Final = 255
_PROPERTIES_MAX_BYTES: Final = 16 * 1024


class Payload(msgspec.Struct, kw_only=True):
    """`value` in token units: text or a number."""

    customer_id: str
    value: object = None
    subscription_id: str | None = None


class NewMeterEvent(msgspec.Struct, kw_only=True):
    event_name: str
    payload: Payload
    identifier: str | None = None
    timestamp: object = None
    metadata: dict[str, object] | None = None
    source_data: object = None


@route("POST", "/meter-events", scope="usage:write")
async def create_meter_event(call: Call) -> Json:
    """Record a meter event. An identifier that the customer used before answers the event it stands for."""
    data = call.body(NewMeterEvent)
    identifier = data.identifier or ""
    if not 0 < len(identifier) <= _IDENTIFIER_LONGEST:
        raise Invalid("identifier", f"is required, 1 to {_IDENTIFIER_LONGEST} characters: it makes sending again safe")
    if data.payload.subscription_id:
        raise NotSupported("subscriptions (payload.subscription_id)")
    meter = await catalog.find_meter(call.db, workspace_id=call.workspace_id, key=data.event_name)
    customer = await customer_of(call, data.payload.customer_id)
    known = await usage.event_by_key(call.db, customer_id=customer.id, key=identifier)
    if known is None:
        sent = await _translate(call, data, meter, customer, identifier)
        outcome = await call.context.usage.submit(sent)
        if isinstance(outcome, Refused) and not isinstance(outcome.refusal, UsageConflict):
            raise outcome.refusal
        known = await usage.event_by_key(call.db, customer_id=customer.id, key=identifier)
        if known is None:
            raise NotFound("meter event")
    # The same event sent again by the application itself has another timestamp, and is the same event all the same.
    value = _value(data)
    if known.meter_id != meter.id or known.value != value:
        raise UsageConflict(identifier)
    return (await show_meter_events(call, [known.id]))[0]


def _value(data: NewMeterEvent) -> Decimal:
    text = bodies.amount_text(data.payload.value, field="payload.value")
    return parse_decimal(text, field="payload.value", decimals=DECIMALS_MAX, minimum=ZERO)


async def _translate(call: Call, data: NewMeterEvent, meter: Meter, customer: Customer, identifier: str) -> NewUsage:
    currency = await catalog.currency(call.db, workspace_id=call.workspace_id, currency_id=meter.currency_id)
    properties = pack(data.metadata or {}, extras={"source_data": data.source_data})
    if len(msgspec.json.encode(properties)) > _PROPERTIES_MAX_BYTES:
        raise Invalid("metadata", f"takes at most {_PROPERTIES_MAX_BYTES} bytes, together with source_data")
    return NewUsage(
        workspace_id=call.workspace_id,
        customer_id=customer.id,
        # The original never refuses usage after the fact, so no limit of the currency's holds here.
        currency=msgspec.structs.replace(currency, overdraft_policy="unlimited", overdraft_limit=None),
        meter=meter,
        key=identifier,
        value=_value(data),
        occurred_at=bodies.optional_time(data.timestamp, field="timestamp"),
        shortfall="owe",
        properties=properties or None,
    )


@route("GET", "/meter-events", scope="read")
async def list_meter_events(call: Call) -> Json:
    """List meter events, newest first."""
    key = call.text("meter_id") or call.text("event_name")
    meter_id = None
    if key is not None:
        meter_id = (await catalog.find_meter(call.db, workspace_id=call.workspace_id, key=key)).id
    filters = {
        "customer_id": await filtered_customer(call),
        "meter_id": meter_id,
        "start": call.time("start"),
        "end": call.time("end"),
        "status": several(call, "status"),
        "q": searched(call),
    }
    return await listed(call, "usage_events", show=show_meter_events, filters=filters)


@route("GET", "/meter-events/stats", scope="read")
async def meter_event_stats(call: Call) -> Json:
    """Count and sum a meter's events by minute, hour or day (UTC)."""
    meter = await catalog.find_meter(call.db, workspace_id=call.workspace_id, key=call.needed("meter_id"))
    start, end = call.time("start"), call.time("end")
    if start is None or end is None:
        raise Invalid("start" if start is None else "end", "is required, in Unix seconds")
    granularity = call.text("granularity") or "day"
    if granularity not in ("minute", "hour", "day"):
        raise Invalid("granularity", "must be minute, hour or day")
    found = await reports.stats(
        call.db,
        workspace_id=call.workspace_id,
        meter_id=meter.id,
        start=start,
        end=end,
        granularity=granularity,
        customer_id=await filtered_customer(call),
    )
    currency = await catalog.currency(call.db, workspace_id=call.workspace_id, currency_id=meter.currency_id)
    shown = [
        {
            "date": bucket.start.date().isoformat() if granularity == "day" else day(bucket.start),
            "timestamp": day(bucket.start),
            "event_count": bucket.events,
            "total_value": units(floor_to(bucket.value, currency.decimals), currency.decimals),
        }
        for bucket in found
    ]
    return {"count": len(shown), "list": shown}


@route("GET", "/meter-events/pending-amount", scope="read")
async def pending_amount(call: Call) -> Json:
    """What is owed, in base units, by credit currency; a currency in which nothing is owed is left out."""
    if call.text("subscription_id"):
        raise NotSupported("subscriptions (subscription_id)")
    customer_id = await filtered_customer(call)
    if customer_id is None:
        raise Invalid("customer_id", "is required")
    key = call.text("currency_id")
    currency = None if key is None else await credit_currency_of(call, key, field="currency_id")
    found = await wallets.balances(call.db, workspace_id=call.workspace_id, customer_id=customer_id)
    owing = [each for each in found if each.owed and (currency is None or each.currency_id == currency.id)]
    known = await currencies_of(call, (each.currency_id for each in owing))
    return {CURRENCY.text(each.currency_id): units(each.owed, known[each.currency_id].decimals) for each in owing}


@route("GET", "/meter-events/{key:str}", scope="read")
async def retrieve_meter_event(call: Call) -> Json:
    """Retrieve a meter event."""
    shown = await show_meter_events(call, [own_id(USAGE_EVENT, call.path(), "meter event")])
    if not shown:
        raise NotFound("meter event")
    return shown[0]


async def show_meter_events(call: Call, ids: Sequence[UUID]) -> list[Json]:
    """Events with their customer, meter and credit currency."""
    found = await reports.meter_events(call.db, workspace_id=call.workspace_id, ids=ids)
    people = await people_of(call, (event.customer_id for event in found.values()))
    meters = await catalog.meters_by_id(
        call.db,
        workspace_id=call.workspace_id,
        ids={event.meter_id for event in found.values() if event.meter_id is not None},
    )
    currencies = await currencies_of(call, (event.currency_id for event in found.values()))
    shown: list[Json] = []
    for each in ids:
        event = found.get(each)
        if event is None:
            continue
        currency = currencies[event.currency_id]
        meter = None if event.meter_id is None else meters.get(event.meter_id)
        view = _view(call, event, meter, currency.decimals)
        view["customer"] = customer_view(call, people[event.customer_id])
        view["paymentCurrency"] = small_currency(currency)
        if meter is not None:
            view["meter"] = meter_view(call, meter, currency)
        shown.append(view)
    return shown


def _view(call: Call, event: MeterEvent, meter: Meter | None, decimals: int) -> Json:
    properties = event.properties or {}
    consumed = NO_CREDITS if event.reversed else event.debit - event.pending
    return {
        "id": USAGE_EVENT.text(event.id),
        "object": "meter_event",
        "livemode": call.livemode,
        "event_name": "" if meter is None else meter.event_name,
        "payload": {"customer_id": CUSTOMER.text(event.customer_id), "value": plain(event.value)},
        "identifier": event.key,
        "timestamp": seconds(event.occurred_at),
        "status": "canceled" if event.reversed else "requires_capture" if event.pending else "completed",
        "processed_at": seconds(event.recorded_at),
        "attempt_count": 0,
        "next_attempt": None,
        "credit_consumed": units(consumed, decimals),
        "credit_pending": units(event.pending, decimals),
        "metadata": unpack(properties),
        "source_data": extras_of(properties).get("source_data"),
        **stamped_at(event.recorded_at),
    }


routes = [
    create_meter_event,
    list_meter_events,
    meter_event_stats,
    pending_amount,
    retrieve_meter_event,
]
