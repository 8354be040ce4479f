"""SQL of workspaces, keys, sessions and request keys. Expiry is judged by the database's clock, in the statement that reads."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from asyncpg import Record

from replenish.access.model import ApiKey, Mode, RefundPolicy, RequestKey, Role, Workspace
from replenish.core.db import Reads
from replenish.core.ids import ApiKeyId, CustomerId, OperatorId, PortalSessionId, WorkspaceId
from replenish.core.transaction import Tx

# Workspaces


async def insert_workspace(tx: Tx, workspace: Workspace) -> None:
    await tx.execute(
        "insert into workspaces (id, mode, twin_id, name, time_zone, created_at) values ($1, $2, $3, $4, $5, $6)",
        workspace.id,
        workspace.mode,
        workspace.twin_id,
        workspace.name,
        workspace.time_zone,
        workspace.created_at,
    )


async def time_zones(db: Reads, workspace_ids: Sequence[WorkspaceId]) -> Sequence[Record]:
    return await db.fetch("select id, time_zone from workspaces where id = any($1)", list(workspace_ids))


async def workspace(db: Reads, workspace_id: WorkspaceId) -> Record | None:
    return await db.fetchrow(
        "select id, mode, twin_id, name, time_zone, test_clock, created_at from workspaces where id = $1", workspace_id
    )


async def workspaces(db: Reads) -> Sequence[Record]:
    return await db.fetch(
        "select id, mode, twin_id, name, time_zone, test_clock, created_at from workspaces order by id"
    )


async def workspace_now(db: Reads, workspace_id: WorkspaceId) -> object:
    return await db.fetchval("select coalesce(test_clock, now()) from workspaces where id = $1", workspace_id)


async def paykickstart_always_200(db: Reads, workspace_id: WorkspaceId) -> object:
    return await db.fetchval("select paykickstart_always_200 from workspaces where id = $1", workspace_id)


async def set_paykickstart_always_200(tx: Tx, workspace_id: WorkspaceId, *, on: bool) -> int:
    return await tx.execute("update workspaces set paykickstart_always_200 = $2 where id = $1", workspace_id, on)


async def refund_policy(db: Reads, workspace_id: WorkspaceId) -> object:
    return await db.fetchval("select refund_policy from workspaces where id = $1", workspace_id)


async def set_refund_policy(tx: Tx, workspace_id: WorkspaceId, policy: RefundPolicy) -> int:
    return await tx.execute("update workspaces set refund_policy = $2 where id = $1", workspace_id, policy)


async def lock_workspace(tx: Tx, workspace_id: WorkspaceId) -> Record | None:
    return await tx.fetchrow(
        "select id, mode, twin_id, name, time_zone, test_clock, created_at, coalesce(test_clock, now()) as"
        " now from workspaces where id = $1 for update",
        workspace_id,
    )


async def set_test_clock(tx: Tx, workspace_id: WorkspaceId, test_clock: datetime) -> None:
    await tx.execute("update workspaces set test_clock = $2 where id = $1", workspace_id, test_clock)


async def update_names(tx: Tx, workspace_ids: Sequence[WorkspaceId], name: str, time_zone: str) -> None:
    await tx.execute(
        "update workspaces set name = $2, time_zone = $3 where id = any($1)", list(workspace_ids), name, time_zone
    )


async def next_campaign_number(tx: Tx, workspace_id: WorkspaceId) -> object:
    return await tx.fetchval(
        "update workspaces set campaign_number_last = campaign_number_last + 1 where id = $1"
        " returning campaign_number_last",
        workspace_id,
    )


async def next_product_number(tx: Tx, workspace_id: WorkspaceId) -> object:
    return await tx.fetchval(
        "update workspaces set product_number_last = product_number_last + 1 where id = $1"
        " returning product_number_last",
        workspace_id,
    )


# API keys


async def insert_api_key(tx: Tx, key: ApiKey, hash_: bytes) -> None:
    await tx.execute(
        "insert into api_keys (id, workspace_id, name, hash, hint, scopes, created_at, expires_at)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8)",
        key.id,
        key.workspace_id,
        key.name,
        hash_,
        key.hint,
        list(key.scopes),
        key.created_at,
        key.expires_at,
    )


async def api_key(db: Reads, workspace_id: WorkspaceId, api_key_id: ApiKeyId) -> Record | None:
    return await db.fetchrow(
        "select id, workspace_id, name, hint, scopes, created_at, expires_at, revoked_at, replaced_by from"
        " api_keys where workspace_id = $1 and id = $2",
        workspace_id,
        api_key_id,
    )


async def lock_api_key(tx: Tx, workspace_id: WorkspaceId, api_key_id: ApiKeyId) -> Record | None:
    return await tx.fetchrow(
        "select id, workspace_id, name, hint, scopes, created_at, expires_at, revoked_at, replaced_by,"
        " coalesce(expires_at <= now(), false) as expired"
        " from api_keys where workspace_id = $1 and id = $2 for update",
        workspace_id,
        api_key_id,
    )


async def api_keys(db: Reads, workspace_id: WorkspaceId, before: UUID | None, limit: int) -> Sequence[Record]:
    return await db.fetch(
        "select id, workspace_id, name, hint, scopes, created_at, expires_at, revoked_at, replaced_by from"
        " api_keys where workspace_id = $1 and ($2::uuid is null or id < $2)"
        " order by id desc limit $3",
        workspace_id,
        before,
        limit,
    )


async def identity(db: Reads, hash_: bytes) -> Record | None:
    return await db.fetchrow(
        "select k.workspace_id, w.mode, k.id as api_key_id, k.scopes"
        " from api_keys k join workspaces w on w.id = k.workspace_id"
        " where k.hash = $1 and k.revoked_at is null and (k.expires_at is null or k.expires_at > now())",
        hash_,
    )


async def revoke_api_key(tx: Tx, api_key_id: ApiKeyId) -> None:
    await tx.execute("update api_keys set revoked_at = now() where id = $1 and revoked_at is null", api_key_id)


async def replace_api_key(tx: Tx, api_key_id: ApiKeyId, replaced_by: ApiKeyId, grace: timedelta) -> None:
    # An end that was set earlier stays: a rotation must never make an old key live longer.
    await tx.execute(
        "update api_keys set replaced_by = $2, expires_at = least(expires_at, now() + $3) where id = $1",
        api_key_id,
        replaced_by,
        grace,
    )


# Portal sessions


async def insert_portal_session(
    tx: Tx,
    session_id: PortalSessionId,
    workspace_id: WorkspaceId,
    customer_id: CustomerId,
    link_hash: bytes,
    return_url: str | None,
    link_life: timedelta,
    life: timedelta,
) -> None:
    await tx.execute(
        "insert into portal_sessions"
        " (id, workspace_id, customer_id, link_hash, return_url, created_at, link_expires_at, expires_at)"
        " values ($1, $2, $3, $4, $5, now(), now() + $6, now() + $6 + $7)",
        session_id,
        workspace_id,
        customer_id,
        link_hash,
        return_url,
        link_life,
        life,
    )


async def portal_session(db: Reads, workspace_id: WorkspaceId, session_id: PortalSessionId) -> Record | None:
    return await db.fetchrow(
        "select id, workspace_id, customer_id, return_url, created_at, link_expires_at, expires_at,"
        " ended_at, cookie_hash is not null as entered, link_hash from portal_sessions where workspace_id"
        " = $1 and id = $2",
        workspace_id,
        session_id,
    )


async def enter_portal(tx: Tx, link_hash: bytes, cookie_hash: bytes, life: timedelta) -> Record | None:
    """The link works once: the second of two simultaneous visits finds the cookie already set."""
    return await tx.fetchrow(
        "update portal_sessions set cookie_hash = $2, expires_at = now() + $3"
        " where link_hash = $1 and cookie_hash is null and ended_at is null and link_expires_at > now()"
        " returning id, workspace_id, customer_id, return_url, created_at, link_expires_at, expires_at,"
        " ended_at, cookie_hash is not null as entered",
        link_hash,
        cookie_hash,
        life,
    )


async def portal_visitor(db: Reads, cookie_hash: bytes) -> Record | None:
    return await db.fetchrow(
        "select s.id as session_id, s.workspace_id, w.mode, s.customer_id, s.return_url, s.expires_at"
        " from portal_sessions s join workspaces w on w.id = s.workspace_id"
        " where s.cookie_hash = $1 and s.ended_at is null and s.expires_at > now()",
        cookie_hash,
    )


async def end_portal_session(tx: Tx, workspace_id: WorkspaceId, session_id: PortalSessionId) -> int:
    return await tx.execute(
        "update portal_sessions set ended_at = coalesce(ended_at, now()) where workspace_id = $1 and id = $2",
        workspace_id,
        session_id,
    )


# Operators


async def insert_operator(
    tx: Tx, operator_id: OperatorId, workspace_id: WorkspaceId, email: str, name: str, role: Role
) -> Record | None:
    return await tx.fetchrow(
        "insert into operators (id, workspace_id, email, name, role) values ($1, $2, $3, $4, $5)"
        " on conflict do nothing returning id",
        operator_id,
        workspace_id,
        email,
        name,
        role,
    )


async def operator_by_email(db: Reads, email: str) -> Record | None:
    return await db.fetchrow(
        "select id, workspace_id, email, name, role, created_at, disabled_at from operators"
        " where lower(email) = lower($1)",
        email,
    )


async def operators(db: Reads, workspace_id: WorkspaceId) -> Sequence[Record]:
    return await db.fetch(
        "select id, workspace_id, email, name, role, created_at, disabled_at from operators"
        " where workspace_id = $1 order by id",
        workspace_id,
    )


async def insert_sign_in_link(
    tx: Tx,
    session_id: UUID,
    operator_id: OperatorId,
    mode: Mode,
    link_hash: bytes,
    link_life: timedelta,
    life: timedelta,
) -> None:
    await tx.execute(
        "insert into operator_sessions (id, operator_id, mode, link_hash, link_expires_at, expires_at)"
        " values ($1, $2, $3, $4, now() + $5, now() + $5 + $6)",
        session_id,
        operator_id,
        mode,
        link_hash,
        link_life,
        life,
    )


async def enter_admin(tx: Tx, link_hash: bytes, cookie_hash: bytes, life: timedelta, user_agent: str) -> Record | None:
    """The link works once: the second of two simultaneous visits finds the cookie already set."""
    return await tx.fetchrow(
        "update operator_sessions s set cookie_hash = $2, expires_at = now() + $3, entered_at = now(),"
        " user_agent = $4 from operators o"
        " where s.link_hash = $1 and s.cookie_hash is null and s.ended_at is null and s.link_expires_at > now()"
        " and o.id = s.operator_id and o.disabled_at is null returning s.id",
        link_hash,
        cookie_hash,
        life,
        user_agent,
    )


async def operator_visitor(db: Reads, cookie_hash: bytes) -> Record | None:
    return await db.fetchrow(
        "select s.id as session_id, o.id as operator_id, o.workspace_id, w.twin_id as test_workspace_id,"
        " s.mode, o.email, o.name, o.role, s.expires_at"
        " from operator_sessions s join operators o on o.id = s.operator_id"
        " join workspaces w on w.id = o.workspace_id"
        " where s.cookie_hash = $1 and s.ended_at is null and s.expires_at > now() and o.disabled_at is null",
        cookie_hash,
    )


async def look_at(tx: Tx, session_id: UUID, mode: Mode) -> None:
    await tx.execute("update operator_sessions set mode = $2 where id = $1", session_id, mode)


async def end_operator_session(tx: Tx, operator_id: OperatorId, session_id: UUID) -> int:
    return await tx.execute(
        "update operator_sessions set ended_at = coalesce(ended_at, now()) where operator_id = $1 and id = $2",
        operator_id,
        session_id,
    )


# Request keys


async def insert_request_key(tx: Tx, request_key: RequestKey, made_id: UUID, state: str, status: int) -> Record | None:
    """A row when the key is new, or forgotten after 30 days. A concurrent holder of the same key is waited for."""
    return await tx.fetchrow(
        "insert into request_keys as r (workspace_id, key, fingerprint, made_id, state, status)"
        " values ($1, $2, $3, $4, $5, $6) on conflict (workspace_id, key) do update"
        " set fingerprint = excluded.fingerprint, made_id = excluded.made_id, state = excluded.state,"
        " status = excluded.status, created_at = now()"
        " where r.created_at < now() - interval '30 days' returning made_id",
        request_key.workspace_id,
        request_key.key,
        request_key.fingerprint,
        made_id,
        state,
        status,
    )


async def request_key(db: Reads, workspace_id: WorkspaceId, key: str) -> Record | None:
    return await db.fetchrow(
        "select fingerprint, made_id, state, status from request_keys where workspace_id = $1 and key = $2",
        workspace_id,
        key,
    )


async def finish_request_key(tx: Tx, workspace_id: WorkspaceId, key: str) -> None:
    await tx.execute(
        "update request_keys set state = 'done' where workspace_id = $1 and key = $2 and state = 'running'",
        workspace_id,
        key,
    )


async def delete_request_key(tx: Tx, workspace_id: WorkspaceId, key: str) -> None:
    await tx.execute(
        "delete from request_keys where workspace_id = $1 and key = $2 and state = 'running'", workspace_id, key
    )


async def delete_old_request_keys(tx: Tx, limit: int) -> int:
    return await tx.execute(
        "delete from request_keys where (workspace_id, key) in (select workspace_id, key from request_keys"
        " where created_at < now() - interval '30 days' limit $1)",
        limit,
    )
