"""Events: what happened, under the original's names where it has one."""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from replenish.api.paymentkit.call import Call, route
from replenish.api.paymentkit.webhook_endpoints import API_VERSION
from replenish.api.paymentkit.wire import Json, listed, own_id, several, stamped_at
from replenish.core.ids import CUSTOMER, EVENT, EventId
from replenish.notifications import queries
from replenish.notifications.model import Event

# Ours keep their own names where the original has nothing like it.
_NAMES: Final[Mapping[str, str]] = {
    "credit_grant.created": "customer.credit_grant.granted",
    "credit_grant.voided": "customer.credit_grant.updated",
    "top_up.created": "invoice.created",
    "top_up.settled": "invoice.paid",
    "top_up.failed": "invoice.payment_failed",
    "top_up.cancelled": "invoice.voided",
    "payment.settled": "payment_intent.succeeded",
    "payment.declined": "payment_intent.payment_failed",
    "payment.needs_customer": "payment_intent.requires_action",
    "payment.refunded": "refund.succeeded",
}
_OURS: Final = {name: ours for ours, name in _NAMES.items()}


@route("GET", "/events", scope="read")
async def list_events(call: Call) -> Json:
    """List events, newest first."""
    types = several(call, "type")
    filters = {
        # A name of the original may stand for one of ours and be another one.
        "type": None if types is None else [*types, *(_OURS[each] for each in types if each in _OURS)],
        "object_type": call.text("object_type"),
    }
    return await listed(call, "events", show=_show, filters=filters)


@route("GET", "/events/{key:str}", scope="read")
async def retrieve_event(call: Call) -> Json:
    """Retrieve an event."""
    return (await _show(call, [own_id(EVENT, call.path(), "event")]))[0]


async def _show(call: Call, ids: Sequence[UUID]) -> list[Json]:
    return [
        _view(call, await queries.event(call.db, workspace_id=call.workspace_id, event_id=EventId(each)))
        for each in ids
    ]


def _view(call: Call, event: Event) -> Json:
    return {
        "id": EVENT.text(event.id),
        "object": "event",
        "livemode": call.livemode,
        "type": _NAMES.get(event.type, event.type),
        "api_version": API_VERSION,
        "data": {"object": {**event.data, "customer_id": CUSTOMER.text(event.customer_id)}},
        "object_type": event.object_type,
        "metadata": {"replenish_type": event.type, "number": event.number},
        **stamped_at(event.created_at),
    }


routes = [list_events, retrieve_event]
