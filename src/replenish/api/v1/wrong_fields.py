"""What is wrong with a field, in words that say what to send in its place.

msgspec names its types and patterns, and neither the values that are allowed nor the key of a map. Here its message is
read together with the type and with what was sent.
"""

import json
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from itertools import islice
from typing import Final, cast

import msgspec
from msgspec import inspect

from replenish.api.v1.wire import AMOUNT, CODE, NAME, Body
from replenish.core.metadata import KEYS_MAX
from replenish.web.errors import FieldProblem

_PLACE: Final = re.compile(r"^(?P<message>.*?)(?: - at (?P<key>`key` in )?`\$(?P<path>[^`]*)`)?$", re.DOTALL)
_STEP: Final = re.compile(r"\.(?P<field>[^.\[\]]+)|\[(?P<index>\d+)\]|(?P<entry>\[\.\.\.\])")
_UNKNOWN: Final = re.compile(r"^Object contains unknown field `(?P<name>.*)`$", re.DOTALL)
_MISSING: Final = re.compile(r"^Object missing required field `(?P<name>[^`]*)`$")
_LONGEST: Final = 64
_A_TIME: Final = "2026-11-23T10:00:00Z"
# What msgspec says of a value, by how it begins, and what to send in its place.
_TIMES: Final[Mapping[str, str]] = {
    "Invalid RFC3339 encoded datetime": f"is not a time such as {_A_TIME}",
    "Expected `datetime` with a timezone component": f"needs an offset, such as {_A_TIME}",
    "Expected `datetime": f"must be a time as text, such as {_A_TIME}",
    "Invalid RFC3339 encoded date": "is not a day such as 2026-11-23",
    "Expected `date`": "must be a day as text, such as 2026-11-23",
    "Expected `date |": "must be a day as text, such as 2026-11-23",
}
_PATTERNS: Final[Mapping[str, str]] = {
    AMOUNT: "is not a decimal amount such as '12.50'",
    NAME: "may have letters, digits and _ . : @ + - only, the first a letter or a digit",
    CODE: "may have capital letters and digits only, such as 'GBP'",
}


class _Here(msgspec.Struct, frozen=True):
    """A place in what was sent: how it is written, the types that it may have, and what stands there."""

    path: str
    types: Sequence[inspect.Type]
    value: object


def problem_of(message: str, kind: object, given: object) -> FieldProblem:
    """Msgspec's "Expected `str`, got `int` - at `$.events[3].value`" becomes field `events[3].value` and what it must be.

    `kind` is the type that was asked for, `given` what was sent, as plain JSON values; None where it could not be read.
    """
    match = _PLACE.match(message)
    text, path = (match["message"], match["path"] or "") if match else (message, "")
    here = _Here("", _options(inspect.type_info(kind)), given)
    for step in _STEP.finditer(path):
        here = _entry(here) if step["entry"] else _item(here, step["index"]) if step["index"] else _field(here, step[1])
    if named := _UNKNOWN.match(text):
        return FieldProblem(_below(here.path, _short(named["name"])), _unknown(named["name"], here, kind))
    if named := _MISSING.match(text):
        return FieldProblem(_below(here.path, named["name"]), "is required")
    # A key that is wrong has no place of its own.
    said = None if match is None or match["key"] else _said(text, here)
    return FieldProblem(here.path or "body", said or text[:1].lower() + text[1:])


def _said(text: str, here: _Here) -> str | None:
    allowed = [repr(value) for kind in here.types if isinstance(kind, inspect.LiteralType) for value in kind.values]
    if allowed and (text.startswith(("Invalid enum value", "Invalid value")) or ", got `" in text):
        return f"{_value(here)} is not {'one of ' if len(allowed) > 1 else ''}{', '.join(allowed)}"
    patterns = [kind.pattern for kind in here.types if isinstance(kind, inspect.StrType) and kind.pattern]
    for pattern in patterns:
        if " matching regex " in text and pattern in _PATTERNS:
            return f"{_value(here)} {_PATTERNS[pattern]}"
    if AMOUNT in patterns and ", got `" in text:
        return 'must be a decimal as text, such as "12.50"'
    return next((words for begin, words in _TIMES.items() if text.startswith(begin)), None)


