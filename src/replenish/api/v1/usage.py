"""Reporting usage: the debit, at once and exactly once."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from replenish.api.v1.call import Call
from replenish.api.v1.routing import acts, creates
from replenish.api.v1.usage_events import UsageEventView, show
from replenish.api.v1.wire import Amount, Body, CustomerKey, Example, MeterKey, Properties, Shortfall, Shown
from replenish.core.errors import Invalid, NotFound, PaymentRequired, Refusal
from replenish.core.ids import CustomerId, WorkspaceId
from replenish.core.metadata import clean_metadata
from replenish.core.money import DECIMALS_MAX, ZERO, parse_decimal
from replenish.flows.record_usage import NewUsage, Outcome, Recorded, Refused
from replenish.usage.model import BATCH_MAX
from replenish.web.context import Context
from replenish.web.errors import status_of
from replenish.web.top_up_urls import TopUpUrls
from replenish.web.usage_names import Rated

IdempotencyKey = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=255,
        pattern=r"^[\x20-\x7e]+$",
        description="Yours; unique per customer for good. The same key with the same fields is recorded once.",
        examples=["job-88"],
    ),
]
Timestamp = Annotated[
    datetime,
    Meta(tz=True, description="When it happened; now unless said. At most 35 days ago, 5 minutes ahead."),
]


class NewUsageEvent(Body):
    """One use. `value` is in the meter's unit; a `count` meter charges the event whatever it is."""

    EXAMPLE: ClassVar[Example] = {
        "customer_id": "user_17",
        "meter_id": "ai_tokens",
        "idempotency_key": "job-88",
        "value": "1200",
        "properties": {"team": "search"},
    }

    customer_id: CustomerKey
    meter_id: MeterKey
    idempotency_key: IdempotencyKey
    value: Annotated[
        Amount,
        Meta(
            description="How much was used, in the meter's unit: not in credits. A `count` meter charges the event whatever it is."
        ),
    ] = "1"
    timestamp: Timestamp | UnsetType = UNSET
    shortfall: Shortfall | UnsetType = UNSET
    properties: Properties | UnsetType = UNSET


class NewUsageBatch(Body):
    EXAMPLE: ClassVar[Example] = {
        "events": [{"customer_id": "user_17", "meter_id": "ai_tokens", "idempotency_key": "job-89", "value": "300"}],
    }

    events: Annotated[
        list[NewUsageEvent],
        Meta(min_length=1, max_length=BATCH_MAX, description="Up to 1,000 events; each succeeds or fails alone."),
    ]


class RecordedView(Shown):
    """The recorded event. `balance` is the wallet's after it; `replayed` says that it was there before."""

    replayed: bool
    balance: str
    event: UsageEventView


class RefusalView(Shown):
    """Why an event was refused: what it would have got alone.

    The numbers stand for `insufficient_credits`, those from `budget_id` on for `budget_exceeded`.
    """

    status: int
    code: str
    detail: str
    field: str | None
    required: str | None
    available: str | None
    balance: str | None
    owed: str | None
    top_up_url: str | None
    budget_id: str | None
    limit: str | None
    spent: str | None
    held: str | None
    window_ends_at: str | None


class BatchResult(Shown):
    """What became of one event: `recorded`, `replayed`, or `refused` with the reason."""

    status: Literal["recorded", "replayed", "refused"]
    event: UsageEventView | None
    balance: str | None
    refusal: RefusalView | None


class BatchView(Shown):
    """One result per event, in the order sent."""

    data: Sequence[BatchResult]


class Found(msgspec.Struct, frozen=True):
    """What the names in a batch mean in this workspace."""

    customers: Mapping[str, CustomerId]
    meters: Mapping[str, Rated]


@creates("/usage", scope="usage:write", errors=(402, 404), takes_key=False)
async def record_usage(data: NewUsageEvent, call: Call) -> RecordedView:
    """Record one usage event and debit its credits.

    402 when credits are short, 409 `budget_exceeded` when a budget has no room: nothing is taken and the key may be used
    again. 404 for an unknown customer or meter.
    """
    return await record_one(call.context, call.workspace_id, data)


async def record_one(context: Context, workspace_id: WorkspaceId, data: NewUsageEvent) -> RecordedView:
    """What `POST /v1/usage` does, for this route and for its short cut. Raises the refusals."""
    customer_id, rated = await context.usage_names.one(
        workspace_id=workspace_id, customer=data.customer_id, meter=data.meter_id
    )
    outcome = await context.usage.submit(_translate(workspace_id, data, customer_id, rated, place=""))
    if isinstance(outcome, Refused):
        if isinstance(outcome.refusal, PaymentRequired):
            await _add_url(outcome.refusal, TopUpUrls(context, workspace_id), customer_id, rated)
        raise outcome.refusal
    return RecordedView(replayed=outcome.replayed, balance=str(outcome.balance), event=show(outcome.event))


