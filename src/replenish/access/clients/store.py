"""SQL of client keys, requests sent again, and settings."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from asyncpg import Record

from replenish.access.clients.model import ClientKey, ClientSetting
from replenish.core.db import Reads
from replenish.core.ids import ClientKeyId, ClientSettingId, WorkspaceId
from replenish.core.transaction import Tx

_KEYS = (
    "select k.id, k.workspace_id, w.twin_id as test_workspace_id, k.name, k.public_key, k.component, k.created_at,"
    " k.revoked_at from client_keys k join workspaces w on w.id = k.workspace_id"
)


# Keys


async def insert_key(tx: Tx, key: ClientKey) -> Record | None:
    return await tx.fetchrow(
        "insert into client_keys (id, workspace_id, name, public_key, component, created_at)"
        " values ($1, $2, $3, $4, $5, $6) on conflict do nothing returning id",
        key.id,
        key.workspace_id,
        key.name,
        key.public_key,
        key.component,
        key.created_at,
    )


async def key_by_public_key(db: Reads, public_key: bytes) -> Record | None:
    return await db.fetchrow(f"{_KEYS} where k.public_key = $1", public_key)


async def restore_key(tx: Tx, key_id: ClientKeyId) -> None:
    await tx.execute("update client_keys set revoked_at = null where id = $1", key_id)


async def revoke_key(tx: Tx, workspace_id: WorkspaceId, key_id: ClientKeyId) -> Record | None:
    """Revoking twice keeps the first time."""
    return await tx.fetchrow(
        "update client_keys set revoked_at = coalesce(revoked_at, now()) where workspace_id = $1 and id = $2"
        " returning id",
        workspace_id,
        key_id,
    )


async def keys(db: Reads, workspace_id: WorkspaceId) -> Sequence[Record]:
    return await db.fetch(f"{_KEYS} where k.workspace_id = $1 order by k.id desc", workspace_id)


async def active_keys(db: Reads, limit: int) -> Sequence[Record]:
    """All merchants': a signature does not say whose key made it."""
    return await db.fetch(f"{_KEYS} where k.revoked_at is null order by k.id desc limit $1", limit)


# Requests sent again


async def request_token(
    tx: Tx,
    workspace_id: WorkspaceId,
    digest: bytes,
    token: UUID,
    unfinished_life: timedelta,
    finished_life: timedelta,
) -> object:
    """The first request's token while that one is running or has just ended, else the new one."""
    return await tx.fetchval(
        "insert into resent_requests as r (workspace_id, digest, token) values ($1, $2, $3)"
        " on conflict (workspace_id, digest) do update set"
        " (token, started_at, finished_at) = (select"
        " case when same then r.token else excluded.token end,"
        " case when same then r.started_at else clock_timestamp() end,"
        " case when same then r.finished_at end"
        " from (select coalesce(r.finished_at > clock_timestamp() - $5::interval,"
        " r.started_at > clock_timestamp() - $4::interval) as same) as s)"
        " returning token",
        workspace_id,
        digest,
        token,
        unfinished_life,
        finished_life,
    )


async def finish_request(tx: Tx, workspace_id: WorkspaceId, digest: bytes, token: UUID) -> None:
    """Only the first end counts: otherwise a client that repeats itself for ever would never be heard again."""
    await tx.execute(
        "update resent_requests set finished_at = coalesce(finished_at, clock_timestamp())"
        " where workspace_id = $1 and digest = $2 and token = $3",
        workspace_id,
        digest,
        token,
    )


async def delete_old_requests(tx: Tx, older_than: timedelta, limit: int) -> None:
    await tx.execute(
        "delete from resent_requests where (workspace_id, digest) in (select workspace_id, digest"
        " from resent_requests where started_at < now() - $1::interval order by started_at limit $2"
        " for update skip locked)",
        older_than,
        limit,
    )


# Settings


async def insert_setting(tx: Tx, setting: ClientSetting) -> Record | None:
    return await tx.fetchrow(
        "insert into client_settings (id, workspace_id, type, location, component, description, active, settings,"
        " created_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing returning id",
        setting.id,
        setting.workspace_id,
        setting.type,
        setting.location,
        setting.component,
        setting.description,
        setting.active,
        setting.settings,
        setting.created_at,
    )


async def setting(db: Reads, workspace_id: WorkspaceId, setting_id: ClientSettingId) -> Record | None:
    return await db.fetchrow(
        "select * from client_settings where workspace_id = $1 and id = $2", workspace_id, setting_id
    )


async def setting_by_location(db: Reads, workspace_id: WorkspaceId, location: str) -> Record | None:
    return await db.fetchrow(
        "select * from client_settings where workspace_id = $1 and location = $2", workspace_id, location
    )


async def lock_setting(tx: Tx, workspace_id: WorkspaceId, setting_id: ClientSettingId) -> Record | None:
    return await tx.fetchrow(
        "select * from client_settings where workspace_id = $1 and id = $2 for update", workspace_id, setting_id
    )


async def update_setting(tx: Tx, setting: ClientSetting) -> None:
    await tx.execute(
        "update client_settings set description = $3, active = $4, settings = $5 where workspace_id = $1 and id = $2",
        setting.workspace_id,
        setting.id,
        setting.description,
        setting.active,
        setting.settings,
    )


async def delete_setting(tx: Tx, workspace_id: WorkspaceId, setting_id: ClientSettingId) -> bool:
    return bool(
        await tx.execute("delete from client_settings where workspace_id = $1 and id = $2", workspace_id, setting_id)
    )
