"""Reads of webhook endpoints."""

from replenish.core.db import Reads
from replenish.core.errors import NotFound
from replenish.core.ids import WebhookEndpointId, WorkspaceId
from replenish.core.rows import row_to
from replenish.notifications.webhooks import store
from replenish.notifications.webhooks.model import WebhookEndpoint


async def endpoint(db: Reads, *, workspace_id: WorkspaceId, endpoint_id: WebhookEndpointId) -> WebhookEndpoint:
    found = await store.endpoint(db, workspace_id, endpoint_id)
    if found is None:
        raise NotFound("webhook endpoint")
    return row_to(WebhookEndpoint, found)
