"""Reads of workspaces, keys and sessions. Another workspace's object is not found (law 16)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from replenish.access import store
from replenish.access.model import (
    ApiKey,
    Identity,
    Operator,
    OperatorVisitor,
    PortalSession,
    PortalVisitor,
    RefundPolicy,
    Workspace,
)
from replenish.access.tokens import hash_of, link_token
from replenish.core.db import Reads
from replenish.core.errors import NotFound
from replenish.core.ids import ApiKeyId, PortalSessionId, WorkspaceId
from replenish.core.rows import optional, row_to, rows_to, value


async def workspace(db: Reads, *, workspace_id: WorkspaceId) -> Workspace:
    found = await store.workspace(db, workspace_id)
    if found is None:
        raise NotFound("workspace")
    return row_to(Workspace, found)


async def time_zones(db: Reads, *, workspace_ids: Iterable[WorkspaceId]) -> Mapping[WorkspaceId, str]:
    """The names of these workspaces' time zones, in one statement."""
    rows = await store.time_zones(db, list(workspace_ids))
    return {WorkspaceId(value(row, "id", UUID)): value(row, "time_zone", str) for row in rows}


async def workspaces(db: Reads) -> list[Workspace]:
    """All of them, oldest first; live before its twin. For the program itself, never for a caller."""
    return rows_to(Workspace, await store.workspaces(db))


async def now(db: Reads, workspace_id: WorkspaceId) -> datetime:
    """The workspace's now: its test clock, or the database's clock."""
    found = await store.workspace_now(db, workspace_id)
    if not isinstance(found, datetime):
        raise NotFound("workspace")
    return found


async def paykickstart_always_200(db: Reads, *, workspace_id: WorkspaceId) -> bool:
    """Whether refusals on PayKickstart's endpoints come with status 200 (for clients that read only the body)."""
    return await store.paykickstart_always_200(db, workspace_id) is True


async def refund_policy(db: Reads, *, workspace_id: WorkspaceId) -> RefundPolicy:
    """What becomes of refunded credits that are spent (law 14)."""
    return "write_off" if await store.refund_policy(db, workspace_id) == "write_off" else "owe"


async def identity(db: Reads, *, key: str) -> Identity | None:
    """Whose API key this is; None when nobody's, revoked or expired."""
    found = await store.identity(db, hash_of(key))
    return None if found is None else row_to(Identity, found)


async def api_key(db: Reads, *, workspace_id: WorkspaceId, api_key_id: ApiKeyId) -> ApiKey:
    found = await store.api_key(db, workspace_id, api_key_id)
    if found is None:
        raise NotFound("api key")
    return row_to(ApiKey, found)


async def api_keys(db: Reads, *, workspace_id: WorkspaceId, before: UUID | None, limit: int) -> Sequence[ApiKey]:
    """Newest first, ids below `before`."""
    return rows_to(ApiKey, await store.api_keys(db, workspace_id, before, limit))


async def portal_session(db: Reads, *, workspace_id: WorkspaceId, session_id: PortalSessionId) -> PortalSession:
    found = await store.portal_session(db, workspace_id, session_id)
    if found is None:
        raise NotFound("portal session")
    return row_to(PortalSession, found)


async def portal_link_token(
    db: Reads, *, workspace_id: WorkspaceId, session_id: PortalSessionId, secret_key: str
) -> str | None:
    """The token of a link that was neither used nor ended; None otherwise, and when the secret key has changed since."""
    found = await store.portal_session(db, workspace_id, session_id)
    if found is None:
        raise NotFound("portal session")
    token = link_token(secret_key, session_id)
    over = value(found, "entered", bool) or optional(found, "ended_at", datetime) is not None
    usable = not over and value(found, "link_hash", bytes) == hash_of(token)
    return token if usable else None


async def portal_visitor(db: Reads, *, cookie: str) -> PortalVisitor | None:
    """Whose portal cookie this is; None when nobody's, ended or expired."""
    found = await store.portal_visitor(db, hash_of(cookie))
    return None if found is None else row_to(PortalVisitor, found)


async def operator_visitor(db: Reads, *, cookie: str) -> OperatorVisitor | None:
    """Whose admin cookie this is; None when nobody's, ended, expired or disabled."""
    found = await store.operator_visitor(db, hash_of(cookie))
    return None if found is None else row_to(OperatorVisitor, found)


async def operators(db: Reads, *, workspace_id: WorkspaceId) -> list[Operator]:
    return rows_to(Operator, await store.operators(db, workspace_id))


async def operator_by_email(db: Reads, *, email: str) -> Operator | None:
    found = await store.operator_by_email(db, email)
    return None if found is None else row_to(Operator, found)
