"""One call of these endpoints: who asks, what was sent, and what serves it."""

from typing import Final

from replenish.access.model import Identity, RequestKey, Scope
from replenish.api.paykickstart.fields import AnyRequest, Fields, Sent, read
from replenish.core.db import Database
from replenish.core.errors import Forbidden, Invalid, TooMany, Unauthenticated
from replenish.core.ids import WorkspaceId
from replenish.web.context import Context, context_of
from replenish.web.limits import Buckets

# What one key may ask of one process, as in API v1.
PER_MINUTE: Final = 60_000
BURST: Final = 5_000
# Calls without a key each count: theirs is made here, and can never meet one of the caller's.
WITHOUT_KEY: Final = "without-key-"


class Call:
    """Everything that it reads or writes is of `workspace_id` (law 16)."""

    __slots__ = ("context", "fields", "identity", "sent", "writes")

    def __init__(
        self, context: Context, identity: Identity, sent: Sent, *, writes: bool, fields: Fields | None = None
    ) -> None:
        self.context = context
        self.identity = identity
        self.sent = sent
        # A GET must not change anything, whatever it carries.
        self.writes = writes
        # Of a batch: one entry's. Else the request's own.
        self.fields = sent if fields is None else fields

    @property
    def db(self) -> Database:
        return self.context.db

    @property
    def workspace_id(self) -> WorkspaceId:
        return self.identity.workspace_id

    def require(self, scope: Scope) -> None:
        """Raises Forbidden."""
        if not self.identity.may(scope):
            raise Forbidden(f"This key lacks the scope '{scope}'.")

    def key(self) -> str | None:
        """The caller's idempotency key. Raises Invalid(idempotency_key)."""
        key = self.fields.text("idempotency_key")
        if key is not None and key.startswith(WITHOUT_KEY):
            raise Invalid("idempotency_key", f"must not start with {WITHOUT_KEY!r}")
        return key

    def request_key(self, fingerprint: bytes) -> RequestKey | None:
        key = self.key()
        if key is None:
            return None
        return RequestKey(workspace_id=self.workspace_id, key=key, fingerprint=fingerprint)

    def of_entry(self, fields: Fields) -> "Call":
        """The same caller, with one entry of its batch."""
        return Call(self.context, self.identity, self.sent, writes=self.writes, fields=fields)


async def open_call(request: AnyRequest, buckets: Buckets) -> Call:
    """Read the request and find out who asks. Raises Invalid, Unauthenticated, TooMany."""
    sent = await read(request)
    context = context_of(request)
    identity = await context.doorkeeper.identity(f"Bearer {_token(request, sent)}")
    wait = buckets.take(identity.api_key_id.hex)
    if wait:
        raise TooMany(f"Too many requests; try again in {wait} seconds.", retry_after_seconds=wait)
    return Call(context, identity, sent, writes=request.method == "POST")


def _token(request: AnyRequest, sent: Sent) -> str:
    """The API key, as a field or as a bearer token."""
    field = sent.text("auth_token")
    scheme, _, given = (request.headers.get("authorization") or "").strip().partition(" ")
    bearer = given.strip() if scheme.lower() == "bearer" else ""
    if field and bearer and field != bearer:
        raise Invalid("auth_token", "differs from the bearer token in the Authorization header")
    token = field or bearer
    if not token:
        raise Unauthenticated("Send your API key as auth_token.")
    return token
