"""Refusals as the client expects them: `{"error": "…", "code": "…"}`, a wrong field with 400."""

from http import HTTPStatus
from typing import Any, Final, cast

import msgspec
from litestar import Request, Response

from replenish.core.errors import Refusal
from replenish.web import errors

# The client sends a request again after any 5xx, so what is refused for good must not look like one; 501 is the exception:
# there is nothing here that could be done, whatever it sends.
_STATUSES: Final[dict[int, int]] = {422: 400}
_HEADERS: Final = frozenset({"retry-after", "allow", "www-authenticate"})
_KEPT_OUT: Final = frozenset({"type", "title", "status", "detail", "code", "errors"})


class NotSupported(Refusal):
    """A part of the original that this server does not have."""

    code = "not_supported"

    def __init__(self, what: str) -> None:
        super().__init__(f"Not supported by this server: {what}.")


errors.STATUSES[NotSupported] = 501


def handle(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, object]]:
    """The same map from errors to statuses as everywhere, in the client's form."""
    made = errors.handle(request, error)
    problem = cast("dict[str, object]", msgspec.json.decode(made.content))
    status = made.status_code or HTTPStatus.INTERNAL_SERVER_ERROR
    status = _STATUSES.get(status, status)
    numbers = {name: value for name, value in problem.items() if name not in _KEPT_OUT}
    body: dict[str, object] = {
        "error": problem.get("detail") or HTTPStatus(status).phrase,
        "code": str(problem.get("code", "refused")).upper(),
        **numbers,
    }
    known = cast("dict[str, str]", dict(made.headers))
    headers = {name: value for name, value in known.items() if name.lower() in _HEADERS}
    return Response(body, status_code=status, headers=headers, media_type="application/json")
