"""Reading what the client sends: lenient about forms ("5" is 5), exact about amounts, silent about unknown fields."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, TypeVar, cast

import msgspec

from replenish.core.errors import Invalid
from replenish.core.money import parse_decimal, parse_positive, plain

Kind = TypeVar("Kind")

BODY_MAX_BYTES: Final = 4 * 1024 * 1024
_PLACE: Final = re.compile(r"^(?P<message>.*?)(?: - at (?:`key` in )?`\$(?P<path>[^`]*)`)?$", re.DOTALL)
_MISSING: Final = re.compile(r"^Object missing required field `(?P<name>[^`]*)`$")
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
# JavaScript's times are often milliseconds; in seconds these would be after the year 5000.
_MILLISECONDS_FROM: Final = 100_000_000_000
_SECONDS_MAX: Final = 32_503_680_000


def decode(raw: bytes, kind: type[Kind]) -> Kind:
    """Raises Invalid naming the field. Numbers with a point are kept exactly."""
    try:
        text = raw if raw.strip() else b"{}"
        found = cast("object", json.loads(text, parse_float=Decimal, parse_constant=_no_constant))
    except (ValueError, RecursionError):
        raise Invalid("body", "is not valid JSON", code="malformed_request") from None
    if b"\\u" in raw:
        refuse_unstorable(found, field="body")
    try:
        return msgspec.convert(found, kind, strict=False)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from None


def _no_constant(name: str) -> object:
    raise ValueError(name)


def _invalid(message: str) -> Invalid:
    match = _PLACE.match(message)
    text, path = (match["message"], match["path"] or "") if match else (message, "")
    path = path.removeprefix(".").replace("[...]", "")
    missing = _MISSING.match(text)
    if missing:
        return Invalid(f"{path}.{missing['name']}" if path else missing["name"], "is required")
    return Invalid(path or "body", text[:1].lower() + text[1:])


def refuse_unstorable(value: object, *, field: str) -> None:
    """PostgreSQL keeps neither NUL nor half a surrogate pair."""
    waiting: list[object] = [value]
    while waiting:
        each = waiting.pop()
        match each:
            case str():
                if _UNSTORABLE.search(each):
                    raise Invalid(field, "must not contain NUL or lone surrogates")
            case dict():
                known = cast("Mapping[str, object]", each)
                waiting += [*known.keys(), *known.values()]
            case list():
                waiting += cast("list[object]", each)
            case _:
                pass


def amount_text(value: object, *, field: str) -> str:
    """Token units as text: the client sends "10", 10 or 0.1."""
    match value:
        case str():
            return value.strip()
        case bool():
            pass
        case int():
            return str(value) if abs(value) < 10**30 else "x"
        case Decimal():
            # 1e-7 is how JavaScript writes a small number.
            return plain(value) if -40 < value.adjusted() < 40 else "x"
        case _:
            pass
    raise Invalid(field, "is required" if value is None else "must be an amount such as '10' or '0.5'")


def amount(value: object, *, field: str, decimals: int) -> Decimal:
    return parse_decimal(amount_text(value, field=field), field=field, decimals=decimals, minimum=Decimal(0))


def positive(value: object, *, field: str, decimals: int) -> Decimal:
    return parse_positive(amount_text(value, field=field), field=field, decimals=decimals)


def whole(value: object, *, field: str, least: int = 0) -> int:
    """A count, sent as 3 or "3"."""
    text = amount_text(value, field=field)
    found = parse_decimal(text, field=field, decimals=0)
    if found < least:
        raise Invalid(field, f"must be at least {least}")
    return int(found)


def time_from(value: object, *, field: str) -> datetime:
    """Unix seconds. Milliseconds and ISO 8601 are understood, too."""
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{1,20}", value):
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            raise Invalid(field, "must be a Unix time in seconds") from None
        if found.tzinfo is None:
            raise Invalid(field, "needs an offset, or be a Unix time in seconds")
        return found
    seconds = whole(value, field=field)
    if seconds >= _MILLISECONDS_FROM:
        seconds //= 1000
    if seconds > _SECONDS_MAX:
        raise Invalid(field, "lies after the year 3000")
    return datetime.fromtimestamp(seconds, tz=UTC)


def optional_time(value: object, *, field: str) -> datetime | None:
    """0 and absent mean: none."""
    return None if value in (None, 0, "", "0") else time_from(value, field=field)
