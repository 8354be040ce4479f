"""Refunds: money of a settled top-up given back, and the credits that it takes."""

from replenish_client._async.pages import AsyncPages
from replenish_client._async.resources.base import AsyncResource
from replenish_client._values import Amount, Metadata, known, optional_amount, optional_metadata, query, segment
from replenish_client.params import RefundState
from replenish_client.types.payments import Refund


class AsyncRefunds(AsyncResource):
    """`client.refunds`."""

    async def create(
        self,
        *,
        topup_id: str,
        amount: Amount | None = None,
        reason: str | None = None,
        metadata: Metadata | None = None,
        idempotency_key: str | None = None,
    ) -> Refund:
        """Give back `amount`, in the currency of the top-up, or all that is left of it.

        A provider that refuses is an answer, not an error: `state` is `failed`. `pending`: nobody is certain yet; it is
        carried on by itself. Raises ConflictError with the numbers when less is left.
        """
        body = known(
            topup_id=topup_id,
            amount=optional_amount(amount, "amount"),
            reason=reason,
            metadata=optional_metadata(metadata),
        )
        return await self._transport.post("/v1/refunds", Refund, body, key=idempotency_key)

    def list(
        self,
        *,
        customer_id: str | None = None,
        topup_id: str | None = None,
        in_state: RefundState | None = None,
        escalated: bool | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> AsyncPages[Refund]:
        """List refunds, newest first. `escalated`: only those that a person should look at."""
        filters = query(
            customer_id=customer_id,
            topup_id=topup_id,
            in_state=in_state,
            escalated=escalated,
            limit=limit,
            cursor=cursor,
        )
        return self._transport.pages("/v1/refunds", Refund, filters)

    async def retrieve(self, refund: str) -> Refund:
        """Retrieve a refund as it is now. Raises NotFoundError."""
        return await self._transport.get(f"/v1/refunds/{segment(refund, 'refund')}", Refund)
