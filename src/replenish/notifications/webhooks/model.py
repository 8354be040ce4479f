"""Webhook endpoints, as values."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from replenish.core.ids import WebhookEndpointId, WorkspaceId
from replenish.core.metadata import Metadata

Status = Literal["enabled", "disabled"]


class WebhookEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """`enabled_events` are types of events; `*` is all of them."""

    id: WebhookEndpointId
    workspace_id: WorkspaceId
    url: str
    description: str
    enabled_events: Sequence[str]
    status: Status
    metadata: Metadata
    created_at: datetime
