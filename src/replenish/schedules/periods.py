"""The calendar of a grant schedule. Pure.

Each start is computed from the anchor, never from the start before: 31 January and a month is the last day of February, and
the month after that 31 March again. Wall-clock time in the schedule's zone is kept, whatever summer time does; a time that a
day does not have (clocks go forward) is read by the offset before the change, one that it has twice is the first.
"""

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from replenish.core.times import months_later
from replenish.schedules.model import Cadence, Schedule

_MONTHS: Final[dict[Cadence, int]] = {"monthly": 1, "quarterly": 3, "yearly": 12}


def start(cadence: Cadence, *, every: int, anchor: datetime, zone: str, number: int) -> datetime:
    """When period `number` starts, in UTC; the first one, 1, starts at the anchor, to the microsecond."""
    if number == 1:
        return anchor.astimezone(UTC)
    place = ZoneInfo(zone)
    local = anchor.astimezone(place)
    steps = (number - 1) * every
    day = (
        local.date() + timedelta(weeks=steps)
        if cadence == "weekly"
        else months_later(local.date(), _MONTHS[cadence] * steps)
    )
    return datetime.combine(day, local.time().replace(fold=0), tzinfo=place).astimezone(UTC)


def start_of(schedule: Schedule, number: int) -> datetime:
    return start(
        schedule.cadence,
        every=schedule.every,
        anchor=schedule.starts_at,
        zone=schedule.time_zone,
        number=number,
    )


def exists(schedule: Schedule, number: int) -> bool:
    """Whether the schedule has a period of this number, by its count and its end."""
    if schedule.periods_max is not None and number > schedule.periods_max:
        return False
    return schedule.ends_at is None or start_of(schedule, number) < schedule.ends_at


def next_start(schedule: Schedule, *, now: datetime) -> datetime | None:
    """When credits come next: the first start after `now`. None while paused, once over, or when none is left."""
    if schedule.state != "active":
        return None
    # The last decided one may lie ahead: it is granted before its start.
    for number in (schedule.next_number - 1, schedule.next_number):
        if number >= 1 and exists(schedule, number) and start_of(schedule, number) > now:
            return start_of(schedule, number)
    return None
