# Made from _async/resources/usage.py by scripts/make_sync_client.py; change that one.
"""Usage: report what a customer used, and burn its credits."""

from collections.abc import Sequence

import msgspec

from replenish_client._sync.resources.base import Resource
from replenish_client._values import Amount, Metadata, Moment, known, optional_amount, optional_metadata
from replenish_client.params import NewUsageEvent, Shortfall, usage_event
from replenish_client.types.budgets import UsageCheck
from replenish_client.types.usage import RecordedUsage, UsageResult


class _Batch(msgspec.Struct, frozen=True):
    data: Sequence[UsageResult]


class Usage(Resource):
    """`client.usage`."""

    def record(
        self,
        *,
        customer_id: str,
        meter_id: str,
        idempotency_key: str,
        value: Amount | None = None,
        timestamp: Moment | None = None,
        shortfall: Shortfall | None = None,
        properties: Metadata | None = None,
    ) -> RecordedUsage:
        """Record one event of `value` (1 unless said) units and debit its credits, exactly once per key.

        `customer_id`: id or external id. `meter_id`: id, event name or lookup key. `idempotency_key` is kept for good
        per customer: take the id of the work that was done, or keep a `new_idempotency_key()` beside it. `timestamp`: at most
        35 days ago, now unless said. `shortfall`: what to do when credits are short, by the currency's policy unless said.

        Raises InsufficientCreditsError: nothing was taken, and the same key works after a top-up. BudgetExceededError: nothing
        was taken. NotFoundError for an unknown customer or meter. IdempotencyMismatchError when the key was used with other fields.
        """
        event: NewUsageEvent = {"customer_id": customer_id, "meter_id": meter_id, "idempotency_key": idempotency_key}
        if value is not None:
            event["value"] = value
        if timestamp is not None:
            event["timestamp"] = timestamp
        if shortfall is not None:
            event["shortfall"] = shortfall
        if properties is not None:
            event["properties"] = properties
        return self._transport.post("/v1/usage", RecordedUsage, usage_event(event))

    def check(
        self,
        *,
        customer_id: str,
        meter_id: str | None = None,
        currency_id: str | None = None,
        value: Amount | None = None,
        amount: Amount | None = None,
        shortfall: Shortfall | None = None,
        properties: Metadata | None = None,
    ) -> UsageCheck:
        """Ask whether usage would be accepted now: `value` units of a meter, or `amount` credits of a `currency_id`.

        Takes and reserves nothing: between this answer and the next request somebody else may spend; `holds.create` reserves.
        """
        body = known(
            customer_id=customer_id,
            meter_id=meter_id,
            currency_id=currency_id,
            value=optional_amount(value, "value"),
            amount=optional_amount(amount, "amount"),
            shortfall=shortfall,
            properties=optional_metadata(properties, "properties"),
        )
        return self._transport.post("/v1/usage/check", UsageCheck, body)

    def record_many(self, events: Sequence[NewUsageEvent]) -> Sequence[UsageResult]:
        """Record 1 to 1,000 events in one request, one result each, in the order sent, as if sent one by one.

        A refused event does not raise: its result has the `refusal`. Send it again under its own key.
        """
        body = {"events": [usage_event(event, place=f"events[{place}].") for place, event in enumerate(events)]}
        return (self._transport.post("/v1/usage/batch", _Batch, body)).data
