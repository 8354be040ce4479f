"""Writes of client keys, requests sent again, and settings. Called by flows, inside their transaction."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import UNSET, UnsetType
from uuid_utils.compat import uuid7

from replenish.access import queries as workspaces
from replenish.access.clients import queries, store
from replenish.access.clients.model import ClientKey, ClientSetting
from replenish.core.errors import Conflict, Invalid, NotFound
from replenish.core.ids import ClientKeyId, ClientSettingId, WorkspaceId
from replenish.core.rows import row_to
from replenish.core.text import clean_text
from replenish.core.transaction import Tx

# How long after its answer a request that comes again is the same one (law 7). Without an answer the client may still be
# waiting: it gives up after a minute, and only then asks again.
RESENT_WITHIN: Final = timedelta(seconds=15)
UNANSWERED_WITHIN: Final = timedelta(seconds=75)
_FORGOTTEN_AFTER: Final = timedelta(hours=1)
_NAME_LONGEST: Final = 128
_SETTING_LONGEST: Final = 255
_SETTINGS_MAX_BYTES: Final = 64 * 1024


async def add_key(
    tx: Tx,
    *,
    key_id: ClientKeyId,
    workspace_id: WorkspaceId,
    name: str,
    public_key: str,
    component: str | None,
    now: datetime,
) -> ClientKeyId:
    """`public_key` is hex, with or without `0x`. Adding the same key again returns it, and ends a revocation.

    Raises Invalid(name | public_key | workspace_id), Conflict(client_key_taken) for another merchant's key.
    """
    clean_text(name, field="name", longest=_NAME_LONGEST, shortest=1)
    if component is not None:
        clean_text(component, field="component", longest=_NAME_LONGEST, shortest=1)
    workspace = await workspaces.workspace(tx, workspace_id=workspace_id)
    if workspace.mode != "live":
        raise Invalid("workspace_id", "client keys belong to the live workspace; its twin shares them")
    key = ClientKey(
        id=key_id,
        workspace_id=workspace_id,
        test_workspace_id=workspace.twin_id,
        name=name,
        public_key=_public_key(public_key),
        component=component,
        created_at=now,
        revoked_at=None,
    )
    if await store.insert_key(tx, key) is not None:
        return key_id
    known = await queries.key_by_public_key(tx, public_key=key.public_key)
    if known is None or known.workspace_id != workspace_id:
        raise Conflict("This public key is registered already.", code="client_key_taken")
    await store.restore_key(tx, known.id)
    return known.id


def _public_key(text: str) -> bytes:
    wrong = Invalid("public_key", "must be an ed25519 public key: 64 hexadecimal characters, with or without 0x")
    try:
        raw = bytes.fromhex(text.strip().removeprefix("0x"))
        Ed25519PublicKey.from_public_bytes(raw)
    except (ValueError, UnsupportedAlgorithm):
        raise wrong from None
    return raw


async def revoke_key(tx: Tx, *, workspace_id: WorkspaceId, key_id: ClientKeyId) -> None:
    """It stops working within a second. Twice is once. Raises NotFound."""
    if await store.revoke_key(tx, workspace_id, key_id) is None:
        raise NotFound("client key")


async def request_token(tx: Tx, *, workspace_id: WorkspaceId, digest: bytes) -> UUID:
    """The same token for a request and for the same request sent again soon after."""
    await store.delete_old_requests(tx, _FORGOTTEN_AFTER, 10)
    found = await store.request_token(tx, workspace_id, digest, uuid7(), UNANSWERED_WITHIN, RESENT_WITHIN)
    if not isinstance(found, UUID):
        raise TypeError("a request's token is a uuid")
    return found


async def finish_request(tx: Tx, *, workspace_id: WorkspaceId, digest: bytes, token: UUID) -> None:
    await store.finish_request(tx, workspace_id, digest, token)


async def create_setting(
    tx: Tx,
    *,
    setting_id: ClientSettingId,
    workspace_id: WorkspaceId,
    type_: str,
    location: str,
    component: str | None,
    description: str,
    active: bool,
    settings: Mapping[str, object],
    now: datetime,
) -> None:
    """Raises Invalid, Conflict(setting_taken) for a location that has one."""
    clean_text(type_, field="type", longest=_SETTING_LONGEST, shortest=1)
    clean_text(location, field="mountLocation", longest=_SETTING_LONGEST, shortest=1)
    clean_text(component or "", field="componentDid", longest=_SETTING_LONGEST)
    clean_text(description, field="description", longest=_SETTING_LONGEST)
    _check_size(settings)
    made = ClientSetting(
        id=setting_id,
        workspace_id=workspace_id,
        type=type_,
        location=location,
        component=component,
        description=description,
        active=active,
        settings=settings,
        created_at=now,
    )
    if await store.insert_setting(tx, made) is None:
        raise Conflict("This mount location has a setting already.", code="setting_taken")


async def change_setting(
    tx: Tx,
    *,
    workspace_id: WorkspaceId,
    setting_id: ClientSettingId,
    description: str | UnsetType,
    active: bool | UnsetType,
    settings: Mapping[str, object] | UnsetType,
) -> None:
    """What is given is changed; keys within `settings` are added or replaced. Raises NotFound, Invalid."""
    found = await store.lock_setting(tx, workspace_id, setting_id)
    if found is None:
        raise NotFound("setting")
    old = row_to(ClientSetting, found)
    if description is not UNSET:
        clean_text(description, field="description", longest=_SETTING_LONGEST)
    merged = old.settings if settings is UNSET else {**old.settings, **settings}
    _check_size(merged)
    changed = msgspec.structs.replace(
        old,
        description=old.description if description is UNSET else description,
        active=old.active if active is UNSET else active,
        settings=merged,
    )
    await store.update_setting(tx, changed)


async def delete_setting(tx: Tx, *, workspace_id: WorkspaceId, setting_id: ClientSettingId) -> None:
    if not await store.delete_setting(tx, workspace_id, setting_id):
        raise NotFound("setting")


def _check_size(settings: Mapping[str, object]) -> None:
    if len(msgspec.json.encode(settings)) > _SETTINGS_MAX_BYTES:
        raise Invalid("settings", f"take at most {_SETTINGS_MAX_BYTES} bytes as JSON")
