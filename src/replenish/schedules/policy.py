"""When a period is decided, and what it grants. Pure: no database, no clock."""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from replenish.core.errors import Invalid
from replenish.core.metadata import clean_metadata
from replenish.core.money import NO_CREDITS, Credits
from replenish.core.text import clean_text
from replenish.core.times import clean_time
from replenish.schedules.model import EVERY_MAX, PERIODS_MAX, Draft, DurationUnit, Schedule, SkipReason
from replenish.schedules.periods import exists, start_of

# A lot whose amount is known is made this long before its period starts: the wallet itself opens it at that instant, so that
# no debit falls between two periods while the worker polls, or is down for a while.
AHEAD: Final = timedelta(hours=1)
# How far back a schedule may start: long enough for any customer's own billing day, short enough to be no history.
BACK: Final = timedelta(days=366)
SCOPE_MAX: Final = 50
_YEARS_MAX: Final = 100
_PER_YEAR: Final[dict[DurationUnit, int]] = {"hours": 8766, "days": 366, "weeks": 53, "months": 12, "years": 1}


def check(draft: Draft, *, now: datetime) -> None:
    """Raises Invalid naming the field of what could never be granted as it says."""
    clean_text(draft.name, field="name", longest=255)
    clean_metadata(draft.metadata)
    if not 1 <= draft.every <= EVERY_MAX:
        raise Invalid("every", f"must be from 1 to {EVERY_MAX}")
    if (draft.amount is None) == (draft.target is None):
        raise Invalid("amount", "give either an amount or a target")
    for field, credits_ in (
        ("amount", draft.amount),
        ("target", draft.target),
        ("rollover_amount_max", draft.rollover_amount_max),
    ):
        check_positive(credits_, field=field)
    if draft.valid_duration_value is not None:
        if draft.valid_duration_value < 0:
            raise Invalid("valid_duration_value", "must not be negative; 0 means never")
        if draft.valid_duration_value > _YEARS_MAX * _PER_YEAR[draft.valid_duration_unit]:
            raise Invalid("valid_duration_value", f"is more than {_YEARS_MAX} years; 0 means never")
    if len(draft.scope) > SCOPE_MAX:
        raise Invalid("scope", f"has at most {SCOPE_MAX} meters")
    check_rollover(draft)
    starts_at = draft.starts_at or now
    if clean_time(starts_at, field="starts_at") < now - BACK:
        raise Invalid("starts_at", f"must not be more than {BACK.days} days ago")
    check_end(draft, starts_at=starts_at)


def check_positive(amount: Credits | None, *, field: str) -> None:
    if amount is not None and amount <= NO_CREDITS:
        raise Invalid(field, "must be greater than 0")


def check_rollover(terms: Draft | Schedule) -> None:
    if terms.rollover_amount_max is None:
        return
    if terms.target is not None:
        raise Invalid("rollover_amount_max", "a target takes into account what is left; nothing is carried over")
    if terms.valid_duration_value is not None:
        raise Invalid("rollover_amount_max", "only credits that end with their period leave a rest to the next one")


def check_end(terms: Draft | Schedule, *, starts_at: datetime) -> None:
    if terms.periods_max is not None and not 1 <= terms.periods_max <= PERIODS_MAX:
        raise Invalid("periods_max", f"must be from 1 to {PERIODS_MAX}")
    if terms.ends_at is not None and clean_time(terms.ends_at, field="ends_at") <= starts_at:
        raise Invalid("ends_at", "must be later than starts_at")


def granted_ahead(schedule: Schedule) -> bool:
    """Whether a period's amount is known before it starts, whatever is spent until then.

    A target is, when its lots end with their periods: nothing of the one before is left.
    """
    if schedule.state != "active":
        return False
    return schedule.amount is not None or schedule.valid_duration_value is None


def to_carry_into(schedule: Schedule) -> int | None:
    """The decided period into which what is left of the one before is still to be carried."""
    number = schedule.carried_number + 1
    return number if schedule.rollover_amount_max is not None and number < schedule.next_number else None


def decided_at(schedule: Schedule) -> datetime | None:
    """When something is to be decided next: a rest to carry over, at its period's start; else the next period.

    After the last period, when that starts. None once the schedule is over.
    """
    if schedule.is_over:
        return None
    carrying = to_carry_into(schedule)
    if carrying is not None:
        return start_of(schedule, carrying)
    number = schedule.next_number
    if exists(schedule, number):
        return start_of(schedule, number) - AHEAD if granted_ahead(schedule) else start_of(schedule, number)
    return start_of(schedule, max(1, number - 1))


class Grant(msgspec.Struct, frozen=True):
    """A lot of `amount` until `expires_at`."""

    amount: Credits
    expires_at: datetime | None


class Skip(msgspec.Struct, frozen=True):
    reason: SkipReason


def decide(schedule: Schedule, *, expires_at: datetime | None, own: Credits, now: datetime) -> Grant | Skip:
    """What one period grants. Pure; never grants. `own`: what can be spent of the schedule's lots now."""
    # A pause is the merchant's word, so it comes first: what it kept from being granted was not missed.
    if schedule.state == "paused":
        return Skip("paused")
    # No flood after a downtime: credits that nobody could have spent any more are not granted just to lapse.
    if expires_at is not None and expires_at <= now:
        return Skip("missed")
    if schedule.target is None:
        if schedule.amount is None:
            raise RuntimeError(f"grant schedule {schedule.id} has neither amount nor target")
        return Grant(schedule.amount, expires_at)
    # When its lots end with their periods, none of them is there at the start: the whole target, known ahead.
    missing = schedule.target if schedule.valid_duration_value is None else schedule.target - own
    return Grant(missing, expires_at) if missing > NO_CREDITS else Skip("full")


def carry(schedule: Schedule, *, left: Credits, ends_at: datetime, now: datetime) -> Credits:
    """How much is carried into a period that ends at `ends_at`. `left`: what lapsed of the period before at its end."""
    if schedule.rollover_amount_max is None or ends_at <= now:
        return NO_CREDITS
    return min(left, schedule.rollover_amount_max)
