# Made from _async/resources/recharge_attempts.py by scripts/make_sync_client.py; change that one.
"""Recharge attempts: each automatic charge, and each changed reason for not charging."""

from replenish_client._sync.pages import Pages
from replenish_client._sync.resources.base import Resource
from replenish_client._values import query, segment
from replenish_client.params import AttemptState
from replenish_client.types.recharge import RechargeAttempt


class RechargeAttempts(Resource):
    """`client.recharge_attempts`."""

    def list(
        self,
        *,
        customer_id: str | None = None,
        in_state: AttemptState | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Pages[RechargeAttempt]:
        """List recharge attempts, newest first."""
        filters = query(customer_id=customer_id, in_state=in_state, limit=limit, cursor=cursor)
        return self._transport.pages("/v1/recharge_attempts", RechargeAttempt, filters)

    def retrieve(self, recharge_attempt: str) -> RechargeAttempt:
        """Retrieve a recharge attempt. Raises NotFoundError."""
        path = f"/v1/recharge_attempts/{segment(recharge_attempt, 'recharge_attempt')}"
        return self._transport.get(path, RechargeAttempt)
