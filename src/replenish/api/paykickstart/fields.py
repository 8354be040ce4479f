"""What was sent, wherever it was put: query, form, multipart and JSON merged into one table of names, as PHP would.

Every value stays the text that was sent: a JSON number too, so that no digit is lost and no exponent is missed.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, cast
from urllib.parse import parse_qsl

from litestar import Request
from litestar.exceptions import HTTPException

from replenish.core.errors import Invalid
from replenish.core.money import DECIMALS_MAX, ZERO, parse_decimal
from replenish.core.text import clean_email, clean_text
from replenish.reports.addons import Selector

# The canonical name, and what else is accepted for it.
ALIASES: Final[Mapping[str, Sequence[str]]] = {
    "auth_token": (),
    "invoice_id": ("purchase_id",),
    "email": ("buyer_email", "customer_email"),
    "buyer_id": ("customer_id",),
    "product_id": ("addon_id", "plan", "plan_id"),
    "units": ("credits", "amount", "usage", "quantity"),
    "notes": ("note", "reason", "comment"),
    "idempotency_key": ("reference_id",),
    "occurred_at": ("timestamp",),
    "limit": (),
    "cursor": (),
    # Of automatic top-up and of buying now.
    "enabled": (),
    "threshold": (),
    "monthly_cap": (),
    "mode": (),
    "payment_method_id": (),
    "consent": ("consent_wording",),
    "consent_ip": ("buyer_ip",),
    "consent_user_agent": (),
    "packs": (),
}
_CANONICAL: Final = {alias: name for name, aliases in ALIASES.items() for alias in (name, *aliases)}
ENTRIES: Final = "entries"
BODY_MAX_BYTES: Final = 1024 * 1024
_FIELDS_MAX: Final = 1000
_SHORT: Final = 255
_NOTES_LONGEST: Final = 500
_YES: Final = {"1", "true", "yes", "on"}
_NO: Final = {"0", "false", "no", "off"}
_UNIX_DIGITS: Final = 12

AnyRequest = Request[Any, Any, Any]


class Fields:
    """The values of one request, by canonical name; blank ones count as not sent."""

    __slots__ = ("_names", "_values")

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Raises Invalid for a name or its aliases sent with different values."""
        found: dict[str, tuple[str, str]] = {}
        for name, sent in pairs:
            canonical = _CANONICAL.get(name)
            value = sent.strip()
            if canonical is None or not value:
                continue
            before = found.setdefault(canonical, (name, value))
            if before[1] != value:
                where = "twice" if before[0] == name else f"as {before[0]} and as {name}"
                raise Invalid(canonical, f"is sent {where}, with different values")
        self._values = {name: value for name, (_, value) in found.items()}
        self._names = {name: sent_as for name, (sent_as, _) in found.items()}

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def sent_as(self, name: str) -> str | None:
        """Under which of its names a value came."""
        return self._names.get(name)

    def text(self, name: str, *, longest: int = _SHORT) -> str | None:
        value = self._values.get(name)
        return None if value is None else clean_text(value, field=name, longest=longest)

    def selector(self) -> Selector:
        """Who and what is meant. Raises Invalid(email | …)."""
        email = self.text("email")
        if email is not None:
            clean_email(email, field="email")
        return Selector(
            invoice_id=self.text("invoice_id"),
            email=email,
            buyer_id=self.text("buyer_id"),
            product_id=self.text("product_id"),
        )

    def units(self, *, decimals: int = DECIMALS_MAX) -> Decimal:
        """Signed and never zero. Raises Invalid(units)."""
        sent = self._values.get("units")
        if sent is None:
            raise Invalid("units", "is required")
        value = parse_decimal(sent, field="units", decimals=decimals)
        if value == ZERO:
            raise Invalid("units", "must not be 0")
        return value

    def amount(self, name: str, *, decimals: int) -> Decimal | None:
        """An amount of 0 or more."""
        sent = self._values.get(name)
        return None if sent is None else parse_decimal(sent, field=name, decimals=decimals, minimum=ZERO)

    def whole(self, name: str, *, lowest: int, highest: int) -> int | None:
        sent = self._values.get(name)
        if sent is None:
            return None
        if not (sent.isascii() and sent.isdigit()) or len(sent) > 9 or not lowest <= int(sent) <= highest:
            raise Invalid(name, f"must be a whole number from {lowest} to {highest}")
        return int(sent)

    def flag(self, name: str) -> bool | None:
        sent = self._values.get(name)
        if sent is None:
            return None
        if sent.lower() not in _YES | _NO:
            raise Invalid(name, "must be 1 or 0")
        return sent.lower() in _YES

    def notes(self) -> str:
        return self.text("notes", longest=_NOTES_LONGEST) or ""

    def moment(self) -> datetime | None:
        """`occurred_at`: Unix seconds or ISO 8601, UTC unless it says otherwise. Raises Invalid(occurred_at)."""
        sent = self._values.get("occurred_at")
        if sent is None:
            return None
        try:
            if sent.isascii() and sent.isdigit() and len(sent) <= _UNIX_DIGITS:
                return datetime.fromtimestamp(int(sent), UTC)
            moment = datetime.fromisoformat(sent)
        except (ValueError, OverflowError, OSError):
            raise Invalid("occurred_at", "is neither Unix seconds nor ISO 8601") from None
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class Sent(Fields):
    """A whole request; `entries` are those of a batch."""

    __slots__ = ("entries",)

    def __init__(self, pairs: Iterable[tuple[str, str]], entries: Sequence[object] | None) -> None:
        super().__init__(pairs)
        self.entries = entries


