"""One request and its answer without any input or output: what both clients share.

A transport only carries: it asks `prepare` what to send, `judge` what came back, and `retry_delay` whether and when to
try again.
"""

import platform
import random
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from typing import Final, Literal, TypeVar, cast
from urllib.parse import urlencode

import httpx
import msgspec

from replenish_client._values import idempotency_key, new_idempotency_key
from replenish_client.errors import (
    ApiError,
    NetworkError,
    NetworkTimeoutError,
    RateLimitedError,
    ReplenishError,
    RequestInProgressError,
    ServerError,
    UnavailableError,
    UnexpectedAnswerError,
    error_of,
)
from replenish_client.types.page import Page
from replenish_client.types.problems import Problem

T = TypeVar("T")
Method = Literal["GET", "POST", "PATCH", "PUT", "DELETE"]

RETRIES: Final = 3
TIMEOUT_SECONDS: Final = 30.0
_DELAY_FIRST_SECONDS: Final = 0.25
_DELAY_LONGEST_SECONDS: Final = 8.0
# A server that asks for more patience than this is told to the caller instead: nobody wants a call that sleeps for an hour.
_RETRY_AFTER_LONGEST_SECONDS: Final = 60.0
_GATEWAY: Final = frozenset({502, 503, 504})
_SHOWN: Final = 1024
# Nothing of these has reached the server.
_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
USER_AGENT: Final = f"replenish-client/{version('replenish-client')} python/{platform.python_version()}"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What to send. The same object is sent again on a retry, so its key is the same, too."""

    method: Method
    url: str
    headers: Mapping[str, str]
    content: bytes | None

    @property
    def repeatable(self) -> bool:
        """Whether a second arrival has no second effect: everything but a POST without a key."""
        return self.method != "POST" or self.keyed

    @property
    def keyed(self) -> bool:
        return "Idempotency-Key" in self.headers


def prepare(
    *,
    method: Method,
    base_url: str,
    path: str,
    api_key: str,
    query: Mapping[str, str] | None = None,
    body: object = None,
    key: str | None = None,
) -> Request:
    """Every POST and PUT carries an Idempotency-Key, the caller's or a fresh one, so that a retry has no second effect."""
    headers = {"Authorization": f"Bearer {api_key}", "Accept": "application/json", "User-Agent": USER_AGENT}
    if body is not None:
        headers["Content-Type"] = "application/json"
    if method in {"POST", "PUT"}:
        headers["Idempotency-Key"] = new_idempotency_key() if key is None else idempotency_key(key)
    return Request(
        method=method,
        url=f"{base_url}{path}?{urlencode(query)}" if query else f"{base_url}{path}",
        headers=headers,
        content=None if body is None else msgspec.json.encode(body),
    )


def judge(response: httpx.Response) -> None:
    """Return for a success; raises the ApiError or UnexpectedAnswerError that the answer stands for."""
    if response.is_success:
        return
    if response.is_redirect:
        where = _header(response, "location") or "elsewhere"
        raise _unexpected(response, f"The server redirects to {where}; is base_url right?")
    try:
        problem = Problem(msgspec.json.decode(response.content, type=dict[str, object]))
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _not_ours(response) from None
    raise error_of(problem, request_id=_header(response, "x-request-id"), retry_after=_seconds(response)) from None


def _not_ours(response: httpx.Response) -> ReplenishError:
    """A refusal without a problem document: a proxy's. Those that pass are still what their status says."""
    status = response.status_code
    if status not in _GATEWAY and status != 429:
        return _unexpected(response, f"HTTP {status} without a problem document; is base_url right?")
    title = response.reason_phrase
    problem = Problem({"title": title, "status": status, "detail": f"HTTP {status} {title}", "code": "gateway"})
    return error_of(problem, retry_after=_seconds(response))


def read(response: httpx.Response, kind: type[T]) -> T:
    """The answer's body as a `kind`. Fields that this client does not know are ignored. Raises UnexpectedAnswerError."""
    return _decode(response, response.content, kind)


class _RawPage(msgspec.Struct, frozen=True):
    data: Sequence[msgspec.Raw]
    next_cursor: str | None


def read_page(response: httpx.Response, kind: type[T]) -> Page[T]:
    """One page of a list of `kind`. Raises UnexpectedAnswerError."""
    raw = read(response, _RawPage)
    return Page(data=[_decode(response, item, kind) for item in raw.data], next_cursor=raw.next_cursor)


def _decode(response: httpx.Response, content: bytes | msgspec.Raw, kind: type[T]) -> T:
    try:
        return _decoder(kind).decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _unexpected(response, f"The answer is not a {kind.__name__}: {error}") from error


@cache
def _decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    return msgspec.json.Decoder(kind)


def _unexpected(response: httpx.Response, message: str) -> UnexpectedAnswerError:
    return UnexpectedAnswerError(message, status=response.status_code, body=response.text[:_SHOWN])


def network_error(error: httpx.HTTPError | httpx.InvalidURL) -> ReplenishError:
    """Ours for httpx's own: callers catch one family of errors."""
    text = str(error) or type(error).__name__
    if isinstance(error, httpx.TimeoutException):
        return NetworkTimeoutError(f"No answer in time: {text}")
    return NetworkError(f"No answer: {text}")


def retry_delay(request: Request, error: ReplenishError, *, tried: int) -> float | None:
    """Seconds until the next try, None when another try would not help or might do it twice. `tried` counts from 1."""
    if not _worth_retrying(request, error):
        return None
    asked = error.retry_after if isinstance(error, ApiError) else None
    if asked is not None and asked > _RETRY_AFTER_LONGEST_SECONDS:
        return None
    most = min(_DELAY_LONGEST_SECONDS, _DELAY_FIRST_SECONDS * (1 << min(tried - 1, 10)))
    # Jitter, so that a fleet that failed together does not come back together.
    jittered = most * random.uniform(0.5, 1)  # noqa: S311 - spreads retries, guards nothing
    return jittered if asked is None else asked + jittered


def _worth_retrying(request: Request, error: ReplenishError) -> bool:
    match error:
        case RateLimitedError() | UnavailableError() | RequestInProgressError():
            return True
        case ServerError():
            return request.keyed or error.status in _GATEWAY
        case NetworkError():
            return request.repeatable or isinstance(error.__cause__, _NOT_SENT)
        case _:
            return False


def _header(response: httpx.Response, name: str) -> str | None:
    return cast("str | None", response.headers.get(name))


def _seconds(response: httpx.Response) -> float | None:
    """`Retry-After` in seconds; its other form, a date, is not sent by this API."""
    given = _header(response, "retry-after") or ""
    return float(given) if given.isascii() and given.isdigit() and len(given) < 10 else None
