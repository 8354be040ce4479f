"""SQL of webhook endpoints."""

from asyncpg import Record

from replenish.core.db import Reads
from replenish.core.ids import WebhookEndpointId, WorkspaceId
from replenish.core.transaction import Tx
from replenish.notifications.webhooks.model import WebhookEndpoint


async def insert_endpoint(tx: Tx, endpoint: WebhookEndpoint) -> None:
    await tx.execute(
        "insert into webhook_endpoints (id, workspace_id, url, description, enabled_events, status, metadata,"
        " created_at) values ($1, $2, $3, $4, $5, $6, $7, $8)",
        endpoint.id,
        endpoint.workspace_id,
        endpoint.url,
        endpoint.description,
        list(endpoint.enabled_events),
        endpoint.status,
        endpoint.metadata,
        endpoint.created_at,
    )


async def endpoint(db: Reads, workspace_id: WorkspaceId, endpoint_id: WebhookEndpointId) -> Record | None:
    return await db.fetchrow(
        "select * from webhook_endpoints where workspace_id = $1 and id = $2", workspace_id, endpoint_id
    )


async def count(db: Reads, workspace_id: WorkspaceId) -> object:
    return await db.fetchval("select count(*)::int from webhook_endpoints where workspace_id = $1", workspace_id)


async def lock_endpoint(tx: Tx, workspace_id: WorkspaceId, endpoint_id: WebhookEndpointId) -> Record | None:
    return await tx.fetchrow(
        "select * from webhook_endpoints where workspace_id = $1 and id = $2 for update", workspace_id, endpoint_id
    )


async def update_endpoint(tx: Tx, endpoint: WebhookEndpoint) -> None:
    await tx.execute(
        "update webhook_endpoints set url = $3, description = $4, enabled_events = $5, status = $6, metadata = $7"
        " where workspace_id = $1 and id = $2",
        endpoint.workspace_id,
        endpoint.id,
        endpoint.url,
        endpoint.description,
        list(endpoint.enabled_events),
        endpoint.status,
        endpoint.metadata,
    )


async def delete_endpoint(tx: Tx, workspace_id: WorkspaceId, endpoint_id: WebhookEndpointId) -> bool:
    return bool(
        await tx.execute("delete from webhook_endpoints where workspace_id = $1 and id = $2", workspace_id, endpoint_id)
    )
