"""Credits given, taken and accounted for."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from replenish_client.types.base import Answer, StoredMetadata


class CreditGrant(Answer, frozen=True, kw_only=True):
    """A lot of credits. `remaining` includes `held`; a pending grant has nothing remaining until it starts.

    `category`: `paid`, `promotional`. `status`: `pending`, `granted`, `depleted`, `expired`, `voided`. `cost` is what was
    paid for it, in the currency of its top-up.
    """

    id: str
    customer_id: str
    wallet_id: str
    name: str
    category: str
    status: str
    priority: int
    amount: Decimal
    remaining: Decimal
    held: Decimal
    effective_at: datetime
    expires_at: datetime | None
    voided_at: datetime | None
    scope: Sequence[str]
    source: str
    topup_id: str | None
    grant_schedule_id: str | None
    cost: Decimal | None
    metadata: StoredMetadata
    created_at: datetime


class Adjustment(Answer, frozen=True, kw_only=True):
    """Credits given (above 0) or taken (below 0) by hand. `actor` is the API key or the operator."""

    id: str
    customer_id: str
    wallet_id: str
    amount: Decimal
    reason: str
    actor: str
    credit_grant_id: str | None
    created_at: datetime


class CreditTransaction(Answer, frozen=True, kw_only=True):
    """One line of a statement. `amount` is what it did to the balance, signed; `moved` the credits that moved.

    `type`: `usage`, `grant`, `expiry`, `void`, `adjustment`, `repayment`, `usage_reversal`…; `description` says it in
    words. `line` counts a wallet's lines. `timestamp` is when it happened, `booked_at` when it was booked.
    """

    id: str
    type: str
    customer_id: str
    wallet_id: str
    currency_id: str
    line: int
    amount: Decimal
    moved: Decimal
    balance_after: Decimal
    description: str
    credit_grant_id: str | None
    category: str | None
    source: str | None
    topup_id: str | None
    topup_origin: str | None
    reason: str | None
    meter_id: str | None
    usage_event_id: str | None
    value: Decimal | None
    timestamp: datetime
    booked_at: datetime
    recorded_at: datetime
