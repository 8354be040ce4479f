"""Times from outside: with an offset, and within years that arithmetic and PostgreSQL can hold. Times to outside: in UTC."""

from calendar import monthrange
from datetime import UTC, date, datetime
from typing import Final, TypeVar

from replenish.core.errors import Invalid

Day = TypeVar("Day", date, datetime)

YEAR_MIN: Final = 1970
YEAR_MAX: Final = 2999


def clean_time(value: datetime, *, field: str) -> datetime:
    """Return `value` when it can be stored and counted on from. Raises Invalid(field)."""
    if value.tzinfo is None:
        raise Invalid(field, "needs an offset, such as 2027-01-31T12:00:00Z")
    # Years at the very edge overflow when they are brought to UTC or counted on.
    if not YEAR_MIN <= value.year <= YEAR_MAX:
        raise Invalid(field, f"must be between the years {YEAR_MIN} and {YEAR_MAX}")
    return value


def written(value: datetime) -> str:
    """RFC 3339 in UTC with `Z`, as every time of the API is written; for texts that no encoder writes."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def months_later(day: Day, months: int) -> Day:
    """31 January and one month is the last day of February: nobody gets days fewer than the month has."""
    place = day.month - 1 + months
    year, month = day.year + place // 12, place % 12 + 1
    return day.replace(year=year, month=month, day=min(day.day, monthrange(year, month)[1]))
