"""Webhook endpoints: where the merchant wants to be told of events."""

from collections.abc import Sequence
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from replenish.api.paymentkit.call import Call, route
from replenish.api.paymentkit.wire import Json, extras_of, listed, own_id, pack, several, stamped_at, unpack
from replenish.core.ids import WEBHOOK_ENDPOINT, WebhookEndpointId
from replenish.flows import manage_webhooks
from replenish.notifications.webhooks import queries
from replenish.notifications.webhooks.model import Status, WebhookEndpoint

API_VERSION = "2023-09-05"


class NewEndpoint(msgspec.Struct, kw_only=True):
    url: str
    enabled_events: list[str] = msgspec.field(default_factory=lambda: ["*"])
    description: str | None = None
    status: Status = "enabled"
    metadata: dict[str, object] | None = None


class EndpointChanges(msgspec.Struct, kw_only=True):
    url: str | UnsetType = UNSET
    enabled_events: list[str] | UnsetType = UNSET
    description: str | UnsetType = UNSET
    status: Status | UnsetType = UNSET
    metadata: dict[str, object] | UnsetType | None = UNSET


@route("POST", "/webhook-endpoints", scope="keys:write", once=True)
async def create_endpoint(call: Call) -> Json:
    """Create a webhook endpoint; without `enabled_events` it is told of everything."""
    data = call.body(NewEndpoint)
    endpoint_id = await manage_webhooks.create_webhook_endpoint(
        db=call.db,
        workspace_id=call.workspace_id,
        url=data.url,
        enabled_events=data.enabled_events,
        description=data.description or "",
        status=data.status,
        metadata=pack(data.metadata or {}),
        request_key=call.request_key,
    )
    return await _shown(call, endpoint_id)


@route("GET", "/webhook-endpoints", scope="read")
async def list_endpoints(call: Call) -> Json:
    """List webhook endpoints, newest first."""
    return await listed(call, "webhook_endpoints", show=_show, filters={"status": several(call, "status")})


@route("GET", "/webhook-endpoints/{key:str}", scope="read")
async def retrieve_endpoint(call: Call) -> Json:
    """Retrieve a webhook endpoint."""
    return await _shown(call, _endpoint_id(call))


@route("PUT", "/webhook-endpoints/{key:str}", scope="keys:write")
async def change_endpoint(call: Call) -> Json:
    """Change a webhook endpoint. What is not given stays."""
    endpoint_id = _endpoint_id(call)
    old = await queries.endpoint(call.db, workspace_id=call.workspace_id, endpoint_id=endpoint_id)
    data = call.body(EndpointChanges)
    await manage_webhooks.change_webhook_endpoint(
        db=call.db,
        workspace_id=call.workspace_id,
        endpoint_id=endpoint_id,
        url=data.url,
        enabled_events=data.enabled_events,
        description=data.description,
        status=data.status,
        metadata=UNSET if data.metadata is UNSET else pack(data.metadata or {}, extras=extras_of(old.metadata)),
    )
    return await _shown(call, endpoint_id)


@route("DELETE", "/webhook-endpoints/{key:str}", scope="keys:write")
async def delete_endpoint(call: Call) -> Json:
    """Delete a webhook endpoint; answers what it was."""
    endpoint_id = _endpoint_id(call)
    shown = await _shown(call, endpoint_id)
    await manage_webhooks.delete_webhook_endpoint(db=call.db, workspace_id=call.workspace_id, endpoint_id=endpoint_id)
    return shown


def _endpoint_id(call: Call) -> WebhookEndpointId:
    return own_id(WEBHOOK_ENDPOINT, call.path(), "webhook endpoint")


async def _shown(call: Call, endpoint_id: WebhookEndpointId) -> Json:
    return (await _show(call, [endpoint_id]))[0]


async def _show(call: Call, ids: Sequence[UUID]) -> list[Json]:
    return [
        _view(
            call,
            await queries.endpoint(call.db, workspace_id=call.workspace_id, endpoint_id=WebhookEndpointId(each)),
        )
        for each in ids
    ]


def _view(call: Call, endpoint: WebhookEndpoint) -> Json:
    return {
        "id": WEBHOOK_ENDPOINT.text(endpoint.id),
        "object": "webhook_endpoint",
        "livemode": call.livemode,
        "url": endpoint.url,
        "description": endpoint.description,
        "enabled_events": list(endpoint.enabled_events),
        "status": endpoint.status,
        "api_version": API_VERSION,
        "metadata": unpack(endpoint.metadata),
        **stamped_at(endpoint.created_at),
    }


routes = [create_endpoint, list_endpoints, retrieve_endpoint, change_endpoint, delete_endpoint]
