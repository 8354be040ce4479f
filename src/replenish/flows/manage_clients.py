"""Clients that sign their requests: their keys, what they sent again, and the settings that they keep with us."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from msgspec import UNSET, UnsetType

from replenish.access import operations as access
from replenish.access.clients import operations as clients
from replenish.access.model import RequestKey
from replenish.core.clock import utc_now
from replenish.core.db import Database
from replenish.core.ids import CLIENT_KEY, CLIENT_SETTING, ClientKeyId, ClientSettingId, WorkspaceId
from replenish.core.transaction import transaction

CREATED: Final = 201


async def add_client_key(
    *, db: Database, workspace_id: WorkspaceId, name: str, public_key: str, component: str | None = None
) -> ClientKeyId:
    """Let whoever holds the private key act for the merchant, live and test. `workspace_id` is the live workspace.

    The same key again is the same client. Raises Invalid(name | public_key | component | workspace_id), Conflict.
    """
    async with transaction(db) as tx:
        return await clients.add_key(
            tx,
            key_id=CLIENT_KEY.new(),
            workspace_id=workspace_id,
            name=name,
            public_key=public_key,
            component=component,
            now=utc_now(),
        )


async def revoke_client_key(*, db: Database, workspace_id: WorkspaceId, key_id: ClientKeyId) -> None:
    """It stops working within a second. Twice is once. Raises NotFound."""
    async with transaction(db) as tx:
        await clients.revoke_key(tx, workspace_id=workspace_id, key_id=key_id)


async def begin_request(*, db: Database, workspace_id: WorkspaceId, digest: bytes) -> UUID:
    """The key under which a request without an Idempotency-Key is done once (law 7).

    The same token as before when the same request was answered less than 15 seconds ago, or was never answered.
    """
    async with transaction(db) as tx:
        return await clients.request_token(tx, workspace_id=workspace_id, digest=digest)


async def end_request(*, db: Database, workspace_id: WorkspaceId, digest: bytes, token: UUID) -> None:
    """It was answered, and not with a fault of ours: from now on it is remembered for 15 seconds."""
    async with transaction(db) as tx:
        await clients.finish_request(tx, workspace_id=workspace_id, digest=digest, token=token)


async def create_setting(
    *,
    db: Database,
    workspace_id: WorkspaceId,
    type_: str,
    location: str,
    component: str | None = None,
    description: str = "",
    active: bool = True,
    settings: Mapping[str, object],
    request_key: RequestKey | None = None,
) -> ClientSettingId:
    """Raises Invalid, Conflict(setting_taken)."""
    setting_id = CLIENT_SETTING.new()
    async with transaction(db) as tx:
        made = await access.claim_request_key(tx, request_key, setting_id, CREATED)
        if made is not None:
            return ClientSettingId(made)
        await clients.create_setting(
            tx,
            setting_id=setting_id,
            workspace_id=workspace_id,
            type_=type_,
            location=location,
            component=component,
            description=description,
            active=active,
            settings=settings,
            now=utc_now(),
        )
    return setting_id


async def change_setting(
    *,
    db: Database,
    workspace_id: WorkspaceId,
    setting_id: ClientSettingId,
    description: str | UnsetType = UNSET,
    active: bool | UnsetType = UNSET,
    settings: Mapping[str, object] | UnsetType = UNSET,
) -> None:
    """What is given is changed; keys within `settings` are added or replaced. Raises NotFound, Invalid."""
    async with transaction(db) as tx:
        await clients.change_setting(
            tx,
            workspace_id=workspace_id,
            setting_id=setting_id,
            description=description,
            active=active,
            settings=settings,
        )


async def delete_setting(*, db: Database, workspace_id: WorkspaceId, setting_id: ClientSettingId) -> None:
    """Raises NotFound."""
    async with transaction(db) as tx:
        await clients.delete_setting(tx, workspace_id=workspace_id, setting_id=setting_id)
