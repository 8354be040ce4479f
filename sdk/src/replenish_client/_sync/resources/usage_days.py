# Made from _async/resources/usage_days.py by scripts/make_sync_client.py; change that one.
"""Usage by day: what charts show."""

from replenish_client._sync.pages import Pages
from replenish_client._sync.resources.base import Resource
from replenish_client._values import Day, optional_day, query
from replenish_client.types.usage import UsageDay


class UsageDays(Resource):
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
    ) -> Pages[UsageDay]:
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
