"""Shapes that several resources share: amounts, times, metadata, pages of a list."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from struct import Struct
from struct import error as StructError  # noqa: N812 - it is a class
from typing import Annotated, ClassVar, Final, Generic, Literal, TypeVar, cast
from uuid import UUID

import msgspec
from msgspec import Meta

from replenish.core.errors import Invalid, NotFound
from replenish.core.ids import Id as IdOf
from replenish.core.ids import Kind
from replenish.core.metadata import KEY_LONGEST, KEYS_MAX
from replenish.core.money import plain

Row = TypeVar("Row")
View = TypeVar("View")

LIMIT_DEFAULT: Final = 20
LIMIT_MAX: Final = 100
# Patterns of texts; wrong_fields.py says each in words.
AMOUNT: Final = r"^[+-]?[0-9]+(\.[0-9]+)?$"
NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9_.:@+-]*$"
CODE: Final = r"^[A-Z0-9]+$"
_CURSOR_LENGTH: Final = 22
_PADDED_MAX: Final = 3

Id = Annotated[str, Meta(max_length=64, description="An id such as `prod_…`.")]
Key = Annotated[
    str, Meta(min_length=1, max_length=255, description="An id, or the natural key that this kind of object has.")
]
CustomerKey = Annotated[
    str, Meta(min_length=1, max_length=255, description="The customer, by its id or by your own external id.")
]
MeterKey = Annotated[
    str, Meta(min_length=1, max_length=255, description="The meter, by its id, event name or lookup key.")
]
CurrencyKey = Annotated[
    str, Meta(min_length=1, max_length=255, description="The payment currency, by its id, code or lookup key.")
]
CreditCurrencyKey = Annotated[
    str, Meta(min_length=1, max_length=255, description="The credit currency, by its id or lookup key.")
]
ProductKey = Annotated[str, Meta(min_length=1, max_length=255, description="The product, by its id or lookup key.")]
PriceKey = Annotated[str, Meta(min_length=1, max_length=255, description="The price, by its id or lookup key.")]
Name = Annotated[str, Meta(min_length=1, max_length=255)]
LookupKey = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=255,
        pattern=NAME,
        description="A name of yours, unique in the workspace; usable wherever this object's id is.",
    ),
]
Url = Annotated[str, Meta(max_length=2048, description="An absolute http or https address.")]
Amount = Annotated[
    str,
    Meta(
        max_length=64,
        pattern=AMOUNT,
        description="A decimal amount in whole units, as text.",
        examples=["12.50"],
    ),
]
Decimals = Annotated[int, Meta(ge=0, le=18, description="How many decimals amounts have.")]
DurationUnit = Literal["hours", "days", "weeks", "months", "years"]
Quantity = Annotated[int, Meta(ge=1, le=9999)]
Metadata = Annotated[
    dict[Annotated[str, Meta(min_length=1, max_length=KEY_LONGEST)], str | int | float | bool | None],
    Meta(max_length=KEYS_MAX, description="Yours to keep: up to 50 flat values, 8 KiB in all."),
]
Shortfall = Annotated[
    Literal["reject", "owe"],
    Meta(
        description="When credits are short: `reject` refuses with 402, `owe` takes it all the same, so that the balance falls"
        " below zero. Unless said, the credit currency's overdraft policy decides."
    ),
]
Properties = Annotated[
    Metadata,
    Meta(
        description="What kind of usage it is, up to 50 flat values such as the model or the team: rate cards and budgets look"
        " at them."
    ),
]
Category = Annotated[
    Literal["paid", "promotional"],
    Meta(description="Bought or given. At the same priority and end, promotional credits burn first."),
]
Priority = Annotated[int, Meta(ge=0, le=100, description="Which credits burn first: those with the lower number.")]
MeterScope = Annotated[
    list[MeterKey],
    Meta(
        max_length=50,
        description="The meters that these credits may pay for, by id, event name or lookup key; empty = all.",
    ),
]
ValidUnit = Annotated[DurationUnit, Meta(description="The unit of `valid_duration_value`.")]
Time = Annotated[datetime, Meta(tz=True, description="RFC 3339, with an offset.")]
Limit = Annotated[int, Meta(ge=1, le=LIMIT_MAX, description="How many at most.")]
Cursor = Annotated[str, Meta(max_length=64, description="`next_cursor` of the page before.")]
# A body as the reference prints it; None: it is no body by itself.
Example = Mapping[str, object] | None


class Body(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Base of what is sent to us: a misspelt field is refused, never ignored."""

    # Accepted as it stands, once the objects that it names are there, and harmless.
    EXAMPLE: ClassVar[Example] = None
    # Of changes: what makes the object. Its other fields cannot be changed, which is not the same as unknown.
    MADE_BY: ClassVar[type["Body"] | None] = None


class Shown(msgspec.Struct, kw_only=True):
    """Base of what is answered."""


class Page(Shown, Generic[View]):
    """One page of a list, newest first. `next_cursor` is null on the last one."""

    data: Sequence[View]
    next_cursor: str | None


def money(amount: Decimal, decimals: int) -> str:
    """Write "12.50" for currencies that are written with cents; no row of zeros for those with more decimals."""
    return plain(amount, decimals=decimals if decimals <= _PADDED_MAX else None)


def before(cursor: str | None) -> UUID | None:
    """The id that a page starts below. Raises Invalid(cursor)."""
    if cursor is None:
        return None
    try:
        raw = urlsafe_b64decode(f"{cursor}==") if len(cursor) == _CURSOR_LENGTH else b""
    except (Base64Error, ValueError):
        raw = b""
    if len(raw) != 16 or cursor_after(UUID(bytes=raw)) != cursor:
        raise Invalid("cursor", "is not a next_cursor of this list")
    return UUID(bytes=raw)


def cursor_after(last: UUID) -> str:
    return urlsafe_b64encode(last.bytes).decode().rstrip("=")


_TIMED: Final = Struct(">q16s")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def timed_cursor(at: datetime, last: UUID) -> str:
    """Where a page ends in a list that is ordered by time, then id."""
    raw = _TIMED.pack((at - _EPOCH) // timedelta(microseconds=1), last.bytes)
    return urlsafe_b64encode(raw).decode().rstrip("=")


def timed_before(cursor: str | None) -> tuple[datetime, UUID] | None:
    """The time and id that a page starts below. Raises Invalid(cursor)."""
    if cursor is None:
        return None
    try:
        raw = urlsafe_b64decode(f"{cursor}==")
        since, last = cast("tuple[int, bytes]", _TIMED.unpack(raw))
        return _EPOCH + timedelta(microseconds=since), UUID(bytes=last)
    except (Base64Error, ValueError, StructError, OverflowError):
        raise Invalid("cursor", "is not a next_cursor of this list") from None


def page(rows: Sequence[Row], *, limit: int, show: Callable[[Row], View], id_of: Callable[[Row], UUID]) -> Page[View]:
    """Build a page from up to `limit + 1` rows: the one too many only says that there is more."""
    shown = rows[:limit]
    more = len(rows) > limit
    return Page(data=[show(row) for row in shown], next_cursor=cursor_after(id_of(shown[-1])) if more else None)


def path_id(kind: Kind[IdOf], text: str, what: str) -> IdOf:
    """An id in a path. One that cannot be an id is not found, like one that nothing has."""
    found = kind.try_parse(text)
    if found is None:
        raise NotFound(what)
    return found
