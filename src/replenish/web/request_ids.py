"""A name for each request: the caller's `X-Request-Id`, or one of ours. It is answered, and stands in log lines."""

import itertools
import re
import secrets
from typing import Any, Final, cast

from litestar.datastructures import MutableScopeHeaders
from litestar.types import Message, Scope

HEADER: Final = "X-Request-Id"
_STATE: Final = "request_id"
# A process's own part and a count: as unique as a random id, at a tenth of its price in the path of every usage event.
_PROCESS: Final = secrets.token_hex(8)
_NUMBERS: Final = itertools.count(0x1000000)
# Nothing longer or stranger from outside goes into our log lines.
_FINE: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")


def request_id_of(scope: Scope) -> str:
    """The same for the whole of a request."""
    state = cast("dict[str, dict[str, object]]", scope).setdefault("state", {})
    known = state.get(_STATE)
    if isinstance(known, str):
        return known
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    made = given.decode() if given and _FINE.fullmatch(given) else f"req_{_PROCESS}{next(_NUMBERS):x}"
    state[_STATE] = made
    return made


async def add_header(message: Message, scope: Scope) -> None:
    """The hook: every answer carries it, also one that no route has made."""
    if message["type"] == "http.response.start" and scope["type"] == "http":
        MutableScopeHeaders.from_message(cast("Any", message))[HEADER] = request_id_of(scope)
