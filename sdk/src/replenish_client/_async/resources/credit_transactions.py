"""Credit transactions: a customer's statement, line by line."""

from collections.abc import Sequence

from replenish_client._async.pages import AsyncPages
from replenish_client._async.resources.base import AsyncResource
from replenish_client._values import Moment, query
from replenish_client.types.credits import CreditTransaction


class AsyncCreditTransactions(AsyncResource):
    """`client.credit_transactions`."""

    def list(
        self,
        *,
        customer_id: str,
        currency_id: str | None = None,
        type: str | Sequence[str] | None = None,  # noqa: A002 - the wire's word
        start: Moment | None = None,
        end: Moment | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> AsyncPages[CreditTransaction]:
        """List a customer's statement, newest first: booked at `start` or later and before `end`.

        `customer_id`: id or external id. `type`: one or several, such as `["usage", "expiry"]`.
        """
        filters = query(
            customer_id=customer_id,
            currency_id=currency_id,
            type=type,
            start=start,
            end=end,
            limit=limit,
            cursor=cursor,
        )
        return self._transport.pages("/v1/credit_transactions", CreditTransaction, filters)