def entry_of(sent: object, *, place: int, key: str | None) -> Fields:
    """One entry of a batch; `key` is its idempotency key unless it has its own. Raises Invalid(entries[n] | …)."""
    if not isinstance(sent, dict):
        raise Invalid(f"{ENTRIES}[{place}]", "must be an object")
    pairs = list(_scalars(cast("Mapping[str, object]", sent)))
    fields = Fields(pairs)
    return fields if key is None or "idempotency_key" in fields else Fields([*pairs, ("idempotency_key", key)])


async def read(request: AnyRequest) -> Sent:
    """Everything that came with a request. Raises Invalid(body | …) for what cannot be read."""
    pairs = list(_urlencoded(request.scope["query_string"], "query"))
    key = request.headers.get("idempotency-key")
    if key is not None:
        pairs.append(("idempotency_key", key))
    entries: Sequence[object] | None = None
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        pairs += await _multipart(request)
        return Sent(pairs, None)
    body = (await request.body()).strip()
    # Many a client sends JSON under a form's content type, curl by default.
    if kind == "application/json" or kind.endswith("+json") or body.startswith(b"{"):
        found = _json(body)
        listed = found.pop(ENTRIES, None)
        if listed is not None and not isinstance(listed, list):
            raise Invalid(ENTRIES, "must be a list")
        entries = cast("list[object] | None", listed)
        pairs += _scalars(found)
    elif body:
        pairs += _urlencoded(body, "body")
    return Sent(pairs, entries)


def _urlencoded(raw: bytes, field: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(raw.decode(), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS_MAX)
    except ValueError:
        raise Invalid(field, "is not UTF-8 form data of at most 1,000 fields") from None


async def _multipart(request: AnyRequest) -> list[tuple[str, str]]:
    try:
        form = await request.form()
        sent = cast("list[tuple[str, object]]", list(form.multi_items()))
    except (HTTPException, ValueError, LookupError):
        raise Invalid("body", "is not multipart form data that can be read") from None
    for name, value in sent:
        if not isinstance(value, str):
            raise Invalid(name if name in _CANONICAL else "body", "must be text, not a file")
    return [(name, value) for name, value in sent if isinstance(value, str)]


def _json(raw: bytes) -> dict[str, object]:
    if not raw:
        return {}
    try:
        # Numbers stay text: 1e3 must be seen as what it is, and 0.1 must not become a binary fraction.
        found = cast(
            "object",
            json.loads(raw, parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=_without_repeats),
        )
    except (ValueError, RecursionError):
        raise Invalid("body", "is not valid JSON") from None
    if not isinstance(found, dict):
        raise Invalid("body", "must be a JSON object")
    return cast("dict[str, object]", found)


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found and found[name] != value:
            raise Invalid(_CANONICAL.get(name, "body"), "is sent twice, with different values")
        found[name] = value
    return found


def _scalars(sent: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """JSON's values as the text that a form would have; what is not a name of ours is passed over."""
    for name, value in sent.items():
        if name not in _CANONICAL or value is None:
            continue
        if isinstance(value, bool):
            yield name, "true" if value else "false"
        elif isinstance(value, str):
            yield name, value
        else:
            raise Invalid(_CANONICAL[name], "must be a single value")
