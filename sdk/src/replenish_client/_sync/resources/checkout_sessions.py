# Made from _async/resources/checkout_sessions.py by scripts/make_sync_client.py; change that one.
"""Checkout sessions: one visit of a customer to the hosted checkout, to buy or to save a payment method."""

from replenish_client._sync.pages import Pages
from replenish_client._sync.resources.base import Resource
from replenish_client._values import Metadata, known, optional_metadata, query, segment
from replenish_client.params import SessionMode
from replenish_client.types.payments import CheckoutSession


class CheckoutSessions(Resource):
    """`client.checkout_sessions`."""

    def create(
        self,
        *,
        mode: SessionMode | None = None,
        customer_id: str | None = None,
        price_id: str | None = None,
        quantity: int | None = None,
        quantity_adjustable: bool | None = None,
        currency_id: str | None = None,
        success_url: str | None = None,
        cancel_url: str | None = None,
        metadata: Metadata | None = None,
        idempotency_key: str | None = None,
    ) -> CheckoutSession:
        """Open a checkout; send the customer to its `url`.

        `payment`, unless said, buys a price; `setup` saves a payment method and needs a customer. Without a customer, a
        buyer is asked for an e-mail address first.
        """
        body = known(
            mode=mode,
            customer_id=customer_id,
            price_id=price_id,
            quantity=quantity,
            quantity_adjustable=quantity_adjustable,
            currency_id=currency_id,
            success_url=success_url,
            cancel_url=cancel_url,
            metadata=optional_metadata(metadata),
        )
        return self._transport.post("/v1/checkout_sessions", CheckoutSession, body, key=idempotency_key)

    def list(
        self, *, customer_id: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> Pages[CheckoutSession]:
        """List checkout sessions, newest first."""
        filters = query(customer_id=customer_id, limit=limit, cursor=cursor)
        return self._transport.pages("/v1/checkout_sessions", CheckoutSession, filters)

    def retrieve(self, checkout_session: str) -> CheckoutSession:
        """Retrieve a checkout session. Raises NotFoundError."""
        return self._transport.get(_path(checkout_session), CheckoutSession)

    def expire(self, checkout_session: str) -> CheckoutSession:
        """End a checkout session now; what nobody has paid on it is called off. A complete one stays so."""
        return self._transport.post(f"{_path(checkout_session)}/expire", CheckoutSession)


def _path(checkout_session: str) -> str:
    return f"/v1/checkout_sessions/{segment(checkout_session, 'checkout_session')}"
