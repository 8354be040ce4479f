# Made from _async/resources/payment_methods.py by scripts/make_sync_client.py; change that one.
"""Payment methods: cards and wallets that customers have saved, in a checkout session of mode `setup` or in the portal."""

from replenish_client._sync.pages import Pages
from replenish_client._sync.resources.base import Resource
from replenish_client._values import query, segment
from replenish_client.types.payments import PaymentMethod


class PaymentMethods(Resource):
    """`client.payment_methods`."""

    def list(
        self, *, customer_id: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> Pages[PaymentMethod]:
        """List saved payment methods, newest first; those that were removed are left out."""
        filters = query(customer_id=customer_id, limit=limit, cursor=cursor)
        return self._transport.pages("/v1/payment_methods", PaymentMethod, filters)

    def retrieve(self, payment_method: str) -> PaymentMethod:
        """Retrieve a payment method, a removed one too. Raises NotFoundError."""
        return self._transport.get(_path(payment_method), PaymentMethod)

    def make_default(self, payment_method: str, *, idempotency_key: str | None = None) -> PaymentMethod:
        """Make it the one that purchases use when none is named."""
        path = f"{_path(payment_method)}/make_default"
        return self._transport.post(path, PaymentMethod, key=idempotency_key)

    def detach(self, payment_method: str, *, idempotency_key: str | None = None) -> PaymentMethod:
        """Remove it: nothing charges it from now on, and its provider forgets it."""
        return self._transport.post(f"{_path(payment_method)}/detach", PaymentMethod, key=idempotency_key)


def _path(payment_method: str) -> str:
    return f"/v1/payment_methods/{segment(payment_method, 'payment_method')}"
