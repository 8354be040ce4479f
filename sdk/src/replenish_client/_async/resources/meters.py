"""Meters: how reported usage becomes credits."""

from collections.abc import Sequence

from msgspec import UNSET, UnsetType

from replenish_client._async.pages import AsyncPages
from replenish_client._async.resources.base import AsyncResource
from replenish_client._values import (
    Amount,
    Metadata,
    given,
    known,
    optional_amount,
    optional_metadata,
    query,
    segment,
)
from replenish_client.params import Aggregation, MeterStatus, NewRate, NewRateCardEntry, Unmatched
from replenish_client.params import rate as wire_rate
from replenish_client.params import rate_card as wire_rate_card
from replenish_client.types.catalog import Meter


class AsyncMeters(AsyncResource):
    """`client.meters`. A meter is named by its id, event name or lookup key."""

    async def create(
        self,
        *,
        name: str,
        event_name: str,
        unit: str,
        aggregation: Aggregation | None = None,
        credits_per_unit: Amount | None = None,
        rate: NewRate | None = None,
        rate_card: Sequence[NewRateCardEntry] | None = None,
        unmatched: Unmatched | None = None,
        currency_id: str | None = None,
        decimals: int | None = None,
        description: str | None = None,
        lookup_key: str | None = None,
        metadata: Metadata | None = None,
        idempotency_key: str | None = None,
    ) -> Meter:
        """Create a meter: `sum`, unless said, charges each unit of an event's value, `count` each event.

        A unit costs 1 unless `credits_per_unit` or, for packages and tiers, `rate` is given. Of a `rate_card`, the first entry
        that matches an event's properties decides; `unmatched` ones are charged at the meter's own rate, or rejected.
        Without `currency_id`, a credit currency of `decimals` (2 unless said) is made with it.
        """
        body = known(
            name=name,
            event_name=event_name,
            unit=unit,
            aggregation=aggregation,
            credits_per_unit=optional_amount(credits_per_unit, "credits_per_unit"),
            rate=None if rate is None else wire_rate(rate),
            rate_card=None if rate_card is None else wire_rate_card(rate_card),
            unmatched=unmatched,
            currency_id=currency_id,
            decimals=decimals,
            description=description,
            lookup_key=lookup_key,
            metadata=optional_metadata(metadata),
        )
        return await self._transport.post("/v1/meters", Meter, body, key=idempotency_key)

    def list(
        self,
        *,
        currency_id: str | None = None,
        status: MeterStatus | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> AsyncPages[Meter]:
        """List meters, newest first."""
        filters = query(currency_id=currency_id, status=status, limit=limit, cursor=cursor)
        return self._transport.pages("/v1/meters", Meter, filters)

    async def retrieve(self, meter: str) -> Meter:
        """Retrieve a meter. Raises NotFoundError."""
        return await self._transport.get(f"/v1/meters/{segment(meter, 'meter')}", Meter)

    async def update(
        self,
        meter: str,
        *,
        name: str | UnsetType = UNSET,
        unit: str | UnsetType = UNSET,
        description: str | UnsetType = UNSET,
        status: MeterStatus | UnsetType = UNSET,
        credits_per_unit: Amount | UnsetType = UNSET,
        rate: NewRate | UnsetType = UNSET,
        rate_card: Sequence[NewRateCardEntry] | UnsetType = UNSET,
        unmatched: Unmatched | UnsetType = UNSET,
        metadata: Metadata | UnsetType = UNSET,
    ) -> Meter:
        """Change a meter. A new rate holds for events recorded from now on; an inactive meter refuses events."""
        body = given(
            name=name,
            unit=unit,
            description=description,
            status=status,
            credits_per_unit=optional_amount(credits_per_unit, "credits_per_unit"),
            rate=UNSET if rate is UNSET else wire_rate(rate),
            rate_card=UNSET if rate_card is UNSET else wire_rate_card(rate_card),
            unmatched=unmatched,
            metadata=optional_metadata(metadata),
        )
        return await self._transport.patch(f"/v1/meters/{segment(meter, 'meter')}", Meter, body)