@acts("/usage/batch", scope="usage:write")
async def record_usage_batch(data: NewUsageBatch, call: Call) -> BatchView:
    """Record up to 1,000 usage events. Each succeeds or fails alone, in the order sent, as if sent one by one."""
    found = await _find(call.context, call.workspace_id, data.events)
    results: list[Outcome | None] = [None] * len(data.events)
    sent: list[tuple[int, NewUsage]] = []
    for place, event in enumerate(data.events):
        try:
            names = found.customers.get(event.customer_id), found.meters.get(event.meter_id)
            sent.append((place, _translate(call.workspace_id, event, *names, place=f"events[{place}].")))
        except Refusal as refusal:
            results[place] = Refused(refusal)
    outcomes = await call.context.usage.submit_all([usage for _, usage in sent])
    for (place, _), outcome in zip(sent, outcomes, strict=True):
        results[place] = outcome
    urls = TopUpUrls(call.context, call.workspace_id)
    shown: list[BatchResult] = []
    for event, outcome in zip(data.events, results, strict=True):
        if isinstance(outcome, Refused) and isinstance(outcome.refusal, PaymentRequired):
            names = found.customers.get(event.customer_id), found.meters.get(event.meter_id)
            await _add_url(outcome.refusal, urls, *names)
        shown.append(_result(outcome))
    return BatchView(data=shown)


async def _find(context: Context, workspace_id: WorkspaceId, events: Sequence[NewUsageEvent]) -> Found:
    names = context.usage_names
    return Found(
        customers=await names.customers(workspace_id=workspace_id, keys=(event.customer_id for event in events)),
        meters=await names.meters(workspace_id=workspace_id, keys=(event.meter_id for event in events)),
    )


def _translate(
    workspace_id: WorkspaceId, event: NewUsageEvent, customer_id: CustomerId | None, rated: Rated | None, *, place: str
) -> NewUsage:
    """Raises NotFound for a name that means nothing here, Invalid for an amount that is none."""
    if customer_id is None:
        raise NotFound("customer")
    if rated is None:
        raise NotFound("meter")
    value = parse_decimal(event.value, field=f"{place}value", decimals=DECIMALS_MAX)
    if value < ZERO:
        raise Invalid(f"{place}value", "must not be negative; reverse the event to take it back")
    properties = None if event.properties is UNSET else clean_metadata(event.properties, field=f"{place}properties")
    return NewUsage(
        workspace_id=workspace_id,
        customer_id=customer_id,
        currency=rated.currency,
        meter=rated.meter,
        key=event.idempotency_key,
        value=value,
        occurred_at=None if event.timestamp is UNSET else event.timestamp,
        shortfall=None if event.shortfall is UNSET else event.shortfall,
        properties=properties,
    )


def _result(outcome: Outcome | None) -> BatchResult:
    match outcome:
        case Recorded():
            return BatchResult(
                status="replayed" if outcome.replayed else "recorded",
                event=show(outcome.event),
                balance=str(outcome.balance),
                refusal=None,
            )
        case Refused():
            return BatchResult(status="refused", event=None, balance=None, refusal=_show_refusal(outcome.refusal))
        case None:
            raise RuntimeError("an event was left without a result")


def _show_refusal(refusal: Refusal) -> RefusalView:
    def number(name: str) -> str | None:
        found = refusal.numbers.get(name)
        return None if found is None else str(found)

    return RefusalView(
        status=status_of(refusal),
        code=refusal.own_code,
        detail=refusal.detail,
        field=refusal.field if isinstance(refusal, Invalid) else None,
        required=number("required"),
        available=number("available"),
        balance=number("balance"),
        owed=number("owed"),
        top_up_url=number("top_up_url"),
        budget_id=number("budget_id"),
        limit=number("limit"),
        spent=number("spent"),
        held=number("held"),
        window_ends_at=number("window_ends_at"),
    )


async def _add_url(refusal: Refusal, urls: TopUpUrls, customer_id: CustomerId | None, rated: Rated | None) -> None:
    """Only an event whose names are known can be short of credits."""
    if customer_id is not None and rated is not None:
        refusal.numbers = {**refusal.numbers, "top_up_url": await urls.of(customer_id, rated.currency.id)}


routes = [record_usage, record_usage_batch]
