"""Usage events: what was recorded, and taking one back."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from replenish.api.v1.call import Call
from replenish.api.v1.routing import creates, reads
from replenish.api.v1.wire import (
    Body,
    Cursor,
    Example,
    Key,
    Limit,
    Metadata,
    Page,
    Shown,
    Time,
    path_id,
    timed_before,
    timed_cursor,
)
from replenish.catalog import queries as catalog
from replenish.core.errors import NotFound
from replenish.core.ids import CUSTOMER, LOT, METER, USAGE_EVENT, USAGE_REVERSAL, UsageEventId
from replenish.core.money import plain
from replenish.customers import queries as customers
from replenish.flows import reverse_usage as flow
from replenish.usage import queries
from replenish.usage.model import Rating, UsageEvent, UsageReversal


class AllocationView(Shown):
    credit_grant_id: str
    amount: str


class ReversalView(Shown):
    """`returned` went back to grants, `forgiven` is owed no more."""

    id: str
    usage_event_id: str
    returned: str
    forgiven: str
    reason: str
    created_at: Time


class RatedPartView(Shown):
    """So many units, or packages, at one rate."""

    units: str
    rate: str


class RatingView(Shown):
    """How a price came about that is not a flat rate's; `parts` add up to it.

    `month`: where units count for tiers; `counted` is what had been used in it before, `units` what this event adds.
    """

    type: Literal["package", "graduated"]
    parts: Sequence[RatedPartView]
    package_size: str | None
    month: date | None
    units: str | None
    counted: str | None


class UsageEventView(Shown):
    """A recorded event. `price` is exact; `debit` is what it took after the wallet's carry.

    `credits_per_unit` is the rate it was charged at: of a package, or of the last tier it reached, where `rating` is given.
    `timestamp` is when it happened, `booked_at` the wallet's time, `recorded_at` real time.
    """

    id: str
    customer_id: str
    meter_id: str | None
    idempotency_key: str
    value: str
    credits_per_unit: str
    rating: RatingView | None
    price: str
    debit: str
    owed: str
    allocation: Sequence[AllocationView]
    balance_after: str
    timestamp: Time
    booked_at: Time
    recorded_at: Time
    properties: Metadata
    reversal: ReversalView | None


class NewReversal(Body):
    EXAMPLE: ClassVar[Example] = {"reason": "The job failed"}

    reason: Annotated[str, Meta(max_length=500, description="Why, in your words.")] = ""


def show(event: UsageEvent, reversal: UsageReversal | None = None) -> UsageEventView:
    return UsageEventView(
        id=USAGE_EVENT.text(event.id),
        customer_id=CUSTOMER.text_often(event.customer_id),
        meter_id=None if event.meter_id is None else METER.text_often(event.meter_id),
        idempotency_key=event.key,
        value=plain(event.value),
        credits_per_unit=plain(event.credits_per_unit),
        rating=None if event.rating is None else _show_rating(event.rating),
        price=plain(event.price),
        debit=str(event.debit),
        owed=str(event.owed),
        allocation=[
            AllocationView(credit_grant_id=LOT.text_often(lot_id), amount=plain(amount))
            for lot_id, amount in zip(event.lot_ids, event.lot_amounts, strict=True)
        ],
        balance_after=str(event.balance_after),
        timestamp=event.occurred_at,
        booked_at=event.booked_at,
        recorded_at=event.recorded_at,
        properties=dict(event.properties or {}),
        reversal=None if reversal is None else _show_reversal(reversal),
    )


def _show_rating(rating: Rating) -> RatingView:
    return RatingView(
        type=rating.type,
        parts=[RatedPartView(units=plain(part.units), rate=plain(part.rate)) for part in rating.parts],
        package_size=None if rating.package_size is None else plain(rating.package_size),
        month=rating.month,
        units=None if rating.units is None else plain(rating.units),
        counted=None if rating.counted is None else plain(rating.counted),
    )


def _show_reversal(reversal: UsageReversal) -> ReversalView:
    return ReversalView(
        id=USAGE_REVERSAL.text(reversal.id),
        usage_event_id=USAGE_EVENT.text(reversal.event_id),
        returned=str(reversal.returned),
        forgiven=str(reversal.forgiven),
        reason=reversal.reason,
        created_at=reversal.created_at,
    )


async def _views(call: Call, events: Sequence[UsageEvent]) -> list[UsageEventView]:
    reversals = await queries.reversals_of(
        call.db, customer_ids=[event.customer_id for event in events], event_ids=[event.id for event in events]
    )
    return [show(event, reversals.get(event.id)) for event in events]


def _before(cursor: str | None) -> tuple[datetime, UsageEventId] | None:
    found = timed_before(cursor)
    return None if found is None else (found[0], UsageEventId(found[1]))


@reads("/usage_events", errors=(404,))
async def list_usage_events(
    call: Call, customer_id: Key, meter_id: Key | None = None, limit: Limit = 20, cursor: Cursor | None = None
) -> Page[UsageEventView]:
    """List a customer's usage events, newest first."""
    found = await customers.find_customer(call.db, workspace_id=call.workspace_id, key=customer_id)
    meter = None
    if meter_id is not None:
        meter = (await catalog.find_meter(call.db, workspace_id=call.workspace_id, key=meter_id)).id
    rows = await queries.events(
        call.db,
        workspace_id=call.workspace_id,
        customer_id=found.id,
        meter_id=meter,
        before=_before(cursor),
        limit=limit + 1,
    )
    shown = rows[:limit]
    next_cursor = timed_cursor(shown[-1].recorded_at, shown[-1].id) if len(rows) > limit else None
    return Page(data=await _views(call, shown), next_cursor=next_cursor)


@reads("/usage_events/{usage_event_id:str}")
async def retrieve_usage_event(usage_event_id: str, call: Call) -> UsageEventView:
    """Retrieve a usage event."""
    event_id = path_id(USAGE_EVENT, usage_event_id, "usage event")
    event = await queries.event(call.db, workspace_id=call.workspace_id, event_id=event_id)
    if event is None:
        raise NotFound("usage event")
    return (await _views(call, [event]))[0]


@creates("/usage_events/{usage_event_id:str}/reverse", scope="usage:write")
async def reverse_usage_event(usage_event_id: str, data: NewReversal, call: Call) -> ReversalView:
    """Take a usage event back: what it took returns to the grants that paid, last burned first. At most once."""
    event_id = path_id(USAGE_EVENT, usage_event_id, "usage event")
    await flow.reverse_usage(
        call.db,
        workspace_id=call.workspace_id,
        event_id=event_id,
        reason=data.reason,
        request_key=call.request_key(data),
    )
    event = await queries.event(call.db, workspace_id=call.workspace_id, event_id=event_id)
    reversal = None
    if event is not None:
        reversal = await queries.reversal_of(call.db, customer_id=event.customer_id, event_id=event.id)
    if reversal is None:
        raise NotFound("usage event")
    return _show_reversal(reversal)


routes = [list_usage_events, retrieve_usage_event, reverse_usage_event]
