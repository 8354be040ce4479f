"""What automatic top-up tells the outbox: enough for a mail to be written from it, no secrets."""

from datetime import datetime
from decimal import Decimal
from typing import Literal

from replenish.core import ids
from replenish.core.money import Credits, plain
from replenish.core.times import written
from replenish.notifications.model import NewEvent
from replenish.recharge.model import Attempt, Rule

AttemptVerb = Literal["succeeded", "declined", "refused", "needs_customer", "expired", "cancelled"]
RuleVerb = Literal["enabled", "changed", "disabled", "suspended", "resumed"]


def attempt_event(attempt: Attempt, verb: AttemptVerb, *, rule: Rule) -> NewEvent:
    """`recharge_attempt.declined` and its like. `rule` as it stands afterwards: it knows what happens next."""
    return NewEvent(
        workspace_id=attempt.workspace_id,
        customer_id=attempt.customer_id,
        type=f"recharge_attempt.{verb}",
        object_type="recharge_attempt",
        object_id=attempt.id,
        data={
            "recharge_attempt": ids.RECHARGE_ATTEMPT.text(attempt.id),
            "recharge_rule": ids.RECHARGE_RULE.text(attempt.rule_id),
            "wallet": ids.WALLET.text(attempt.wallet_id),
            "state": attempt.state,
            "reason": attempt.reason,
            "detail": attempt.detail,
            "balance": str(attempt.balance),
            "pending": str(attempt.pending),
            "threshold": str(attempt.threshold),
            "packs": attempt.packs,
            "amount": plain(attempt.amount),
            "currency": ids.CURRENCY.text(attempt.currency_id),
            "credits": str(attempt.credits),
            "top_up": None if attempt.top_up_id is None else ids.TOP_UP.text(attempt.top_up_id),
            "payment": None if attempt.payment_id is None else ids.PAYMENT.text(attempt.payment_id),
            "payment_method": (
                None if attempt.payment_method_id is None else ids.PAYMENT_METHOD.text(attempt.payment_method_id)
            ),
            "expires_at": _shown(attempt.expires_at),
            "declines_in_a_row": rule.declines_in_a_row,
            "paused_until": _shown(rule.paused_until),
            "suspended": rule.suspended_at is not None,
        },
    )


def rule_event(rule: Rule, verb: RuleVerb) -> NewEvent:
    """`recharge_rule.enabled` and its like."""
    return NewEvent(
        workspace_id=rule.workspace_id,
        customer_id=rule.customer_id,
        type=f"recharge_rule.{verb}",
        object_type="recharge_rule",
        object_id=rule.id,
        data={
            "recharge_rule": ids.RECHARGE_RULE.text(rule.id),
            "wallet": ids.WALLET.text(rule.wallet_id),
            "enabled": rule.enabled,
            "threshold": str(rule.threshold),
            "mode": rule.mode,
            "packs": rule.packs,
            "target": _amount(rule.target),
            "price": ids.PRICE.text(rule.price_id),
            "currency": ids.CURRENCY.text(rule.currency_id),
            "charge_amount_max": _amount(rule.charge_amount_max),
            "day_amount_max": _amount(rule.day_amount_max),
            "day_count_max": rule.day_count_max,
            "month_amount_max": _amount(rule.month_amount_max),
            "payment_method": (
                None if rule.payment_method_id is None else ids.PAYMENT_METHOD.text(rule.payment_method_id)
            ),
            "consent": None if rule.consent_id is None else ids.CONSENT.text(rule.consent_id),
            "suspended_reason": rule.suspended_reason,
            "reason": rule.reason,
            "detail": rule.reason_detail,
        },
    )


def _shown(at: datetime | None) -> str | None:
    return None if at is None else written(at)


def _amount(amount: Credits | Decimal | None) -> str | None:
    if amount is None:
        return None
    return plain(amount.value if isinstance(amount, Credits) else amount)
