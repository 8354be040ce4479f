"""What callers give becomes what the wire takes. Wrong arguments fail here, before anything is sent.

TypeError for a value of the wrong kind (a float where an amount belongs), ValueError for one that cannot be sent.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Final, TypeAlias, cast
from urllib.parse import quote
from uuid import uuid4

from msgspec import UNSET, UnsetType

Amount: TypeAlias = Decimal | str | int
"""An exact amount in whole units: `Decimal("12.50")`, `"12.50"` or `12`. Never a float."""

Moment: TypeAlias = datetime | str
"""An instant: an aware datetime, or RFC 3339 text with its offset."""

Day: TypeAlias = date | str
"""A UTC day: a date, or text such as "2026-11-23"."""

Metadata: TypeAlias = Mapping[str, str | int | float | bool | None]
"""The merchant's own flat values: up to 50, 8 KiB in all."""

_KEY_LONGEST: Final = 255
# More digits than any currency has; written out, Decimal("1e999999") would be a megabyte of zeros.
_EXPONENT_MAX: Final = 64


def amount(value: Amount, name: str) -> str:
    """Decimal text without an exponent. Raises TypeError for a float, ValueError for what is not a finite number."""
    given = cast("object", value)
    if isinstance(given, bool | float) or not isinstance(given, Decimal | str | int):
        hint = "; a float cannot hold most amounts exactly" if isinstance(given, float) else ""
        raise TypeError(f"{name} must be a Decimal, a str or an int, not {type(given).__name__}{hint}")
    try:
        exact = Decimal(value)
    except InvalidOperation:
        raise ValueError(f"{name} must be a decimal amount such as '12.50', not {str(value)[:64]!r}") from None
    if not exact.is_finite():
        raise ValueError(f"{name} must be a finite amount, not {exact}")
    if exact and abs(exact.adjusted()) > _EXPONENT_MAX:
        raise ValueError(f"{name} has too many digits")
    return f"{exact:f}"


def moment(value: Moment, name: str) -> str:
    """RFC 3339 text. Raises ValueError for a datetime that does not say where its clock stands."""
    given = cast("object", value)
    if isinstance(given, str):
        return given
    if not isinstance(given, datetime):
        raise TypeError(f"{name} must be a datetime or RFC 3339 text, not {type(given).__name__}")
    if given.utcoffset() is None:
        raise ValueError(f"{name} must have a time zone, such as datetime.now(UTC)")
    return given.isoformat()


def optional_day(value: Day | None, name: str) -> str | None:
    """Text such as 2026-11-23. Raises TypeError for what names no day, a datetime too: its day depends on where it is read."""
    given = cast("object", value)
    if given is None or isinstance(given, str):
        return given
    if not isinstance(given, date) or isinstance(given, datetime):
        raise TypeError(f"{name} must be a date or text such as '2026-11-23', not {type(given).__name__}")
    return given.isoformat()


def metadata(value: Metadata, name: str = "metadata") -> dict[str, object]:
    """Raises ValueError for NaN and infinity: JSON has neither, and null would be kept in their place."""
    for key, each in value.items():
        if isinstance(each, float) and not math.isfinite(each):
            raise ValueError(f"{name}[{key!r}] must be a finite number")
    return dict(value)


def segment(key: str, name: str) -> str:
    """An id or natural key as one part of a path.

    Raises ValueError for what no path can carry: an empty key would address the list, a slash another route.
    """
    given = cast("object", key)
    if not isinstance(given, str):
        raise TypeError(f"{name} must be a str, not {type(given).__name__}")
    if not given or given in {".", ".."} or "/" in given:
        raise ValueError(f"{name} must be an id, or a key without '/', not {given!r}; use the object's id")
    return quote(given, safe="")


def idempotency_key(value: str, name: str = "idempotency_key") -> str:
    """Raises ValueError for what a header cannot carry."""
    given = cast("object", value)
    if not isinstance(given, str):
        raise TypeError(f"{name} must be a str, not {type(given).__name__}")
    if not 0 < len(given) <= _KEY_LONGEST or not given.isascii() or not given.isprintable():
        raise ValueError(f"{name} must be 1 to {_KEY_LONGEST} printable ASCII characters")
    return given


def new_idempotency_key() -> str:
    """A fresh key for one use. Keep it beside the work that it stands for, so that a second try sends the same one.

    Where the work has an id of its own, such as a job's, that is the better key: it survives a crash of the caller.
    """
    return str(uuid4())


def given(**fields: object) -> dict[str, object]:
    """A body with the fields that were said: without those left UNSET."""
    return {name: value for name, value in fields.items() if value is not UNSET}


def known(**fields: object) -> dict[str, object]:
    """The fields that have a value: for creating, where None means "nothing said"."""
    return {name: value for name, value in fields.items() if value is not None}


def query(**filters: str | int | datetime | Sequence[str] | None) -> dict[str, str]:
    """Query parameters of those that have a value."""
    return {name: _text(value, name) for name, value in filters.items() if value is not None}


def _text(value: str | int | datetime | Sequence[str], name: str) -> str:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case datetime():
            return moment(value, name)
        case _:
            return ",".join(value)


def optional_amount(value: Amount | UnsetType | None, name: str) -> str | UnsetType | None:
    """None and UNSET pass as they are."""
    return value if value is None or value is UNSET else amount(value, name)


def optional_moment(value: Moment | UnsetType | None, name: str) -> str | UnsetType | None:
    """None and UNSET pass as they are."""
    return value if value is None or value is UNSET else moment(value, name)


def optional_metadata(value: Metadata | UnsetType | None, name: str = "metadata") -> object:
    """None and UNSET pass as they are."""
    return value if value is None or value is UNSET else metadata(value, name)
