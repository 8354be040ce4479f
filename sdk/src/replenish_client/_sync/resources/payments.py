# Made from _async/resources/payments.py by scripts/make_sync_client.py; change that one.
"""Payments: each try at paying for a top-up, for support and accounting."""

from replenish_client._sync.pages import Pages
from replenish_client._sync.resources.base import Resource
from replenish_client._values import query, segment
from replenish_client.params import PaymentState
from replenish_client.types.payments import Payment


class Payments(Resource):
    """`client.payments`."""

    def list(
        self,
        *,
        customer_id: str | None = None,
        in_state: PaymentState | None = None,
        escalated: bool | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Pages[Payment]:
        """List payments, newest first. `escalated`: only those that a person should look at."""
        filters = query(customer_id=customer_id, in_state=in_state, escalated=escalated, limit=limit, cursor=cursor)
        return self._transport.pages("/v1/payments", Payment, filters)

    def retrieve(self, payment: str) -> Payment:
        """Retrieve a payment. Raises NotFoundError."""
        return self._transport.get(f"/v1/payments/{segment(payment, 'payment')}", Payment)
