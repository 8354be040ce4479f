"""Recharge attempts: each automatic charge, and each changed reason for not charging."""

from replenish_client._async.pages import AsyncPages
from replenish_client._async.resources.base import AsyncResource
from replenish_client._values import query, segment
from replenish_client.params import AttemptState
from replenish_client.types.recharge import RechargeAttempt


class AsyncRechargeAttempts(AsyncResource):
    """`client.recharge_attempts`."""

    def list(
        self,
        *,
        customer_id: str | None = None,
        in_state: AttemptState | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> AsyncPages[RechargeAttempt]:
        """List recharge attempts, newest first."""
        filters = query(customer_id=customer_id, in_state=in_state, limit=limit, cursor=cursor)
        return self._transport.pages("/v1/recharge_attempts", RechargeAttempt, filters)

    async def retrieve(self, recharge_attempt: str) -> RechargeAttempt:
        """Retrieve a recharge attempt. Raises NotFoundError."""
        path = f"/v1/recharge_attempts/{segment(recharge_attempt, 'recharge_attempt')}"
        return await self._transport.get(path, RechargeAttempt)
