"""Times from outside: with an offset, and within years that arithmetic and PostgreSQL can hold. Times to outside: in UTC."""

from datetime import UTC, datetime
from typing import Final

from replenish.core.errors import Invalid

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
