"""Usage events: what was recorded, and taking one back."""

from replenish_client._async.pages import AsyncPages
from replenish_client._async.resources.base import AsyncResource
from replenish_client._values import known, query, segment
from replenish_client.types.usage import UsageEvent, UsageReversal


class AsyncUsageEvents(AsyncResource):
    """`client.usage_events`."""

    def list(
        self, *, customer_id: str, meter_id: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> AsyncPages[UsageEvent]:
        """List a customer's usage events, newest first. `customer_id`: id or external id."""
        filters = query(customer_id=customer_id, meter_id=meter_id, limit=limit, cursor=cursor)
        return self._transport.pages("/v1/usage_events", UsageEvent, filters)

    async def retrieve(self, usage_event: str) -> UsageEvent:
        """Retrieve a usage event. Raises NotFoundError."""
        return await self._transport.get(_path(usage_event), UsageEvent)

    async def reverse(
        self, usage_event: str, *, reason: str | None = None, idempotency_key: str | None = None
    ) -> UsageReversal:
        """Take a usage event back: what it took returns to the grants that paid, last burned first. At most once."""
        path = f"{_path(usage_event)}/reverse"
        return await self._transport.post(path, UsageReversal, known(reason=reason), key=idempotency_key)


def _path(usage_event: str) -> str:
    return f"/v1/usage_events/{segment(usage_event, 'usage_event')}"
