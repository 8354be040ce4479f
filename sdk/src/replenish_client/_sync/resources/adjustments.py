# Made from _async/resources/adjustments.py by scripts/make_sync_client.py; change that one.
"""Adjustments: credits given or taken by hand, with a reason."""

from replenish_client._sync.pages import Pages
from replenish_client._sync.resources.base import Resource
from replenish_client._values import Amount, Moment, known, optional_moment, query, segment
from replenish_client._values import amount as wire_amount
from replenish_client.types.credits import Adjustment


class Adjustments(Resource):
    """`client.adjustments`."""

    def create(
        self,
        *,
        customer_id: str,
        currency_id: str,
        amount: Amount,
        reason: str,
        expires_at: Moment | None = None,
        idempotency_key: str | None = None,
    ) -> Adjustment:
        """Give (`amount` above 0) or take (below 0) credits. Only given ones can have an `expires_at`.

        Raises PaymentRequiredError when more would be taken than can be spent: nothing is taken.
        """
        body = known(
            customer_id=customer_id,
            currency_id=currency_id,
            amount=wire_amount(amount, "amount"),
            reason=reason,
            expires_at=optional_moment(expires_at, "expires_at"),
        )
        return self._transport.post("/v1/adjustments", Adjustment, body, key=idempotency_key)

    def list(
        self, *, customer_id: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> Pages[Adjustment]:
        """List adjustments, newest first."""
        filters = query(customer_id=customer_id, limit=limit, cursor=cursor)
        return self._transport.pages("/v1/adjustments", Adjustment, filters)

    def retrieve(self, adjustment: str) -> Adjustment:
        """Retrieve an adjustment. Raises NotFoundError."""
        return self._transport.get(f"/v1/adjustments/{segment(adjustment, 'adjustment')}", Adjustment)
