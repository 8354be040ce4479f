"""The one map from errors to statuses and problem documents (RFC 9457).

A refusal says what it says; the framework's own errors get a code; anything else is a fault of ours: it is logged under
an incident id, and the answer carries that id and nothing more.
"""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, cast

import asyncpg
import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from msgspec import UNSET, UnsetType
from uuid_utils.compat import uuid7

from replenish.core.errors import (
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    Number,
    PaymentRequired,
    Refusal,
    TooMany,
    Unauthenticated,
    Unavailable,
)

MEDIA_TYPE: Final = "application/problem+json"
STATUSES: Final[dict[type[Refusal], int]] = {
    Invalid: 422,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    Gone: 410,
    PaymentRequired: 402,
    TooMany: 429,
    Unavailable: 503,
    Refusal: 400,
}
_TITLES: Final[Mapping[int, str]] = {
    400: "Bad request",
    401: "Not authenticated",
    402: "Payment required",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    410: "No longer there",
    413: "Body too large",
    415: "Unsupported media type",
    422: "Invalid request",
    429: "Too many requests",
    500: "Internal error",
    503: "Unavailable",
}
_CODES: Final[Mapping[int, str]] = {
    400: "malformed_request",
    401: "unauthenticated",
    403: "forbidden",
    404: "no_such_route",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
}
# The server is there but busy, restarting or full: the request did nothing and may be sent again.
_PASSING: Final = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.TooManyConnectionsError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.PostgresConnectionError,
    ConnectionError,
    TimeoutError,
)

log = structlog.stdlib.get_logger(__name__)


class FieldProblem(msgspec.Struct, frozen=True):
    """One wrong field: its path, such as `events[3].value`, and what is wrong with it."""

    field: str
    detail: str


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """An error as it is sent (RFC 9457). `code` is stable; numbers that belong to it stand beside it."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: Sequence[FieldProblem] | UnsetType = UNSET


class InvalidFields(Invalid):
    """Several wrong fields at once."""

    def __init__(self, problems: Sequence[FieldProblem], *, code: str | None = None) -> None:
        first = problems[0]
        super().__init__(first.field, first.detail, code=code)
        self.problems = problems


class Malformed(Refusal):
    """A body that cannot be read at all."""

    code = "malformed_request"


class UnsupportedMediaType(Refusal):
    """A body in a form that is not read here."""

    code = "unsupported_media_type"


STATUSES[UnsupportedMediaType] = 415


def status_of(error: Refusal) -> int:
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def handle(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The application's exception handler: any error becomes a problem document."""
    if isinstance(error, Refusal):
        return _of_refusal(error)
    if isinstance(error, HTTPException) and error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
        return _of_framework(error)
    if isinstance(error, _PASSING):
        log.warning("database_busy", error=repr(error), path=request.url.path)
        return _of_refusal(Unavailable("The service is busy or restarting; nothing was done. Try again."))
    if isinstance(error, asyncpg.UniqueViolationError):
        # Two requests took the same name at once, and the second got past its own check.
        log.warning("unique_violation", constraint=error.constraint_name, path=request.url.path)
        return _of_refusal(Conflict("Something else has taken this name meanwhile.", code="already_exists"))
    if isinstance(error, asyncpg.DataError):
        # A check of ours let through what the database cannot hold: the caller's fault to send, ours to name.
        log.error("unchecked_value", error=repr(error), path=request.url.path)
        return _of_refusal(Invalid("body", "holds a value that cannot be stored"))
    return _of_fault(request, error)


def _of_refusal(error: Refusal) -> Response[bytes]:
    headers: dict[str, str] = {}
    if isinstance(error, TooMany | Unavailable):
        headers["Retry-After"] = str(error.retry_after_seconds)
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="replenish"'
    fields: Sequence[FieldProblem] | UnsetType = UNSET
    detail = error.detail
    if isinstance(error, InvalidFields):
        fields = error.problems
    elif isinstance(error, Invalid):
        fields = [FieldProblem(error.field, error.detail)]
    if isinstance(error, Invalid):
        detail = f"{error.field}: {error.detail}"
    return _respond(status_of(error), error.own_code, detail, errors=fields, numbers=error.numbers, headers=headers)


def _of_framework(error: HTTPException) -> Response[bytes]:
    if isinstance(error, ValidationException):
        return _of_refusal(InvalidFields(_parameter_problems(error)))
    status = error.status_code
    headers = {name: value for name, value in (error.headers or {}).items() if name.lower() == "allow"}
    details = {404: "Nothing lives at this path.", 405: "This path does not take this method."}
    detail = details.get(status) or _TITLES.get(status) or HTTPStatus(status).phrase
    return _respond(status, _CODES.get(status, "refused"), f"{detail.rstrip('.')}.", headers=headers)


def _parameter_problems(error: ValidationException) -> list[FieldProblem]:
    """What the framework found wrong in path and query, in our form. A missing body is the field `body`."""
    extra = cast("object", error.extra)
    problems: list[FieldProblem] = []
    for entry in cast("list[object]", extra) if isinstance(extra, list) else []:
        if isinstance(entry, dict):
            known = cast("Mapping[str, object]", entry)
            key, message = str(known.get("key", "")), str(known.get("message", error.detail))
            if key == "data":
                problems.append(FieldProblem("body", "a JSON body is needed"))
            else:
                problems.append(FieldProblem(key or "request", re.sub(r"\s+", " ", message)))
    return problems or [FieldProblem("request", error.detail)]


def _of_fault(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    incident = f"inc_{uuid7().hex}"
    log.error("unexpected", incident=incident, method=request.method, path=request.url.path, exc_info=error)
    return _respond(
        500,
        "internal_error",
        "Something went wrong on our side; it was recorded under this incident id.",
        numbers={"incident": incident},
    )


def _respond(
    status: int,
    code: str,
    detail: str,
    *,
    errors: Sequence[FieldProblem] | UnsetType = UNSET,
    numbers: Mapping[str, Number] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response[bytes]:
    problem = Problem(
        type=f"urn:replenish:problem:{code}",
        title=_TITLES.get(status) or HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        code=code,
        errors=errors,
    )
    # What a problem says of itself comes last: a number must never pass for its status or code.
    body = {**(numbers or {}), **cast("dict[str, object]", msgspec.to_builtins(problem))}
    # A refusal may quote what was sent; a lone surrogate in it is not UTF-8 and must not turn a 422 into a 500.
    return Response(
        _encode(body), status_code=status, media_type=MEDIA_TYPE, headers=dict(headers or {}), encoding="utf-8"
    )


def _encode(body: object) -> bytes:
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError:
        import json  # noqa: PLC0415 - only this rare answer needs the slow encoder, which escapes what is not UTF-8

        return json.dumps(body).encode()
