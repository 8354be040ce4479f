"""Usage by day: what charts show."""

from replenish_client._async.pages import AsyncPages
from replenish_client._async.resources.base import AsyncResource
from replenish_client._values import Day, optional_day, query
from replenish_client.types.usage import UsageDay


class AsyncUsageDays(AsyncResource):
    """`client.usage_days`."""

    def list(
        self,
        *,
        customer_id: str,
        meter_id: str | None = None,
        since: Day | None = None,
        until: Day | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> AsyncPages[UsageDay]:
        """List what a customer used by wallet, meter and UTC day, newest first; `since` and `until` count themselves."""
        filters = query(
            customer_id=customer_id,
            meter_id=meter_id,
            since=optional_day(since, "since"),
            until=optional_day(until, "until"),
            limit=limit,
            cursor=cursor,
        )
        return self._transport.pages("/v1/usage_days", UsageDay, filters)
