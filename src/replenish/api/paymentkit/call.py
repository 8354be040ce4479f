"""One call: who asks, for which workspace, with which query and body.

A client is known by the signature of its request, or by an API key. `livemode` picks the live workspace or its test twin.
"""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Final, Literal, TypeVar, cast
from urllib.parse import urlsplit

import msgspec
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler

from replenish.access.clients import queries as clients
from replenish.access.clients.model import ClientKey
from replenish.access.model import Mode, RequestKey, Scope
from replenish.api.paymentkit import bodies, querystrings, signature
from replenish.api.paymentkit.querystrings import Query
from replenish.core.clock import utc_now
from replenish.core.db import Database, Reads
from replenish.core.errors import Conflict, Forbidden, Invalid, TooMany, Unauthenticated
from replenish.core.ids import API_KEY, CLIENT_KEY, WorkspaceId
from replenish.flows import manage_clients
from replenish.web.context import Context, context_of
from replenish.web.limits import Buckets

HttpRequest = Request[Any, Any, Any]
Body = TypeVar("Body")
Method = Literal["GET", "POST", "PUT", "DELETE"]

# What one client may ask of one process: far above honest use, so that a runaway loop cannot starve the others.
PER_MINUTE: Final = 60_000
BURST: Final = 5_000
_BUCKETS: Final = Buckets(per_minute=PER_MINUTE, burst=BURST)
_REMEMBERED_SECONDS: Final = 1.0
_CLIENTS: Final = "signing_clients"
_TRIES: Final = 300
_PAUSE_SECONDS: Final = 0.1


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks. `actor` is the id of the client's key or of the API key, as text."""

    workspace_id: WorkspaceId
    mode: Mode
    actor: str
    scopes: tuple[Scope, ...]

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes or "*" in self.scopes


class SigningClients:
    """The registered keys, remembered for a second (law 17): a revoked key stops within that.

    A signature that none of them made is tried on fresh ones, so that a key works from the moment it is registered.
    """

    __slots__ = ("_keys", "_read_at")

    def __init__(self) -> None:
        self._keys: list[ClientKey] = []
        self._read_at = -_REMEMBERED_SECONDS

    async def who_signed(self, db: Reads, made: signature.Signature, digests: list[bytes]) -> ClientKey:
        """Raises Unauthenticated, the same for every wrong signature."""
        fresh = time.monotonic() - self._read_at >= _REMEMBERED_SECONDS
        if fresh:
            await self._read(db)
        found = self._among(self._keys, made, digests)
        if found is None and not fresh:
            tried = {key.id for key in self._keys}
            await self._read(db)
            found = self._among([key for key in self._keys if key.id not in tried], made, digests)
        if found is None:
            raise Unauthenticated(
                "verify sig failed: no registered client key made this signature", code="signature_invalid"
            )
        return found

    async def _read(self, db: Reads) -> None:
        # Counted from before the look-up: a key revoked while it ran must not live longer than a second, either.
        now = time.monotonic()
        self._keys, self._read_at = await clients.active_keys(db), now

    @staticmethod
    def _among(keys: list[ClientKey], made: signature.Signature, digests: list[bytes]) -> ClientKey | None:
        for key in keys:
            named = key.component is None or key.component == made.component
            if named and signature.made_by(key.public_key, made, digests):
                return key
        return None


