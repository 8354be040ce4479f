"""What was used."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from replenish_client.types.base import Answer, StoredMetadata
from replenish_client.types.problems import Problem


class Allocation(Answer, frozen=True, kw_only=True):
    """How much of a debit one credit grant paid."""

    credit_grant_id: str
    amount: Decimal


class UsageReversal(Answer, frozen=True, kw_only=True):
    """`returned` went back to the grants, `forgiven` is owed no more."""

    id: str
    usage_event_id: str
    returned: Decimal
    forgiven: Decimal
    reason: str
    created_at: datetime


class UsageEvent(Answer, frozen=True, kw_only=True):
    """A recorded event. `price` is exact; `debit` is what it took in whole steps of the currency; `owed` what nothing paid.

    `timestamp` is when it happened, `booked_at` the wallet's time, `recorded_at` real time.
    """

    id: str
    customer_id: str
    meter_id: str | None
    idempotency_key: str
    value: Decimal
    credits_per_unit: Decimal
    price: Decimal
    debit: Decimal
    owed: Decimal
    allocation: Sequence[Allocation]
    balance_after: Decimal
    timestamp: datetime
    booked_at: datetime
    recorded_at: datetime
    properties: StoredMetadata
    reversal: UsageReversal | None


class RecordedUsage(Answer, frozen=True, kw_only=True):
    """`balance` is the wallet's after the event; `replayed` says that it was there before."""

    replayed: bool
    balance: Decimal
    event: UsageEvent


class UsageResult(Answer, frozen=True, kw_only=True):
    """What became of one event of a batch. `status`: `recorded`, `replayed`, or `refused` with the `problem`."""

    status: str
    event: UsageEvent | None
    balance: Decimal | None
    problem: Problem | None
