"""Days, weeks and months in a time zone, as instants. Pure.

Midnights are local ones: a day has 23, 24 or 25 hours, a week begins on Monday (ISO 8601).
"""

from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

Span = Literal["day", "week", "month"]


def window(span: Span, now: datetime, *, zone: str) -> tuple[datetime, datetime]:
    """The one that `now` lies in: its first instant, and that of the next. Raises ZoneInfoNotFoundError for no zone."""
    place = ZoneInfo(zone)
    today = now.astimezone(place).date()
    match span:
        case "day":
            first, after = today, today + timedelta(days=1)
        case "week":
            first = today - timedelta(days=today.weekday())
            after = first + timedelta(days=7)
        case "month":
            first = today.replace(day=1)
            after = (first + timedelta(days=31)).replace(day=1)
    return _midnight(first, place), _midnight(after, place)


def _midnight(day: date, place: ZoneInfo) -> datetime:
    """Where clocks jump over it, the instant of the jump; where it comes twice, the first."""
    return datetime(day.year, day.month, day.day, tzinfo=place).astimezone(UTC)