class Call:
    """What a route needs to know. Everything it reads or writes is of `workspace_id` (law 16)."""

    __slots__ = ("_raw", "_request", "caller", "context", "query", "request_key")

    def __init__(
        self,
        request: HttpRequest,
        *,
        raw: bytes,
        query: Query,
        caller: Caller,
        request_key: RequestKey | None = None,
    ) -> None:
        self._request = request
        self._raw = raw
        self.context: Context = context_of(request)
        self.query = query
        self.caller = caller
        self.request_key = request_key

    @property
    def db(self) -> Database:
        return self.context.db

    @property
    def workspace_id(self) -> WorkspaceId:
        return self.caller.workspace_id

    @property
    def livemode(self) -> bool:
        return self.caller.mode == "live"

    @property
    def base_url(self) -> str:
        return self.context.settings.base_url

    @property
    def address(self) -> str | None:
        return self._request.client.host if self._request.client else None

    @property
    def user_agent(self) -> str | None:
        return self._request.headers.get("user-agent")

    def demand(self, scope: Scope) -> None:
        """For what a reading route may also do. Raises Forbidden."""
        if not self.caller.may(scope):
            raise Forbidden(f"This API key lacks the scope '{scope}'.", code="scope_missing")

    def path(self, name: str = "key") -> str:
        """A part of the path: an id or a natural key."""
        found = str(cast("Mapping[str, object]", self._request.path_params)[name])
        bodies.refuse_unstorable(found, field=name)
        return found

    def body(self, kind: type[Body]) -> Body:
        """The JSON body as `kind`; nothing sent is an empty object. Raises Invalid naming the field."""
        return bodies.decode(self._raw, kind)

    def text(self, name: str) -> str | None:
        """A query parameter; an empty one was not given (the client sends `null` like that)."""
        found = self.query.get(name)
        if isinstance(found, list):
            found = cast("list[object]", found)[-1]
        if found is not None and not isinstance(found, str):
            raise Invalid(name, "must be a plain value")
        if found:
            bodies.refuse_unstorable(found, field=name)
        return found or None

    def needed(self, name: str) -> str:
        found = self.text(name)
        if found is None:
            raise Invalid(name, "is required")
        return found

    def flag(self, name: str) -> bool | None:
        found = self.text(name)
        if found is None:
            return None
        if found.lower() not in {"true", "false", "1", "0"}:
            raise Invalid(name, "must be true or false")
        return found.lower() in {"true", "1"}

    def number(self, name: str, *, least: int, most: int) -> int | None:
        found = self.text(name)
        if found is None:
            return None
        if not (found.isascii() and found.isdigit() and len(found) < 19):
            raise Invalid(name, "must be a whole number")
        return max(least, min(most, int(found)))

    def time(self, name: str) -> datetime | None:
        """Unix seconds in the query."""
        found = self.text(name)
        return None if found is None else bodies.time_from(found, field=name)


async def enter(request: HttpRequest, *, scope: Scope) -> Call:
    """Resolve who asks. Raises Unauthenticated, Forbidden, Invalid(livemode), TooMany."""
    raw = await request.body()
    query_text = request.scope["query_string"].decode("latin-1")
    query = querystrings.parse(query_text)
    livemode = _livemode(query)
    if signature.HEADER in request.headers:
        caller = await _signing_client(request, raw=raw, query=query_text, livemode=livemode)
    elif "authorization" in request.headers:
        caller = await _api_key(request, livemode=livemode)
    else:
        raise Unauthenticated("Sign the request with a registered client key, or send an API key as a Bearer token.")
    wait = _BUCKETS.take(caller.actor)
    if wait:
        raise TooMany(f"Too many requests; try again in {wait} seconds.", retry_after_seconds=wait)
    call = Call(request, raw=raw, query=query, caller=caller)
    call.demand(scope)
    return call


def _livemode(query: Query) -> bool | None:
    given = query.get("livemode")
    if given is None:
        return None
    if given not in {"true", "false"}:
        raise Invalid("livemode", "must be true or false")
    return given == "true"


async def _signing_client(request: HttpRequest, *, raw: bytes, query: str, livemode: bool | None) -> Caller:
    context = context_of(request)
    made = signature.read(request.headers, now=utc_now())
    try:
        signed = signature.Signed(
            method=request.method,
            path=request.scope["raw_path"].decode("latin-1"),
            query=query,
            body=signature.parse_body(raw),
            prefix=urlsplit(context.settings.base_url).path.rstrip("/"),
        )
        digests = signature.digests(made, signed)
    except (ValueError, RecursionError):
        raise Invalid("body", "is not valid JSON", code="malformed_request") from None
    state = request.app.state
    found = cast("object", state.get(_CLIENTS))
    known = found if isinstance(found, SigningClients) else SigningClients()
    state[_CLIENTS] = known
    key = await known.who_signed(context.db, made, digests)
    # The client always says which; live is its own default.
    live = livemode is not False
    return Caller(
        workspace_id=key.workspace_id if live else key.test_workspace_id,
        mode="live" if live else "test",
        actor=CLIENT_KEY.text(key.id),
        scopes=("*",),
    )


