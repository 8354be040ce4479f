"""What was used."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from replenish_client.errors import ApiError, error_of
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


class RatedPart(Answer, frozen=True, kw_only=True):
    """So many units, or packages, at one rate."""

    units: Decimal
    rate: Decimal


class Rating(Answer, frozen=True, kw_only=True):
    """How a price came about that is not a flat rate's. `type`: `package`, `graduated`; `parts` add up to the price.

    `month`: where units count for tiers; `counted` is what had been used in it before, `units` what the event adds.
    """

    type: str
    parts: Sequence[RatedPart]
    package_size: Decimal | None
    month: date | None
    units: Decimal | None
    counted: Decimal | None


class UsageEvent(Answer, frozen=True, kw_only=True):
    """A recorded event. `price` is exact; `debit` is what it took in whole steps of the currency; `owed` what nothing paid.

    `credits_per_unit` is the rate it was charged at: of a package, or of the last tier it reached, where `rating` is given.
    `timestamp` is when it happened, `booked_at` the wallet's time, `recorded_at` real time.
    """

    id: str
    customer_id: str
    meter_id: str | None
    idempotency_key: str
    value: Decimal
    credits_per_unit: Decimal
    rating: Rating | None
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


class UsageDay(Answer, frozen=True, kw_only=True):
    """What a wallet's meter took on one UTC day; of `debit`, `reversed` has come back since. No meter: debits in credits."""

    customer_id: str
    wallet_id: str
    meter_id: str | None
    day: date
    events: int
    value: Decimal
    debit: Decimal
    reversed: Decimal


class RecordedUsage(Answer, frozen=True, kw_only=True):
    """`balance` is the wallet's after the event; `replayed` says that it was there before."""

    replayed: bool
    balance: Decimal
    event: UsageEvent


class UsageRefusal(Answer, frozen=True, kw_only=True):
    """Why an event of a batch was refused. `field` stands for a wrong value.

    The numbers stand for `insufficient_credits`, those from `budget_id` on for `budget_exceeded`.
    """

    status: int
    code: str
    detail: str
    field: str | None
    required: Decimal | None
    available: Decimal | None
    balance: Decimal | None
    owed: Decimal | None
    top_up_url: str | None
    budget_id: str | None
    limit: Decimal | None
    spent: Decimal | None
    held: Decimal | None
    window_ends_at: datetime | None

    def as_error(self) -> ApiError:
        """The error that `usage.record` would have raised for this event alone."""
        amounts = {
            "required": self.required,
            "available": self.available,
            "balance": self.balance,
            "owed": self.owed,
            "limit": self.limit,
            "spent": self.spent,
            "held": self.held,
        }
        numbers = {name: f"{value:f}" for name, value in amounts.items() if value is not None}
        if self.budget_id is not None:
            end = None if self.window_ends_at is None else self.window_ends_at.isoformat()
            numbers |= {"budget_id": self.budget_id} | ({} if end is None else {"window_ends_at": end})
        errors = [] if self.field is None else [{"field": self.field, "detail": self.detail}]
        problem = {"status": self.status, "code": self.code, "detail": self.detail, "errors": errors}
        return error_of(Problem({**problem, **numbers, "top_up_url": self.top_up_url}))


class UsageResult(Answer, frozen=True, kw_only=True):
    """What became of one event of a batch. `status`: `recorded`, `replayed`, or `refused` with the `refusal`."""

    status: str
    event: UsageEvent | None
    balance: Decimal | None
    refusal: UsageRefusal | None


class Hold(Answer, frozen=True, kw_only=True):
    """Reserved credits, for `value` in the meter's unit. `status`: open, captured, released, expired. `captured` is what its capture took in all.

    Its capture's event carries `properties`.
    """

    id: str
    customer_id: str
    wallet_id: str
    meter_id: str | None
    status: str
    value: Decimal | None
    amount: Decimal
    captured: Decimal | None
    allocation: Sequence[Allocation]
    usage_event_id: str | None
    properties: StoredMetadata
    metadata: StoredMetadata
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None


class CapturedHold(Answer, frozen=True, kw_only=True):
    """`replayed`: the same capture was made before, and nothing happened now."""

    replayed: bool
    hold: Hold
    event: UsageEvent
