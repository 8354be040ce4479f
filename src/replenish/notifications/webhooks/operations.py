"""Writes of webhook endpoints. Called by flows, inside their transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from replenish.core.errors import Conflict, Invalid, NotFound
from replenish.core.ids import WebhookEndpointId, WorkspaceId
from replenish.core.metadata import Metadata, clean_metadata
from replenish.core.rows import row_to
from replenish.core.text import clean_text, clean_url
from replenish.core.transaction import Tx
from replenish.notifications.webhooks import store
from replenish.notifications.webhooks.model import Status, WebhookEndpoint

ENDPOINTS_MAX: Final = 50
_DESCRIPTION_LONGEST: Final = 255
_EVENTS_MAX: Final = 200
_EVENT_LONGEST: Final = 128


async def create_endpoint(
    tx: Tx,
    *,
    endpoint_id: WebhookEndpointId,
    workspace_id: WorkspaceId,
    url: str,
    enabled_events: Sequence[str],
    now: datetime,
    description: str = "",
    status: Status = "enabled",
    metadata: Metadata | None = None,
) -> None:
    """Raises Invalid(url | enabled_events | description | metadata), Conflict(too_many_endpoints)."""
    present = await store.count(tx, workspace_id)
    if isinstance(present, int) and present >= ENDPOINTS_MAX:
        raise Conflict(f"A workspace has at most {ENDPOINTS_MAX} webhook endpoints.", code="too_many_endpoints")
    made = WebhookEndpoint(
        id=endpoint_id,
        workspace_id=workspace_id,
        url=url,
        description=description,
        enabled_events=enabled_events,
        status=status,
        metadata=metadata or {},
        created_at=now,
    )
    _check(made)
    await store.insert_endpoint(tx, made)


async def change_endpoint(
    tx: Tx,
    *,
    workspace_id: WorkspaceId,
    endpoint_id: WebhookEndpointId,
    url: str | UnsetType = UNSET,
    enabled_events: Sequence[str] | UnsetType = UNSET,
    description: str | UnsetType = UNSET,
    status: Status | UnsetType = UNSET,
    metadata: Metadata | UnsetType = UNSET,
) -> None:
    found = await store.lock_endpoint(tx, workspace_id, endpoint_id)
    if found is None:
        raise NotFound("webhook endpoint")
    old = row_to(WebhookEndpoint, found)
    changed = msgspec.structs.replace(
        old,
        url=old.url if url is UNSET else url,
        enabled_events=old.enabled_events if enabled_events is UNSET else enabled_events,
        description=old.description if description is UNSET else description,
        status=old.status if status is UNSET else status,
        metadata=old.metadata if metadata is UNSET else metadata,
    )
    _check(changed)
    await store.update_endpoint(tx, changed)


async def delete_endpoint(tx: Tx, *, workspace_id: WorkspaceId, endpoint_id: WebhookEndpointId) -> None:
    if not await store.delete_endpoint(tx, workspace_id, endpoint_id):
        raise NotFound("webhook endpoint")


def _check(endpoint: WebhookEndpoint) -> None:
    clean_url(endpoint.url, field="url")
    clean_text(endpoint.description, field="description", longest=_DESCRIPTION_LONGEST)
    if not 1 <= len(endpoint.enabled_events) <= _EVENTS_MAX:
        raise Invalid("enabled_events", f"names 1 to {_EVENTS_MAX} types of events, or '*'")
    for place, name in enumerate(endpoint.enabled_events):
        clean_text(name, field=f"enabled_events[{place}]", longest=_EVENT_LONGEST, shortest=1)
    clean_metadata(endpoint.metadata)
