"""Automatic top-up: standing orders, and each try at them."""

from datetime import datetime
from decimal import Decimal

from replenish_client.types.base import Answer


class RechargeRule(Answer, frozen=True, kw_only=True):
    """A customer's standing order. `threshold` and `target` in credits; caps in the payment currency, None = none.

    `status` at a glance: `off`, `armed`, `charging`, `waiting_for_customer`, `paused`, `blocked` (`reason` says why),
    `suspended`. `mode`: `packs`, `target`. `suspended_reason`: `declined`, `dispute`, `operator`.
    """

    id: str
    customer_id: str
    wallet_id: str
    credit_currency_id: str
    enabled: bool
    status: str
    threshold: Decimal
    mode: str
    packs: int
    target: Decimal | None
    price_id: str
    currency_id: str
    payment_method_id: str | None
    charge_amount_max: Decimal | None
    day_amount_max: Decimal | None
    day_count_max: int | None
    month_amount_max: Decimal | None
    declines_in_a_row: int
    paused_until: datetime | None
    suspended_at: datetime | None
    suspended_reason: str | None
    reason: str | None
    reason_detail: str | None
    reason_until: datetime | None
    created_at: datetime
    updated_at: datetime


class SavedRule(Answer, frozen=True, kw_only=True):
    """`charges_now`: the balance is below the threshold already, so a charge is on its way."""

    rule: RechargeRule
    charges_now: bool


class RechargeAttempt(Answer, frozen=True, kw_only=True):
    """One automatic charge, or one changed reason for not charging (`refused`), with what was judged.

    `state`: `decided`, `prepared`, `submitted`, `needs_customer`, `succeeded`, `declined`, `cancelled`, `expired`,
    `refused`. `reason` and `detail` say why. `amount` is in `currency_id`.
    """

    id: str
    customer_id: str
    wallet_id: str
    recharge_rule_id: str
    state: str
    reason: str
    detail: str
    balance: Decimal
    pending: Decimal
    threshold: Decimal
    packs: int
    amount: Decimal
    currency_id: str
    credits: Decimal
    topup_id: str | None
    payment_id: str | None
    payment_method_id: str | None
    created_at: datetime
    submitted_at: datetime | None
    ended_at: datetime | None
    expires_at: datetime | None
