"""Webhook endpoints: where a merchant wants to be told of events."""

from collections.abc import Sequence
from typing import Final

from msgspec import UNSET, UnsetType

from replenish.access import operations as access
from replenish.access.model import RequestKey
from replenish.core.clock import utc_now
from replenish.core.db import Database
from replenish.core.ids import WEBHOOK_ENDPOINT, WebhookEndpointId, WorkspaceId
from replenish.core.metadata import Metadata
from replenish.core.transaction import transaction
from replenish.notifications.webhooks import operations as webhooks
from replenish.notifications.webhooks.model import Status

CREATED: Final = 201


async def create_webhook_endpoint(
    *,
    db: Database,
    workspace_id: WorkspaceId,
    url: str,
    enabled_events: Sequence[str],
    description: str = "",
    status: Status = "enabled",
    metadata: Metadata | None = None,
    request_key: RequestKey | None = None,
) -> WebhookEndpointId:
    """Raises Invalid(url | enabled_events | description | metadata), Conflict(too_many_endpoints)."""
    endpoint_id = WEBHOOK_ENDPOINT.new()
    async with transaction(db) as tx:
        made = await access.claim_request_key(tx, request_key, endpoint_id, CREATED)
        if made is not None:
            return WebhookEndpointId(made)
        await webhooks.create_endpoint(
            tx,
            endpoint_id=endpoint_id,
            workspace_id=workspace_id,
            url=url,
            enabled_events=enabled_events,
            description=description,
            status=status,
            metadata=metadata,
            now=utc_now(),
        )
    return endpoint_id


async def change_webhook_endpoint(
    *,
    db: Database,
    workspace_id: WorkspaceId,
    endpoint_id: WebhookEndpointId,
    url: str | UnsetType = UNSET,
    enabled_events: Sequence[str] | UnsetType = UNSET,
    description: str | UnsetType = UNSET,
    status: Status | UnsetType = UNSET,
    metadata: Metadata | UnsetType = UNSET,
) -> None:
    """Raises NotFound, Invalid."""
    async with transaction(db) as tx:
        await webhooks.change_endpoint(
            tx,
            workspace_id=workspace_id,
            endpoint_id=endpoint_id,
            url=url,
            enabled_events=enabled_events,
            description=description,
            status=status,
            metadata=metadata,
        )


async def delete_webhook_endpoint(*, db: Database, workspace_id: WorkspaceId, endpoint_id: WebhookEndpointId) -> None:
    """Raises NotFound."""
    async with transaction(db) as tx:
        await webhooks.delete_endpoint(tx, workspace_id=workspace_id, endpoint_id=endpoint_id)
