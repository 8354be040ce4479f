"""Events: what happened, in an order that a reader can follow."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, cast
from uuid import UUID

from msgspec import Meta

from replenish.api.v1.call import Call
from replenish.api.v1.references import customer_ref
from replenish.api.v1.routing import reads
from replenish.api.v1.wire import Key, Limit, Page, Shown, Time, path_id
from replenish.core import ids
from replenish.core.errors import Invalid
from replenish.core.ids import CUSTOMER, EVENT, Kind
from replenish.notifications import queries
from replenish.notifications.model import Event
from replenish.notifications.queries import Place

EventType = Annotated[str, Meta(min_length=1, max_length=64, examples=["top_up.settled"])]
Order = Annotated[
    Literal["newest", "oldest"],
    Meta(
        description="`oldest` follows the feed: `next_cursor` is then never null, ask again with it for what came since."
    ),
]
KINDS: Final[Mapping[str, object]] = {
    "customer": ids.CUSTOMER,
    "credit_grant": ids.LOT,
    "usage_event": ids.USAGE_EVENT,
    "adjustment": ids.ADJUSTMENT,
    "top_up": ids.TOP_UP,
    "payment": ids.PAYMENT,
    "payment_method": ids.PAYMENT_METHOD,
    "recharge_rule": ids.RECHARGE_RULE,
    "recharge_attempt": ids.RECHARGE_ATTEMPT,
    "checkout_session": ids.CHECKOUT_SESSION,
    "wallet": ids.WALLET,
    "refund": ids.REFUND,
    "hold": ids.HOLD,
    "budget": ids.BUDGET,
    "grant_schedule": ids.GRANT_SCHEDULE,
}
_XID_MAX: Final = 2**64 - 1


class EventView(Shown):
    id: str
    type: str
    # Counts a customer's events without gaps.
    number: int
    customer_id: str
    object_type: str
    object_id: str
    data: Mapping[str, Any]
    created_at: Time


def show(event: Event) -> EventView:
    # Only shown: which noun's id it is stands in object_type.
    kind = cast("Kind[UUID] | None", KINDS.get(event.object_type))
    return EventView(
        id=EVENT.text(event.id),
        type=event.type,
        number=event.number,
        customer_id=CUSTOMER.text(event.customer_id),
        object_type=event.object_type,
        object_id=str(event.object_id) if kind is None else kind.text(event.object_id),
        data=dict(event.data),
        created_at=event.created_at,
    )


def _cursor(event: Event) -> str:
    return urlsafe_b64encode(f"{event.written_by}.{event.id.hex}".encode()).decode().rstrip("=")


def _place(cursor: str) -> Place:
    try:
        text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        written_by, _, event_id = text.partition(".")
        place = Place(written_by=str(int(written_by)), event_id=UUID(hex=event_id))
    except (Base64Error, ValueError):
        place = None
    if place is None or not 0 <= int(place.written_by) <= _XID_MAX:
        raise Invalid("cursor", "is not a next_cursor of this list")
    return place


@reads("/events")
async def list_events(
    call: Call,
    customer_id: Key | None = None,
    type: EventType | None = None,  # noqa: A002 - the wire's word
    order: Order = "newest",
    limit: Limit = 20,
    cursor: Annotated[str, Meta(max_length=128)] | None = None,
) -> Page[EventView]:
    """List events, newest first, or follow the feed from the oldest on. None can appear behind a place once passed."""
    rows = await queries.feed(
        call.db,
        workspace_id=call.workspace_id,
        customer_id=None if customer_id is None else await customer_ref(call, customer_id),
        type_=type,
        order=order,
        beyond=None if cursor is None else _place(cursor),
        limit=limit + 1,
    )
    shown = rows[:limit]
    following = cursor if order == "oldest" else None
    if shown and (order == "oldest" or len(rows) > limit):
        following = _cursor(shown[-1])
    return Page(data=[show(row) for row in shown], next_cursor=following)


@reads("/events/{event_id:str}")
async def retrieve_event(event_id: str, call: Call) -> EventView:
    """Retrieve an event."""
    found = path_id(EVENT, event_id, "event")
    return show(await queries.event(call.db, workspace_id=call.workspace_id, event_id=found))


routes = [list_events, retrieve_event]
