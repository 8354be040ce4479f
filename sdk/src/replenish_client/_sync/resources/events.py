# Made from _async/resources/events.py by scripts/make_sync_client.py; change that one.
"""Events: what happened, in an order that a reader can follow."""

from replenish_client._sync.pages import Pages
from replenish_client._sync.resources.base import Resource
from replenish_client._values import query, segment
from replenish_client.params import Order
from replenish_client.types.events import Event


class Events(Resource):
    """`client.events`."""

    def list(
        self,
        *,
        customer_id: str | None = None,
        type: str | None = None,  # noqa: A002 - the wire's word
        order: Order | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Pages[Event]:
        """List events, newest first, or follow the feed with `order="oldest"`.

        A follower takes one `page()` at a time and keeps its `next_cursor`, which is then never None: asked again with it,
        the list goes on with what came since.
        """
        filters = query(customer_id=customer_id, type=type, order=order, limit=limit, cursor=cursor)
        return self._transport.pages("/v1/events", Event, filters)

    def retrieve(self, event: str) -> Event:
        """Retrieve an event. Raises NotFoundError."""
        return self._transport.get(f"/v1/events/{segment(event, 'event')}", Event)
