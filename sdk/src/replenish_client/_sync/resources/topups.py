# Made from _async/resources/topups.py by scripts/make_sync_client.py; change that one.
"""Top-ups: purchases of credits, by hand or automatic."""

from replenish_client._sync.pages import Pages
from replenish_client._sync.resources.base import Resource
from replenish_client._values import Metadata, known, optional_metadata, query, segment
from replenish_client.params import TopupState
from replenish_client.types.payments import Quote, Topup


class Topups(Resource):
    """`client.topups`."""

    def create(
        self,
        *,
        customer_id: str,
        price_id: str,
        quantity: int | None = None,
        currency_id: str | None = None,
        payment_method_id: str | None = None,
        return_url: str | None = None,
        metadata: Metadata | None = None,
        idempotency_key: str | None = None,
    ) -> Topup:
        """Buy credits with a saved payment method, now: the customer's default one unless said.

        A declined card is an answer, not an error: `state` is `failed` and `next_step` says why. `visit` asks to send the
        customer to `next_step.url`, from where the bank returns them to `return_url`.
        """
        body = known(
            customer_id=customer_id,
            price_id=price_id,
            quantity=quantity,
            currency_id=currency_id,
            payment_method_id=payment_method_id,
            return_url=return_url,
            metadata=optional_metadata(metadata),
        )
        return self._transport.post("/v1/topups", Topup, body, key=idempotency_key)

    def quote(
        self,
        *,
        price_id: str,
        quantity: int | None = None,
        currency_id: str | None = None,
        customer_id: str | None = None,
    ) -> Quote:
        """What a purchase would cost and grant, and what that customer would have after it. Binds nobody."""
        body = known(price_id=price_id, quantity=quantity, currency_id=currency_id, customer_id=customer_id)
        return self._transport.post("/v1/topups/quote", Quote, body)

    def list(
        self,
        *,
        customer_id: str | None = None,
        in_state: TopupState | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Pages[Topup]:
        """List top-ups, newest first."""
        filters = query(customer_id=customer_id, in_state=in_state, limit=limit, cursor=cursor)
        return self._transport.pages("/v1/topups", Topup, filters)

    def retrieve(self, topup: str) -> Topup:
        """Retrieve a top-up as it is now. Raises NotFoundError."""
        return self._transport.get(f"/v1/topups/{segment(topup, 'topup')}", Topup)
