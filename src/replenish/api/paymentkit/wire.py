"""Forms that all resources share: base units, times, metadata, lists."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, TypeVar, cast
from uuid import UUID

import msgspec

from replenish.api.paymentkit.call import Call
from replenish.core.errors import Invalid, NotFound
from replenish.core.ids import Id as IdOf
from replenish.core.ids import Kind
from replenish.core.metadata import Metadata, as_number
from replenish.core.money import EXACT, Credits, plain
from replenish.reports.numbered import Paging, numbered

Json = dict[str, object]
Row = TypeVar("Row")

PAGE_SIZE_MAX: Final = 100
_JSON: Final = "json:"
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
# Ours in an object's metadata: what the original has fields for and we have none. Never shown as metadata.
EXTRAS: Final = "paymentkit"


def units(value: Decimal | Credits, decimals: int) -> str:
    """Base units: 12.5 with 2 decimals is "1250"."""
    exact = value.value if isinstance(value, Credits) else value
    return plain(EXACT.scaleb(exact, decimals))


def seconds(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp())


def day(at: datetime) -> str:
    """ISO 8601 with milliseconds, as JavaScript writes it."""
    return f"{at.isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"


# ── metadata ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def pack(
    metadata: Mapping[str, object], *, extras: Mapping[str, object] | None = None
) -> dict[str, str | int | float | bool | None]:
    """Ours is flat, the client's may nest: what nests is kept as `json:…`. `extras` are fields we have no column for."""
    packed: dict[str, str | int | float | bool | None] = {}
    for name, each in metadata.items():
        if name != EXTRAS:
            packed[name] = _packed(each)
    kept = {name: each for name, each in (extras or {}).items() if each not in (None, "", [], {})}
    if kept:
        packed[EXTRAS] = _JSON + _encoded(kept)
    return packed


def _packed(value: object) -> str | int | float | bool | None:
    match value:
        case None | bool() | int():
            return value
        case str() if not value.startswith(_JSON):
            return value
        case Decimal():
            # A number as at the other doors, so that rate cards and budgets know it by the same text. Any other is not written
            # out: 1e999999999 would be a gigabyte of digits.
            number = as_number(value)
            return f"{_JSON}{value}" if number is None else number
        case _:
            return _JSON + _encoded(value)


def _encoded(value: object) -> str:
    return _ENCODER.encode(value).decode()


def unpack(metadata: Metadata | Mapping[str, object]) -> Json:
    return {name: _unpacked(each) for name, each in metadata.items() if name != EXTRAS}


def pack_json(value: Mapping[str, object]) -> Json:
    """For what is kept as it is: exact decimals become JSON's numbers again."""
    return cast("Json", msgspec.json.decode(_encoded(value)))


def extras_of(metadata: Metadata | Mapping[str, object]) -> Json:
    found = _unpacked(metadata.get(EXTRAS))
    return cast("Json", found) if isinstance(found, dict) else {}


def kept_or_given(metadata: Metadata, given: Mapping[str, object], names: Sequence[str]) -> Json:
    """The extras after a change: what was not given stays."""
    kept = extras_of(metadata)
    return {name: kept.get(name) if given[name] is msgspec.UNSET else given[name] for name in names}


def _unpacked(value: object) -> object:
    if isinstance(value, str) and value.startswith(_JSON):
        try:
            return cast("object", msgspec.json.decode(value.removeprefix(_JSON)))
        except msgspec.DecodeError:
            return value
    return value


# ── lists ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def paging(call: Call) -> Paging:
    """`page` and `pageSize`, or `limit` with `starting_after` and `ending_before`; `order=created_at:ASC` turns it."""
    size = call.number("pageSize", least=1, most=PAGE_SIZE_MAX) or call.number("limit", least=1, most=PAGE_SIZE_MAX)
    return Paging(
        page=call.number("page", least=1, most=1_000_000) or 1,
        page_size=size or 20,
        ascending=_ascending(call.query.get("order")),
        after=_any_id(call.text("starting_after"), field="starting_after"),
        before=_any_id(call.text("ending_before"), field="ending_before"),
    )


def _ascending(order: object) -> bool:
    """`created_at:ASC`, or [["created_at", "ASC"]]. Everything is ordered by when it was made."""
    while isinstance(order, list) and order:
        found = cast("list[object]", order)
        order = found[-1] if isinstance(found[-1], str) else found[0]
    return isinstance(order, str) and order.upper().endswith("ASC")


def _any_id(text: str | None, *, field: str) -> UUID | None:
    if text is None:
        return None
    prefix, _, _ = text.rpartition("_")
    found = Kind[UUID](prefix).try_parse(text)
    if found is None:
        raise Invalid(field, "is not an id of this list")
    return found


async def listed(
    call: Call,
    source: str,
    *,
    show: Callable[[Call, Sequence[UUID]], Awaitable[Sequence[object]]],
    filters: Mapping[str, object] | None = None,
) -> Json:
    """`{count, list, paging}`; `show` turns a page's ids into objects, in that order."""
    asked = paging(call)
    wanted = {**(filters or {})}
    metadata = metadata_filter(call)
    if metadata is not None:
        wanted["metadata"] = metadata
    found = await numbered(call.db, source=source, workspace_id=call.workspace_id, filters=wanted, paging=asked)
    return {
        "count": found.count,
        "list": await show(call, found.ids),
        "paging": {"page": asked.page, "pageSize": asked.page_size},
    }


def metadata_filter(call: Call) -> Json | None:
    """`metadata.orderId=7` finds the text "7" only: JSON knows types, a query does not."""
    names = {name.removeprefix("metadata."): each for name, each in call.query.items() if name.startswith("metadata.")}
    return dict(names) or None


def searched(call: Call) -> str | None:
    """`q` as a pattern: what it holds, anywhere, whatever the case."""
    text = call.text("q") or call.text("query")
    if text is None:
        return None
    for sign in "\\%_":
        text = text.replace(sign, f"\\{sign}")
    return f"%{text}%"


def several(call: Call, name: str) -> list[str] | None:
    """`status=granted,pending`."""
    text = call.text(name)
    return None if text is None else [each.strip() for each in text.split(",") if each.strip()]


def own_id(kind: Kind[IdOf], text: str, what: str) -> IdOf:
    """An id in a path. One that cannot be an id is not found, like one that nothing has."""
    found = kind.try_parse(text)
    if found is None:
        raise NotFound(what)
    return found


def in_order(ids: Sequence[UUID], found: Mapping[IdOf, Row]) -> list[Row]:
    known = cast("Mapping[UUID, Row]", found)
    return [known[each] for each in ids if each in known]


def stamped_at(at: datetime) -> Json:
    """We do not keep when most things were last changed."""
    return {"created_at": day(at), "updated_at": day(at), "created_via": "api"}