def _unknown(name: str, here: _Here, kind: object) -> str:
    if not here.path and isinstance(kind, type) and issubclass(kind, Body) and kind.MADE_BY is not None:
        fixed = set(kind.MADE_BY.__struct_encode_fields__) - set(kind.__struct_encode_fields__)
        if name in fixed:
            return "cannot be changed"
    known = [field.encode_name for struct in _structs(here) for field in struct.fields]
    near = get_close_matches(name, known, n=1) if len(name) <= _LONGEST else []
    return f"is not known here; did you mean '{near[0]}'?" if near else "is not known here"


def _options(kind: inspect.Type) -> list[inspect.Type]:
    match kind:
        case inspect.Metadata():
            return _options(kind.type)
        case inspect.UnionType():
            return [option for each in kind.types for option in _options(each)]
        case _:
            return [kind]


def _structs(here: _Here) -> list[inspect.StructType]:
    """The objects that may stand here; where one says which it is, that one."""
    found = [kind for kind in here.types if isinstance(kind, inspect.StructType)]
    given = _object(here.value)
    chosen = [kind for kind in found if kind.tag_field is not None and given.get(kind.tag_field) == kind.tag]
    return chosen or found


def _field(here: _Here, name: str) -> _Here:
    structs = [kind for kind in here.types if isinstance(kind, inspect.StructType)]
    types = [
        option
        for struct in _structs(here)
        for field in struct.fields
        if field.encode_name == name
        for option in _options(field.type)
    ]
    tags = [inspect.LiteralType((str(struct.tag),)) for struct in structs if struct.tag_field == name]
    given = _object(here.value)
    return _Here(_below(here.path, name), [*types, *tags], given.get(name))


def _item(here: _Here, index: str) -> _Here:
    types = [option for kind in here.types if isinstance(kind, inspect.ListType) for option in _options(kind.item_type)]
    given = cast("Sequence[object]", here.value if isinstance(here.value, list) else ())
    return _Here(f"{here.path}[{index}]", types, given[int(index)] if int(index) < len(given) else None)


def _entry(here: _Here) -> _Here:
    """One entry of a map; msgspec does not say which, so it is the first that is refused by itself."""
    maps = [kind for kind in here.types if isinstance(kind, inspect.DictType)]
    types = [option for kind in maps for option in _options(kind.value_type)]
    given = _object(here.value)
    for key, value in islice(given.items(), KEYS_MAX):
        if not any(_takes(kind, value) for kind in types):
            return _Here(_below(here.path, _short(key)), types, value)
    return _Here(here.path, types, None)


def _takes(kind: inspect.Type, value: object) -> bool:
    """Whether a plain value is of this kind, its bounds left aside."""
    match kind:
        case inspect.StrType():
            return isinstance(value, str)
        case inspect.BoolType():
            return isinstance(value, bool)
        case inspect.IntType():
            return isinstance(value, int) and not isinstance(value, bool)
        case inspect.FloatType():
            return isinstance(value, float)
        case inspect.NoneType():
            return value is None
        case inspect.ListType():
            return isinstance(value, list)
        case _:
            return True


def _object(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value if isinstance(value, dict) else {})


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _short(text: str) -> str:
    # A lone surrogate could not be answered with. The lax reader that found it takes the last of two equal keys.
    whole = text.encode(errors="replace").decode()
    return whole if len(whole) <= _LONGEST else f"{whole[:_LONGEST]}…"


def _value(here: _Here) -> str:
    match here.value:
        case str():
            return repr(_short(here.value))
        case list():
            return "a list"
        case dict():
            return "an object"
        case _:
            return _short(json.dumps(here.value))
