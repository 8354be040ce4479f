"""Metadata: what a merchant pins to an object. Small, flat, and never read by us."""

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import msgspec

from replenish.core.errors import Invalid
from replenish.core.money import EXACT, plain
from replenish.core.text import clean_text

KEYS_MAX: Final = 50
KEY_LONGEST: Final = 64
BYTES_MAX: Final = 8 * 1024
INTEGER_MAX: Final = 2**63 - 1

MetadataValue = str | int | float | bool | None
Metadata = Mapping[str, MetadataValue]


def clean_metadata(metadata: Metadata, *, field: str = "metadata") -> Metadata:
    """At most 50 keys; values are strings, numbers, booleans or null; 8 KiB in all. Raises Invalid naming the key."""
    if len(metadata) > KEYS_MAX:
        raise Invalid(field, f"has at most {KEYS_MAX} keys")
    for key, entry in metadata.items():
        if not key:
            raise Invalid(field, "a key must not be empty")
        clean_text(key, field=field, longest=KEY_LONGEST)
        _check_value(entry, field=f"{field}.{key}")
    if len(msgspec.json.encode(metadata)) > BYTES_MAX:
        raise Invalid(field, f"takes at most {BYTES_MAX} bytes as JSON")
    return metadata


def _check_value(entry: object, *, field: str) -> None:
    match entry:
        case None | bool():
            return
        case str():
            clean_text(entry, field=field, longest=BYTES_MAX)
        case int():
            if abs(entry) > INTEGER_MAX:
                raise Invalid(field, "is too large a number; keep it as a string")
        case float():
            if not math.isfinite(entry):
                raise Invalid(field, "must be a finite number")
        case _:
            raise Invalid(field, "must be a string, a number, true, false or null")


def as_text(value: MetadataValue) -> str | None:
    """A value as rate cards and budgets compare it: true as "true"; 3 and 3.0, which JSON may write for it, as "3"; null as none."""
    match value:
        case None:
            return None
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            # Not by way of Decimal: a door that takes integers of any length would fail on one beyond its precision.
            return str(value)
        case float():
            return plain(Decimal(str(value)).normalize(EXACT))


def as_number(value: Decimal) -> float | None:
    """An exact number as a value of metadata, for doors that read JSON exactly; None where a float would be another number."""
    nearest = float(value)
    return nearest if Decimal(repr(nearest)) == value else None
