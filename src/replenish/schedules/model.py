"""Grant schedules and their periods."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

import msgspec

from replenish.core.errors import Conflict
from replenish.core.ids import (
    CustomerId,
    GrantPeriodId,
    GrantScheduleId,
    LotId,
    MeterId,
    WalletId,
    WorkspaceId,
)
from replenish.core.metadata import Metadata
from replenish.core.money import NO_CREDITS, Credits, grouped

Cadence = Literal["weekly", "monthly", "quarterly", "yearly"]
DurationUnit = Literal["hours", "days", "weeks", "months", "years"]
Category = Literal["paid", "promotional"]
State = Literal["active", "paused", "cancelled", "ended"]
PeriodState = Literal["granted", "skipped"]
SkipReason = Literal["missed", "paused", "full"]

EVERY_MAX: Final = 100
PERIODS_MAX: Final = 10_000


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What a schedule is made of. `starts_at` None = now.

    Either `amount` credits a period, or what lifts the schedule's own lots to `target`. `valid_duration_value` None: a
    period's credits end when the next one starts; 0: never. `rollover_amount_max`: how much of what is left of a period is
    carried into the next one, None = nothing.
    """

    cadence: Cadence
    every: int = 1
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    periods_max: int | None = None
    amount: Credits | None = None
    target: Credits | None = None
    valid_duration_value: int | None = None
    valid_duration_unit: DurationUnit = "days"
    rollover_amount_max: Credits | None = None
    category: Category = "promotional"
    priority: int = 50
    name: str = ""
    scope: Sequence[MeterId] = ()
    metadata: Metadata = {}


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """One standing grant to one wallet. `next_number` is the first period that is not decided yet.

    `carried_number` is the last one that what was left of the period before was carried into, or nothing was to be.
    `due_at`: when a worker looks at it next, by the workspace's clock; None once it is cancelled or ended.
    """

    customer_id: CustomerId
    id: GrantScheduleId
    workspace_id: WorkspaceId
    wallet_id: WalletId
    name: str
    state: State
    cadence: Cadence
    every: int
    time_zone: str
    starts_at: datetime
    ends_at: datetime | None
    periods_max: int | None
    amount: Credits | None
    target: Credits | None
    valid_duration_value: int | None
    valid_duration_unit: DurationUnit
    rollover_amount_max: Credits | None
    category: Category
    priority: int
    scope: Sequence[MeterId]
    metadata: Metadata
    next_number: int = 1
    carried_number: int = 0
    due_at: datetime | None = None
    paused_at: datetime | None = None
    ended_at: datetime | None = None
    created_at: datetime
    updated_at: datetime

    @property
    def is_over(self) -> bool:
        return self.state in {"cancelled", "ended"}


_UNITS: Final[dict[Cadence, str]] = {"weekly": "week", "monthly": "month", "quarterly": "quarter", "yearly": "year"}


def in_words(schedule: Schedule) -> str:
    """For people: "50 every month", "up to 100 every 2 weeks"."""
    unit = _UNITS[schedule.cadence]
    often = unit if schedule.every == 1 else f"{schedule.every} {unit}s"
    return f"{grant_in_words(schedule)} every {often}"


def grant_in_words(schedule: Schedule) -> str:
    """What one period brings: "50", "up to 100"."""
    if schedule.target is not None:
        return f"up to {grouped(schedule.target)}"
    return grouped(schedule.amount or NO_CREDITS)


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one period: granted as a lot of `amount`, or skipped with a reason.

    What was left of the period before, and carried over, is a lot of its own.
    """

    customer_id: CustomerId
    id: GrantPeriodId
    workspace_id: WorkspaceId
    schedule_id: GrantScheduleId
    number: int
    starts_at: datetime
    ends_at: datetime
    state: PeriodState
    reason: SkipReason | None = None
    amount: Credits
    lot_id: LotId | None = None
    carried_amount: Credits = NO_CREDITS
    carried_lot_id: LotId | None = None
    created_at: datetime


class ScheduleOver(Conflict):
    """A schedule that is cancelled or has ended: nothing about it changes any more."""

    def __init__(self, schedule: Schedule) -> None:
        what = "is cancelled" if schedule.state == "cancelled" else "has ended"
        super().__init__(f"This grant schedule {what}.", code=f"grant_schedule_{schedule.state}")
