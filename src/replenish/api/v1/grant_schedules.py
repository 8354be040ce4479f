"""Grant schedules: credits that come by themselves, once a week, month, quarter or year."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, ClassVar, Literal

from msgspec import UNSET, Meta, UnsetType, field

from replenish.access import queries as access
from replenish.api.v1.call import Call
from replenish.api.v1.credit_grants import scope_of
from replenish.api.v1.routing import acts, changes, creates, reads
from replenish.api.v1.wire import (
    Amount,
    Body,
    Category,
    CreditCurrencyKey,
    Cursor,
    CustomerKey,
    Example,
    Key,
    Limit,
    Metadata,
    MeterScope,
    Page,
    Priority,
    Shown,
    Time,
    ValidUnit,
    before,
    page,
    path_id,
)
from replenish.catalog import queries as catalog
from replenish.core.errors import Invalid
from replenish.core.ids import (
    CURRENCY,
    CUSTOMER,
    GRANT_SCHEDULE,
    METER,
    WALLET,
    GrantScheduleId,
)
from replenish.core.money import Credits, parse_positive
from replenish.customers import queries as customers
from replenish.flows import manage_grant_schedules as flow
from replenish.schedules import queries
from replenish.schedules.model import (
    EVERY_MAX,
    PERIODS_MAX,
    Cadence,
    Draft,
    DurationUnit,
    Schedule,
    State,
)
from replenish.schedules.periods import next_start
from replenish.wallets import queries as wallets
from replenish.wallets.model import WalletRef

GrantName = Annotated[str, Meta(max_length=255, description="What the schedule and the credits it grants are called.")]
Periods = Annotated[int, Meta(ge=1, le=PERIODS_MAX, description="How many periods it has; without end unless said.")]
Rollover = Annotated[
    Amount, Meta(description="How much of what is left of a period is carried into the next; nothing unless said.")
]


class NewGrantSchedule(Body):
    """Grants `amount` credits each period, or what lifts the schedule's own credits to `target`.

    Starts now unless said, at most 366 days back; each period's start is computed from it, in the workspace's time zone of
    today. Credits end when the next period starts, or after a duration of their own, counted from the period's start; a
    `valid_duration_value` of 0 never expires. `rollover_amount_max` carries up to that much of what is left into the next
    period.
    """

    EXAMPLE: ClassVar[Example] = {
        "customer_id": "user_17",
        "currency_id": "credits",
        "cadence": "monthly",
        "amount": "100",
        "name": "Monthly allowance",
    }

    customer_id: CustomerKey
    currency_id: CreditCurrencyKey
    cadence: Annotated[Cadence, Meta(description="What a period is: a week, month, quarter or year from `starts_at`.")]
    every: Annotated[
        int,
        Meta(
            ge=1,
            le=EVERY_MAX,
            description="How many weeks, months, quarters or years make one period: 2 with `weekly` grants every second week.",
        ),
    ] = 1
    starts_at: Annotated[
        Time | None,
        Meta(
            description="When the first period starts, at most 366 days back; now unless said. A period that is over already, and whose credits would be, is skipped as `missed`."
        ),
    ] = None
    ends_at: Annotated[Time | None, Meta(description="No period starts at or after it; without end unless said.")] = (
        None
    )
    periods_max: Periods | None = None
    amount: Annotated[
        Amount | None,
        Meta(
            description="Credits that each period brings, whatever is left of the last. Give either `amount` or `target`."
        ),
    ] = None
    target: Annotated[
        Amount | None,
        Meta(
            description="Each period brings what lifts the schedule's own credits to this, and none if they are there. Give either `amount` or `target`."
        ),
    ] = None
    valid_duration_value: (
        Annotated[
            int,
            Meta(
                ge=0,
                le=1_000_000,
                description="How long the credits are usable, counted from their period's start; 0 = they never expire; until the next period unless said.",
            ),
        ]
        | None
    ) = None
    valid_duration_unit: ValidUnit = "days"
    rollover_amount_max: Rollover | None = None
    category: Category = "promotional"
    name: GrantName = ""
    priority: Priority = 50
    scope: MeterScope = field(default_factory=list)
    metadata: Metadata = field(default_factory=dict)


class GrantScheduleChanges(Body):
    """Holds from the next period that starts; what was granted of the running one stays."""

    MADE_BY = NewGrantSchedule
    EXAMPLE: ClassVar[Example] = {"amount": "120"}

    name: GrantName | UnsetType = UNSET
    amount: (
        Annotated[Amount, Meta(description="Credits that each period brings; for a schedule with an amount.")]
        | UnsetType
    ) = UNSET
    target: (
        Annotated[
            Amount,
            Meta(description="What each period lifts the schedule's own credits to; for a schedule with a target."),
        ]
        | UnsetType
    ) = UNSET
    rollover_amount_max: Rollover | UnsetType | None = UNSET
    priority: Priority | UnsetType = UNSET
    ends_at: (
        Annotated[Time, Meta(description="No period starts at or after it; null = without end.")] | UnsetType | None
    ) = UNSET
    periods_max: Periods | UnsetType | None = UNSET
    metadata: Metadata | UnsetType = UNSET


class GrantScheduleView(Shown):
    """`next_grant_at`: when credits come next; null while paused, and when none are to come."""

    id: str
    customer_id: str
    wallet_id: str
    currency_id: str
    name: str
    state: State
    cadence: Cadence
    every: int
    time_zone: str
    starts_at: Time
    ends_at: Time | None
    periods_max: int | None
    amount: str | None
    target: str | None
    valid_duration_value: int | None
    valid_duration_unit: DurationUnit
    rollover_amount_max: str | None
    category: Literal["paid", "promotional"]
    priority: int
    scope: Sequence[str]
    metadata: Metadata
    next_grant_at: Time | None
    paused_at: Time | None
    ended_at: Time | None
    created_at: Time
    updated_at: Time


async def _show(call: Call, schedule: Schedule, *, now: datetime) -> GrantScheduleView:
    ref = await wallets.ref_of(call.db, customer_id=schedule.customer_id, wallet_id=schedule.wallet_id)
    return GrantScheduleView(
        id=GRANT_SCHEDULE.text(schedule.id),
        customer_id=CUSTOMER.text(schedule.customer_id),
        wallet_id=WALLET.text(schedule.wallet_id),
        currency_id=CURRENCY.text(ref.currency_id),
        name=schedule.name,
        state=schedule.state,
        cadence=schedule.cadence,
        every=schedule.every,
        time_zone=schedule.time_zone,
        starts_at=schedule.starts_at,
        ends_at=schedule.ends_at,
        periods_max=schedule.periods_max,
        amount=_text(schedule.amount),
        target=_text(schedule.target),
        valid_duration_value=schedule.valid_duration_value,
        valid_duration_unit=schedule.valid_duration_unit,
        rollover_amount_max=_text(schedule.rollover_amount_max),
        category=schedule.category,
        priority=schedule.priority,
        scope=[METER.text(meter_id) for meter_id in schedule.scope],
        metadata=dict(schedule.metadata),
        next_grant_at=next_start(schedule, now=now),
        paused_at=schedule.paused_at,
        ended_at=schedule.ended_at,
        created_at=schedule.created_at,
        updated_at=schedule.updated_at,
    )


def _text(credits_: Credits | None) -> str | None:
    return None if credits_ is None else str(credits_)


def _credits(text: str | None, name: str, decimals: int) -> Credits | None:
    return None if text is None else Credits(parse_positive(text, field=name, decimals=decimals))


def _changed(text: str | UnsetType, name: str, decimals: int) -> Credits | UnsetType:
    return text if isinstance(text, UnsetType) else Credits(parse_positive(text, field=name, decimals=decimals))


async def _view(call: Call, schedule_id: GrantScheduleId) -> GrantScheduleView:
    schedule = await queries.schedule(call.db, workspace_id=call.workspace_id, schedule_id=schedule_id)
    return await _show(call, schedule, now=await access.now(call.db, call.workspace_id))


@creates("/grant_schedules", scope="credits:write", errors=(404,))
async def create_grant_schedule(data: NewGrantSchedule, call: Call) -> GrantScheduleView:
    """Grant credits regularly. A period that has begun is granted at once."""
    customer = await customers.find_customer(call.db, workspace_id=call.workspace_id, key=data.customer_id)
    currency = await catalog.find_currency(call.db, workspace_id=call.workspace_id, key=data.currency_id)
    if currency.type != "credit":
        raise Invalid("currency_id", f"{currency.unit} is money; credits are granted in a credit currency")
    draft = Draft(
        cadence=data.cadence,
        every=data.every,
        starts_at=data.starts_at,
        ends_at=data.ends_at,
        periods_max=data.periods_max,
        amount=_credits(data.amount, "amount", currency.decimals),
        target=_credits(data.target, "target", currency.decimals),
        valid_duration_value=data.valid_duration_value,
        valid_duration_unit=data.valid_duration_unit,
        rollover_amount_max=_credits(data.rollover_amount_max, "rollover_amount_max", currency.decimals),
        category=data.category,
        priority=data.priority,
        name=data.name,
        scope=await scope_of(call, data.scope),
        metadata=data.metadata,
    )
    ref = WalletRef(call.workspace_id, customer.id, currency.id)
    schedule_id, _ = await flow.create_schedule(db=call.db, ref=ref, draft=draft, request_key=call.request_key(data))
    return await _view(call, schedule_id)


@reads("/grant_schedules", errors=(404,))
async def list_grant_schedules(
    call: Call, customer_id: Key | None = None, limit: Limit = 20, cursor: Cursor | None = None
) -> Page[GrantScheduleView]:
    """List grant schedules, newest first."""
    customer = None
    if customer_id is not None:
        customer = (await customers.find_customer(call.db, workspace_id=call.workspace_id, key=customer_id)).id
    last = before(cursor)
    rows = await queries.schedules(
        call.db,
        workspace_id=call.workspace_id,
        customer_id=customer,
        before=None if last is None else GrantScheduleId(last),
        limit=limit + 1,
    )
    now = await access.now(call.db, call.workspace_id)
    views = {row.id: await _show(call, row, now=now) for row in rows[:limit]}
    return page(rows, limit=limit, show=lambda row: views[row.id], id_of=lambda row: row.id)


@reads("/grant_schedules/{grant_schedule_id:str}")
async def retrieve_grant_schedule(grant_schedule_id: str, call: Call) -> GrantScheduleView:
    """Retrieve a grant schedule."""
    return await _view(call, path_id(GRANT_SCHEDULE, grant_schedule_id, "grant schedule"))


@changes("/grant_schedules/{grant_schedule_id:str}", scope="credits:write")
async def change_grant_schedule(grant_schedule_id: str, data: GrantScheduleChanges, call: Call) -> GrantScheduleView:
    """Change what is to come. Cadence, start, expiry and scope never change; make a new schedule."""
    schedule_id = path_id(GRANT_SCHEDULE, grant_schedule_id, "grant schedule")
    found = await queries.schedule(call.db, workspace_id=call.workspace_id, schedule_id=schedule_id)
    ref = await wallets.ref_of(call.db, customer_id=found.customer_id, wallet_id=found.wallet_id)
    currency = await catalog.currency(call.db, workspace_id=call.workspace_id, currency_id=ref.currency_id)
    rollover = data.rollover_amount_max
    await flow.change_schedule(
        db=call.db,
        workspace_id=call.workspace_id,
        schedule_id=schedule_id,
        changes=flow.Changes(
            name=data.name,
            amount=_changed(data.amount, "amount", currency.decimals),
            target=_changed(data.target, "target", currency.decimals),
            rollover_amount_max=(
                None if rollover is None else _changed(rollover, "rollover_amount_max", currency.decimals)
            ),
            priority=data.priority,
            ends_at=data.ends_at,
            periods_max=data.periods_max,
            metadata=data.metadata,
        ),
    )
    return await _view(call, schedule_id)


@acts("/grant_schedules/{grant_schedule_id:str}/pause", scope="credits:write", takes_key=True)
async def pause_grant_schedule(grant_schedule_id: str, call: Call) -> GrantScheduleView:
    """Skip the periods that start from now on, until it is resumed. What was granted stays."""
    schedule_id = path_id(GRANT_SCHEDULE, grant_schedule_id, "grant schedule")
    await flow.pause_schedule(
        db=call.db, workspace_id=call.workspace_id, schedule_id=schedule_id, request_key=call.request_key()
    )
    return await _view(call, schedule_id)


@acts("/grant_schedules/{grant_schedule_id:str}/resume", scope="credits:write", takes_key=True)
async def resume_grant_schedule(grant_schedule_id: str, call: Call) -> GrantScheduleView:
    """Go on with the next period that starts."""
    schedule_id = path_id(GRANT_SCHEDULE, grant_schedule_id, "grant schedule")
    await flow.resume_schedule(
        db=call.db, workspace_id=call.workspace_id, schedule_id=schedule_id, request_key=call.request_key()
    )
    return await _view(call, schedule_id)


@acts("/grant_schedules/{grant_schedule_id:str}/cancel", scope="credits:write", takes_key=True)
async def cancel_grant_schedule(grant_schedule_id: str, call: Call) -> GrantScheduleView:
    """End it for good. What was granted for the period that runs stays."""
    schedule_id = path_id(GRANT_SCHEDULE, grant_schedule_id, "grant schedule")
    await flow.cancel_schedule(
        db=call.db, workspace_id=call.workspace_id, schedule_id=schedule_id, request_key=call.request_key()
    )
    return await _view(call, schedule_id)


routes = [
    create_grant_schedule,
    list_grant_schedules,
    retrieve_grant_schedule,
    change_grant_schedule,
    pause_grant_schedule,
    resume_grant_schedule,
    cancel_grant_schedule,
]
