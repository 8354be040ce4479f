"""Holds: reserve credits now, capture what it cost later. For calls whose cost is known at their end."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType, field

from replenish.access import queries as access
from replenish.api.v1.call import Call
from replenish.api.v1.references import meter_ref
from replenish.api.v1.routing import acts, creates, reads
from replenish.api.v1.usage_events import AllocationView, UsageEventView
from replenish.api.v1.usage_events import show as show_event
from replenish.api.v1.wire import Amount, Body, Cursor, Key, Limit, Metadata, Page, Shown, Time, before, page, path_id
from replenish.catalog import queries as catalog
from replenish.catalog.model import Meter as CatalogMeter
from replenish.catalog.model import PaymentCurrency
from replenish.core.errors import Invalid, PaymentRequired
from replenish.core.ids import CUSTOMER, HOLD, LOT, METER, USAGE_EVENT, WALLET, HoldId
from replenish.core.metadata import clean_metadata
from replenish.core.money import DECIMALS_MAX, parse_decimal, parse_positive, plain
from replenish.customers import queries as customers
from replenish.flows import hold_credits as flow
from replenish.wallets import queries
from replenish.wallets.model import HOLD_SECONDS, HOLD_SECONDS_MAX, Hold
from replenish.web.top_up_urls import TopUpUrls

Seconds = Annotated[int, Meta(ge=1, le=HOLD_SECONDS_MAX, description="When it ends by itself, in seconds from now.")]


class NewHold(Body):
    """With a meter, `value` is in its unit; without one, name the credit currency, and `value` is in credits.

    `properties` are those of the usage it is for: they find the rate, budgets look at them, and its capture carries
    them.
    """

    customer_id: Key
    value: Amount
    meter_id: Key | None = None
    currency_id: Key | None = None
    expires_in: Seconds = HOLD_SECONDS
    properties: Metadata = field(default_factory=dict)
    metadata: Metadata = field(default_factory=dict)


class Capture(Body):
    """What it cost, in the same unit; may be less than, equal to, or more than what was held.

    What is above the hold is an ordinary debit: `shortfall` says what to do when it cannot be paid. `properties` add to the
    hold's.
    """

    value: Amount
    shortfall: Literal["reject", "owe"] | UnsetType = UNSET
    properties: Metadata | UnsetType = UNSET


class Extension(Body):
    expires_in: Seconds | None = None
    increase_by: Amount | None = None


class HoldView(Shown):
    """`value` is what it is for, in the meter's unit, `amount` what is reserved, `captured` what its capture took in all."""

    id: str
    customer_id: str
    wallet_id: str
    meter_id: str | None
    status: Literal["open", "captured", "released", "expired"]
    # For how much, in the meter's unit; null where it was held before this was known.
    value: str | None
    amount: str
    captured: str | None
    allocation: Sequence[AllocationView]
    usage_event_id: str | None
    properties: Metadata
    metadata: Metadata
    created_at: Time
    expires_at: Time
    ended_at: Time | None


class CaptureView(Shown):
    replayed: bool
    hold: HoldView
    event: UsageEventView


def show(hold: Hold, *, now: datetime) -> HoldView:
    over = hold.ended_at is None and hold.expires_at <= now
    return HoldView(
        id=HOLD.text(hold.id),
        customer_id=CUSTOMER.text(hold.customer_id),
        wallet_id=WALLET.text(hold.wallet_id),
        meter_id=None if hold.meter_id is None else METER.text(hold.meter_id),
        # One whose time is over has ended, whether or not a write has booked that yet (law 4).
        status="expired" if over else hold.state,
        value=None if hold.value is None else plain(hold.value),
        amount=str(hold.amount),
        captured=None if hold.captured is None else str(hold.captured),
        allocation=[
            AllocationView(credit_grant_id=LOT.text(allocation.lot_id), amount=str(allocation.amount))
            for allocation in hold.allocations
        ],
        usage_event_id=None if hold.usage_event_id is None else USAGE_EVENT.text(hold.usage_event_id),
        properties=dict(hold.properties),
        metadata=dict(hold.metadata),
        created_at=hold.created_at,
        expires_at=hold.expires_at,
        ended_at=hold.expires_at if over else hold.ended_at,
    )


async def _view(call: Call, hold_id: HoldId) -> HoldView:
    hold = await queries.hold(call.db, workspace_id=call.workspace_id, hold_id=hold_id)
    return show(hold, now=await access.now(call.db, call.workspace_id))


async def _unit(call: Call, data: NewHold) -> tuple[CatalogMeter | None, PaymentCurrency]:
    if (data.meter_id is None) == (data.currency_id is None):
        raise Invalid("meter_id", "name either a meter or a credit currency")
    if data.meter_id is not None:
        meter_id = await meter_ref(call, data.meter_id, field="meter_id")
        meter = await catalog.meter(call.db, workspace_id=call.workspace_id, meter_id=meter_id)
        found = await catalog.currency(call.db, workspace_id=call.workspace_id, currency_id=meter.currency_id)
        return meter, found
    found = await catalog.find_currency(call.db, workspace_id=call.workspace_id, key=data.currency_id or "")
    if found.type != "credit":
        raise Invalid("currency_id", f"{found.unit} is money; holds are of credits")
    return None, found


