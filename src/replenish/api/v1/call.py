"""One call of the API: who asks, for which workspace, with what to serve it. Handlers take `call: Call`."""

import hashlib
import inspect
from collections.abc import Iterable
from typing import Any, Final, cast

import msgspec
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from replenish.access.model import REQUEST_KEY_LONGEST, Identity, RequestKey
from replenish.api.v1.bodies import ApiRequest
from replenish.api.v1.routing import Operation
from replenish.api.v1.wrong_fields import problem_of
from replenish.core.db import Database
from replenish.core.errors import Forbidden, Invalid, TooMany
from replenish.core.ids import WorkspaceId
from replenish.web.context import Context, context_of
from replenish.web.limits import Buckets

_IDENTITY: Final = "identity"
_ENCODER: Final = msgspec.json.Encoder(order="deterministic")
# What one key may ask of one process: far above honest use, so that a runaway loop cannot starve the others.
PER_MINUTE: Final = 60_000
BURST: Final = 5_000
# Usage stands in the path of the merchant's own product: the gatherer's bounded queue is its limit, this only a backstop.
USAGE_PER_MINUTE: Final = 3_000_000
USAGE_BURST: Final = 50_000

Connection = ASGIConnection[Any, Any, Any, Any]


class Call:
    """What a handler needs to know. Everything it reads or writes is of `workspace_id` (law 16)."""

    __slots__ = ("_connection", "context", "identity")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.context: Context = context_of(connection)
        self.identity = cast("Identity", connection.scope["state"][_IDENTITY])

    @property
    def db(self) -> Database:
        return self.context.db

    @property
    def workspace_id(self) -> WorkspaceId:
        return self.identity.workspace_id

    @property
    def base_url(self) -> str:
        return self.context.settings.base_url

    def request_key(self, data: object = None) -> RequestKey | None:
        """The `Idempotency-Key` with what was asked: route and parsed fields (law 7). Raises Invalid for a bad key."""
        key = self._connection.headers.get("idempotency-key")
        if key is None:
            return None
        if not 0 < len(key) <= REQUEST_KEY_LONGEST or not key.isprintable() or not key.isascii():
            raise Invalid("Idempotency-Key", f"must be 1 to {REQUEST_KEY_LONGEST} printable ASCII characters")
        route = f"{self._connection.scope['method']} {self._connection.url.path}\n"  # type: ignore[typeddict-item] # http
        fingerprint = hashlib.sha256(route.encode() + _ENCODER.encode(data)).digest()
        return RequestKey(workspace_id=self.workspace_id, key=key, fingerprint=fingerprint)


async def provide_call(request: ApiRequest) -> Call:
    """The dependency behind `call: Call`."""
    return Call(request)


class Gate:
    """The guard of the API: a known key, not too many requests, the route's scope, and no unknown parameter."""

    __slots__ = ("_buckets", "_usage_buckets")

    def __init__(self, buckets: Buckets | None = None) -> None:
        self._buckets = buckets or Buckets(per_minute=PER_MINUTE, burst=BURST)
        self._usage_buckets = buckets or Buckets(per_minute=USAGE_PER_MINUTE, burst=USAGE_BURST)

    async def admit(self, context: Context, authorization: str | None, operation: Operation) -> Identity:
        """Who asks, if they may. Raises Unauthenticated, TooMany, Forbidden."""
        identity = await context.doorkeeper.identity(authorization)
        buckets = self._usage_buckets if operation.scope == "usage:write" else self._buckets
        wait = buckets.take(identity.api_key_id.hex)
        if wait:
            raise TooMany(f"Too many requests; try again in {wait} seconds.", retry_after_seconds=wait)
        if not identity.may(operation.scope):
            raise Forbidden(f"This API key lacks the scope '{operation.scope}'.", code="scope_missing")
        return identity

    async def __call__(self, connection: Connection, handler: BaseRouteHandler) -> None:
        operation = Operation.of(handler)
        identity = await self.admit(context_of(connection), connection.headers.get("authorization"), operation)
        _check_parameters(connection, operation)
        connection.scope["state"][_IDENTITY] = identity


def _check_parameters(connection: Connection, operation: Operation) -> None:
    """A misspelt filter must not answer with everything; a NUL must not reach the database."""
    query = list(cast("Iterable[tuple[str, str]]", connection.query_params.multi_items()))
    seen: set[str] = set()
    for name, value in query:
        if name not in operation.query:
            raise Invalid(name if name.isprintable() else "query", "is not known here")
        if name in seen:
            raise Invalid(name, "is given twice")
        seen.add(name)
        # The framework converts, but knows nothing of the bounds that stand in the type.
        kind = cast("type[object]", operation.query[name][0])
        try:
            msgspec.convert(value, kind, strict=False)
        except msgspec.ValidationError as error:
            raise Invalid(name, problem_of(str(error), kind, value).detail) from None
    for name, (_, default) in operation.query.items():
        if default is inspect.Parameter.empty and name not in seen:
            raise Invalid(name, "is required")
    for name, value in [*query, *cast("dict[str, str]", connection.path_params).items()]:
        if "\0" in value:
            raise Invalid(name, "must not contain NUL")
