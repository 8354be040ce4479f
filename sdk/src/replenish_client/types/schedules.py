"""Credits that come by themselves."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from replenish_client.types.base import Answer, StoredMetadata


class GrantSchedule(Answer, frozen=True, kw_only=True):
    """A standing grant of `amount` credits a period, or of what lifts its own credits to `target`.

    `state`: `active`, `paused`, `cancelled`, `ended`. `cadence`: `weekly`, `monthly`, `quarterly`, `yearly`, in `time_zone`.
    A `valid_duration_value` of None: credits end when the next period starts; of 0: never. `next_grant_at`: when credits
    come next, None while paused and when none are to come.
    """

    id: str
    customer_id: str
    wallet_id: str
    currency_id: str
    name: str
    state: str
    cadence: str
    every: int
    time_zone: str
    starts_at: datetime
    ends_at: datetime | None
    periods_max: int | None
    amount: Decimal | None
    target: Decimal | None
    valid_duration_value: int | None
    valid_duration_unit: str
    rollover_amount_max: Decimal | None
    category: str
    priority: int
    scope: Sequence[str]
    metadata: StoredMetadata
    next_grant_at: datetime | None
    paused_at: datetime | None
    ended_at: datetime | None
    created_at: datetime
    updated_at: datetime


class GrantPeriod(Answer, frozen=True, kw_only=True):
    """What became of a period. `state`: `granted` (a credit grant of `amount`), `skipped`.

    What was left of the period before, and carried over, is a credit grant of its own.

    `reason` of a skipped one: `missed` (its credits would have ended already), `paused`, `full` (nothing was below the
    target).
    """

    id: str
    grant_schedule_id: str
    number: int
    starts_at: datetime
    ends_at: datetime
    state: str
    reason: str | None
    amount: Decimal
    carried_amount: Decimal
    credit_grant_id: str | None
    carried_credit_grant_id: str | None
    created_at: datetime
