"""Holds: reserve credits for work whose cost is known at its end."""

from replenish_client._async.pages import AsyncPages
from replenish_client._async.resources.base import AsyncResource
from replenish_client._values import (
    Amount,
    Metadata,
    known,
    optional_amount,
    optional_metadata,
    query,
    segment,
)
from replenish_client._values import amount as wire_amount
from replenish_client.params import Shortfall
from replenish_client.types.usage import CapturedHold, Hold


class AsyncHolds(AsyncResource):
    """`client.holds`."""

    async def create(
        self,
        *,
        customer_id: str,
        value: Amount,
        meter_id: str | None = None,
        currency_id: str | None = None,
        expires_in: int | None = None,
        properties: Metadata | None = None,
        metadata: Metadata | None = None,
        idempotency_key: str | None = None,
    ) -> Hold:
        """Reserve credits: `value` in the meter's unit, or, with a `currency_id` in its place, in credits.

        It ends by itself after `expires_in` seconds (15 minutes unless said, a day at most). `properties` are those of the
        usage it is for: they find the rate, budgets look at them, and its capture carries them.
        Raises InsufficientCreditsError, BudgetExceededError: nothing is reserved.
        """
        body = known(
            customer_id=customer_id,
            value=wire_amount(value, "value"),
            meter_id=meter_id,
            currency_id=currency_id,
            expires_in=expires_in,
            properties=optional_metadata(properties, "properties"),
            metadata=optional_metadata(metadata),
        )
        return await self._transport.post("/v1/holds", Hold, body, key=idempotency_key)

    def list(
        self,
        *,
        customer_id: str | None = None,
        only_open: bool | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> AsyncPages[Hold]:
        """List holds, newest first."""
        filters = query(customer_id=customer_id, only_open=only_open, limit=limit, cursor=cursor)
        return self._transport.pages("/v1/holds", Hold, filters)

    async def retrieve(self, hold: str) -> Hold:
        """Retrieve a hold. Raises NotFoundError."""
        return await self._transport.get(_path(hold), Hold)

    async def capture(
        self, hold: str, *, value: Amount, shortfall: Shortfall | None = None, properties: Metadata | None = None
    ) -> CapturedHold:
        """Take what it cost: from the hold first, then from the balance. The same value again answers the same.

        Raises InsufficientCreditsError when the part above the hold cannot be paid: the hold is kept.
        """
        body = known(
            value=wire_amount(value, "value"),
            shortfall=shortfall,
            properties=optional_metadata(properties, "properties"),
        )
        return await self._transport.post(f"{_path(hold)}/capture", CapturedHold, body)

    async def release(self, hold: str, *, idempotency_key: str | None = None) -> Hold:
        """Let the credits go."""
        return await self._transport.post(f"{_path(hold)}/release", Hold, key=idempotency_key)

    async def extend(
        self,
        hold: str,
        *,
        expires_in: int | None = None,
        increase_by: Amount | None = None,
        idempotency_key: str | None = None,
    ) -> Hold:
        """While the work goes on: let it live until `expires_in` seconds from now, and/or reserve more."""
        body = known(expires_in=expires_in, increase_by=optional_amount(increase_by, "increase_by"))
        return await self._transport.post(f"{_path(hold)}/extend", Hold, body, key=idempotency_key)


def _path(hold: str) -> str:
    return f"/v1/holds/{segment(hold, 'hold')}"