async def _api_key(request: HttpRequest, *, livemode: bool | None) -> Caller:
    identity = await context_of(request).doorkeeper.identity(request.headers.get("authorization"))
    if livemode is not None and livemode != (identity.mode == "live"):
        said = str(livemode).lower()
        raise Invalid("livemode", f"is {said}, but this API key is of the {identity.mode} workspace")
    return Caller(
        workspace_id=identity.workspace_id,
        mode=identity.mode,
        actor=API_KEY.text(identity.api_key_id),
        scopes=tuple(identity.scopes),
    )


# ── routes ────────────────────────────────────────────────────────────────────────────────────────────────────────────

Answer = Callable[[Call], Awaitable[object]]


def route(method: Method, path: str, *, scope: Scope, once: bool = False) -> Callable[[Answer], HTTPRouteHandler]:
    """Declare a route: its answer is shown as JSON with 200, None as an empty body.

    `once`: a write that would have a second effect when it is sent again (law 7). It is given a `request_key`: the
    caller's `Idempotency-Key`, else one that the same request within 15 seconds shares. A write whose natural key or
    meaning makes the second one harmless is not `once`: "on, off, on" within 15 seconds must end switched on.
    """

    def decorate(answer: Answer) -> HTTPRouteHandler:
        async def endpoint(request: HttpRequest) -> Response[Any]:
            call = await enter(request, scope=scope)
            return _respond(await (_once(call, request, answer) if once else answer(call)))

        # Litestar's handlers take their name from the function; a log line shall say which one it was.
        endpoint.__name__ = getattr(answer, "__name__", "endpoint")
        endpoint.__doc__ = answer.__doc__
        return HTTPRouteHandler(path, http_method=[method], status_code=200)(endpoint)

    return decorate


def _respond(found: object) -> Response[Any]:
    if found is None:
        return Response(b"", status_code=200, media_type="application/json")
    return Response(found, status_code=200, media_type="application/json")


async def _once(call: Call, request: HttpRequest, answer: Answer) -> object:
    given = request.headers.get("idempotency-key")
    raw = await request.body()
    line = f"{request.method} {request.url.path}?{request.url.query}\n".encode()
    asked = hashlib.sha256(line + raw).digest()
    if given is not None:
        if not 0 < len(given) <= 255 or not given.isprintable() or not given.isascii():
            raise Invalid("Idempotency-Key", "must be 1 to 255 printable ASCII characters")
        call.request_key = RequestKey(workspace_id=call.workspace_id, key=given, fingerprint=asked)
        return await _first_answer(call, answer)
    digest = hashlib.sha256(call.caller.actor.encode() + b"\n" + asked).digest()
    token = await manage_clients.begin_request(db=call.db, workspace_id=call.workspace_id, digest=digest)
    call.request_key = RequestKey(workspace_id=call.workspace_id, key=f"resent:{token.hex}", fingerprint=asked)
    # Whatever ends in a fault of ours stays unanswered, so that the next try has the same key.
    shown = await _first_answer(call, answer)
    await manage_clients.end_request(db=call.db, workspace_id=call.workspace_id, digest=digest, token=token)
    return shown


async def _first_answer(call: Call, answer: Answer) -> object:
    """Wait for the first of two simultaneous ones: the second would learn nothing from "in progress"."""
    for _ in range(_TRIES):
        try:
            return await answer(call)
        except Conflict as conflict:
            if conflict.own_code != "in_progress":
                raise
        await asyncio.sleep(_PAUSE_SECONDS)
    return await answer(call)
