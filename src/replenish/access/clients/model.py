"""Signing clients, as values."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from replenish.core.ids import ClientKeyId, ClientSettingId, WorkspaceId


class ClientKey(msgspec.Struct, frozen=True, kw_only=True):
    """A registered ed25519 public key. `workspace_id` is the live one; `test_workspace_id` its twin.

    `component` is what the client calls itself; None = whatever it says.
    """

    id: ClientKeyId
    workspace_id: WorkspaceId
    test_workspace_id: WorkspaceId
    name: str
    public_key: bytes
    component: str | None
    created_at: datetime
    revoked_at: datetime | None


class ClientSetting(msgspec.Struct, frozen=True, kw_only=True):
    """What an application keeps under a name (`location`) of its own."""

    id: ClientSettingId
    workspace_id: WorkspaceId
    type: str
    location: str
    component: str | None
    description: str
    active: bool
    settings: Mapping[str, object]
    created_at: datetime
