"""From database rows to frozen structs: the one seam where the driver's untyped values become typed."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import cache
from typing import TypeVar, cast, get_args, get_type_hints

import msgspec
from asyncpg import Record

from replenish.core.money import Credits

Row = TypeVar("Row", bound=msgspec.Struct)
Value = TypeVar("Value")


@cache
def _plan(kind: type[msgspec.Struct], columns: tuple[str, ...]) -> tuple[tuple[str, bool], ...]:
    """Which columns become fields, and which of them become Credits. Once per struct and statement, not per row."""
    hints = cast("dict[str, object]", get_type_hints(kind))
    return tuple(
        (name, hints[name] is Credits or Credits in get_args(hints[name]))
        for name in kind.__struct_fields__
        if name in columns
    )


def row_to(kind: type[Row], record: Record) -> Row:
    """Build a struct from a row whose columns have the struct's field names. NUMERIC becomes Credits where declared."""
    values: dict[str, object] = {}
    for name, is_credits in _plan(kind, tuple(record.keys())):
        found = cast("object", record[name])
        values[name] = Credits(found) if is_credits and isinstance(found, Decimal) else found
    return cast("Callable[..., Row]", kind)(**values)


def rows_to(kind: type[Row], records: Iterable[Record]) -> list[Row]:
    return [row_to(kind, record) for record in records]


def value(record: Record, name: str, kind: type[Value]) -> Value:
    """One column, checked to be what the caller thinks. Raises TypeError otherwise, also for NULL."""
    found = cast("object", record[name])
    if not isinstance(found, kind):
        raise TypeError(f"column {name} holds {type(found).__name__}, not {kind.__name__}")
    return found


def optional(record: Record, name: str, kind: type[Value]) -> Value | None:
    """As `value`, NULL allowed."""
    return None if cast("object", record[name]) is None else value(record, name, kind)
