"""Reading a request's body: strictly, and with the path of what is wrong.

The framework converts values leniently ("5" passes for 5) and loses the path; so the body is decoded here, straight into
the handler's type, and the framework finds it done.
"""

import json
import math
from typing import Any, Final, cast

import msgspec
from litestar import Request

from replenish.api.v1.wrong_fields import problem_of
from replenish.core.errors import Invalid
from replenish.web.errors import InvalidFields, Malformed, UnsupportedMediaType

BODY_MAX_BYTES: Final = 4 * 1024 * 1024


class ApiRequest(Request[Any, Any, Any]):
    """A request whose JSON body is decoded into the type of its handler's `data`."""

    __slots__ = ()

    async def json(self) -> object:
        """Raises InvalidFields, Malformed, UnsupportedMediaType."""
        field = self.route_handler.parsed_data_field
        raw = await self.body()
        self._check_media_type()
        return decode(raw, cast("type[object]", Any if field is None else field.annotation))

    def _check_media_type(self) -> None:
        given = self.headers.get("content-type", "")
        kind = given.partition(";")[0].strip().lower()
        if kind and kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
            raise UnsupportedMediaType("Send the body as 'Content-Type: application/json'.")


def decode(raw: bytes, kind: type[object]) -> object:
    """Bytes become a `kind`. Raises InvalidFields naming each wrong field's path, or Malformed when it is not JSON."""
    try:
        body: object = msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        raise InvalidFields([problem_of(str(error), kind, _untyped(raw))]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _malformed(raw) from None
    # PostgreSQL cannot hold NUL in a text. Only a body with such an escape pays for the search.
    if b"\\u0000" in raw:
        _refuse_unstorable(_untyped(raw))
    return body


def _untyped(raw: bytes) -> object:
    try:
        return cast("object", json.loads(raw))
    except (ValueError, RecursionError):
        return None


def _malformed(raw: bytes) -> Exception:
    """Not JSON by the standard. If a laxer reader can read it, the value that is not JSON can be named."""
    found = _untyped(raw)
    try:
        _refuse_unstorable(found)
    except Invalid as named:
        return named
    return Malformed("The body is not valid JSON.")


def _refuse_unstorable(body: object) -> None:
    """Raises Invalid naming the first text or number that JSON or PostgreSQL cannot hold."""
    waiting: list[tuple[str, object]] = [("", body)]
    while waiting:
        path, value = waiting.pop()
        match value:
            case str():
                if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
                    raise Invalid(path or "body", "must not contain NUL or lone surrogates")
            case float():
                if not math.isfinite(value):
                    raise Invalid(path or "body", "must be a finite number")
            case dict():
                for key, each in cast("dict[str, object]", value).items():
                    here = f"{path}.{key}" if path else key
                    waiting += [(path or "body", key), (here, each)]
            case list():
                waiting += [(f"{path}[{place}]", each) for place, each in enumerate(cast("list[object]", value))]
            case _:
                pass