@creates("/holds", scope="usage:write", errors=(402, 404))
async def create_hold(data: NewHold, call: Call) -> HoldView:
    """Reserve credits. 402 when they are short, 409 when a budget has no room: nothing is reserved."""
    customer = await customers.find_customer(call.db, workspace_id=call.workspace_id, key=data.customer_id)
    meter, currency = await _unit(call, data)
    decimals = DECIMALS_MAX if meter is not None else currency.decimals
    request = flow.HoldRequest(
        customer_id=customer.id,
        currency=currency,
        meter=meter,
        value=parse_positive(data.value, field="value", decimals=decimals),
        seconds=data.expires_in,
        metadata=clean_metadata(data.metadata),
        properties=clean_metadata(data.properties, field="properties"),
    )
    try:
        hold_id, _ = await flow.hold_credits(
            call.db, workspace_id=call.workspace_id, request=request, request_key=call.request_key(data)
        )
    except PaymentRequired as refusal:
        url = await TopUpUrls(call.context, call.workspace_id).of(customer.id, currency.id)
        refusal.numbers = {**refusal.numbers, "top_up_url": url}
        raise
    return await _view(call, hold_id)


@reads("/holds", errors=(404,))
async def list_holds(
    call: Call,
    customer_id: Key | None = None,
    only_open: bool = False,
    limit: Limit = 20,
    cursor: Cursor | None = None,
) -> Page[HoldView]:
    """List holds, newest first."""
    customer = None
    if customer_id is not None:
        customer = (await customers.find_customer(call.db, workspace_id=call.workspace_id, key=customer_id)).id
    last = before(cursor)
    rows = await queries.holds(
        call.db,
        workspace_id=call.workspace_id,
        customer_id=customer,
        only_open=only_open,
        before=None if last is None else HoldId(last),
        limit=limit + 1,
    )
    now = await access.now(call.db, call.workspace_id)
    return page(rows, limit=limit, show=lambda hold: show(hold, now=now), id_of=lambda hold: hold.id)


@reads("/holds/{hold_id:str}")
async def retrieve_hold(hold_id: str, call: Call) -> HoldView:
    """Retrieve a hold."""
    return await _view(call, path_id(HOLD, hold_id, "hold"))


@acts("/holds/{hold_id:str}/capture", scope="usage:write", errors=(402,))
async def capture_hold(hold_id: str, data: Capture, call: Call) -> CaptureView:
    """Take what it cost: from the hold first, then from the balance; what is left of the hold is free again.

    The same value again answers the same; another value 409. After the hold has ended it is an ordinary debit.
    """
    found = path_id(HOLD, hold_id, "hold")
    event, replayed = await flow.capture_hold(
        call.db,
        workspace_id=call.workspace_id,
        hold_id=found,
        value=parse_decimal(data.value, field="value", decimals=DECIMALS_MAX),
        shortfall=None if data.shortfall is UNSET else data.shortfall,
        properties=None if data.properties is UNSET else clean_metadata(data.properties, field="properties"),
    )
    return CaptureView(replayed=replayed, hold=await _view(call, found), event=show_event(event))


@acts("/holds/{hold_id:str}/release", scope="usage:write", takes_key=True)
async def release_hold(hold_id: str, call: Call) -> HoldView:
    """Let the credits go. One that has ended by itself stays as it is; a captured one answers 409."""
    found = path_id(HOLD, hold_id, "hold")
    await flow.release_hold(call.db, workspace_id=call.workspace_id, hold_id=found, request_key=call.request_key())
    return await _view(call, found)


@acts("/holds/{hold_id:str}/extend", scope="usage:write", errors=(402,), takes_key=True)
async def extend_hold(hold_id: str, data: Extension, call: Call) -> HoldView:
    """While the work goes on: let the hold live longer, and/or reserve more."""
    found = path_id(HOLD, hold_id, "hold")
    await queries.hold(call.db, workspace_id=call.workspace_id, hold_id=found)
    if data.expires_in is None and data.increase_by is None:
        raise Invalid("expires_in", "give expires_in, increase_by, or both")
    more = None
    if data.increase_by is not None:
        more = parse_positive(data.increase_by, field="increase_by", decimals=DECIMALS_MAX)
    await flow.extend_hold(
        call.db,
        workspace_id=call.workspace_id,
        hold_id=found,
        seconds=data.expires_in,
        value=more,
        request_key=call.request_key(data),
    )
    return await _view(call, found)


routes = [create_hold, list_holds, retrieve_hold, capture_hold, release_hold, extend_hold]
