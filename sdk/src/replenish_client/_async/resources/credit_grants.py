"""Credit grants: credits given to a customer as a lot of their own."""

from collections.abc import Sequence

from replenish_client._async.pages import AsyncPages
from replenish_client._async.resources.base import AsyncResource
from replenish_client._values import (
    Amount,
    Metadata,
    Moment,
    known,
    optional_metadata,
    optional_moment,
    query,
    segment,
)
from replenish_client._values import amount as wire_amount
from replenish_client.params import Category
from replenish_client.types.credits import CreditGrant


class AsyncCreditGrants(AsyncResource):
    """`client.credit_grants`."""

    async def create(
        self,
        *,
        customer_id: str,
        currency_id: str,
        amount: Amount,
        category: Category | None = None,
        name: str | None = None,
        priority: int | None = None,
        effective_at: Moment | None = None,
        expires_at: Moment | None = None,
        scope: Sequence[str] | None = None,
        metadata: Metadata | None = None,
        idempotency_key: str | None = None,
    ) -> CreditGrant:
        """Give a customer credits, `promotional` unless said. Whatever the customer owes is repaid from them first.

        `customer_id`: id or external id. `currency_id`: a credit currency's id or lookup key. `priority`: 0 to 100, lower
        burns first, 50 unless said. Without `expires_at` they never expire. `scope`: meters that they may pay for; empty = all.
        """
        body = known(
            customer_id=customer_id,
            currency_id=currency_id,
            amount=wire_amount(amount, "amount"),
            category=category,
            name=name,
            priority=priority,
            effective_at=optional_moment(effective_at, "effective_at"),
            expires_at=optional_moment(expires_at, "expires_at"),
            scope=scope,
            metadata=optional_metadata(metadata),
        )
        return await self._transport.post("/v1/credit_grants", CreditGrant, body, key=idempotency_key)

    def list(
        self,
        *,
        customer_id: str | None = None,
        currency_id: str | None = None,
        only_open: bool | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> AsyncPages[CreditGrant]:
        """List credit grants, newest first; `only_open` leaves out those with nothing left."""
        filters = query(
            customer_id=customer_id, currency_id=currency_id, only_open=only_open, limit=limit, cursor=cursor
        )
        return self._transport.pages("/v1/credit_grants", CreditGrant, filters)

    async def retrieve(self, credit_grant: str) -> CreditGrant:
        """Retrieve a credit grant. Raises NotFoundError."""
        return await self._transport.get(_path(credit_grant), CreditGrant)

    async def void(self, credit_grant: str, *, idempotency_key: str | None = None) -> CreditGrant:
        """Take back what is left of a credit grant; what a hold keeps follows when the hold ends."""
        return await self._transport.post(f"{_path(credit_grant)}/void", CreditGrant, key=idempotency_key)


def _path(credit_grant: str) -> str:
    return f"/v1/credit_grants/{segment(credit_grant, 'credit_grant')}"
