"""Reads of signing clients and of what they keep."""

from typing import Final

from replenish.access.clients import store
from replenish.access.clients.model import ClientKey, ClientSetting
from replenish.core.db import Reads
from replenish.core.errors import NotFound
from replenish.core.ids import CLIENT_SETTING, WorkspaceId
from replenish.core.rows import row_to, rows_to

KEYS_MAX: Final = 1000


async def keys(db: Reads, *, workspace_id: WorkspaceId) -> list[ClientKey]:
    """A merchant's, newest first, revoked ones too. `workspace_id` is the live workspace."""
    return rows_to(ClientKey, await store.keys(db, workspace_id))


async def active_keys(db: Reads) -> list[ClientKey]:
    """Everybody's, for the edge that has a signature and no name. Never for a caller to see."""
    return rows_to(ClientKey, await store.active_keys(db, KEYS_MAX))


async def key_by_public_key(db: Reads, *, public_key: bytes) -> ClientKey | None:
    found = await store.key_by_public_key(db, public_key)
    return None if found is None else row_to(ClientKey, found)


async def find_setting(db: Reads, *, workspace_id: WorkspaceId, key: str) -> ClientSetting:
    """By id or location. Raises NotFound."""
    setting_id = CLIENT_SETTING.try_parse(key)
    found = None if setting_id is None else await store.setting(db, workspace_id, setting_id)
    if found is None:
        found = await store.setting_by_location(db, workspace_id, key)
    if found is None:
        raise NotFound("setting")
    return row_to(ClientSetting, found)
