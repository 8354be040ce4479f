"""Automatic top-up in this wire's words: as a buyer has it, and what it did about one change of their balance."""

from datetime import datetime
from decimal import Decimal
from typing import Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from replenish.access import queries as workspaces
from replenish.api.paykickstart.call import Call
from replenish.catalog import pricing
from replenish.catalog import queries as catalog
from replenish.core.ids import TOP_UP
from replenish.core.money import Credits, plain
from replenish.flows.foresee_recharge import Outlook, foresee_recharge
from replenish.recharge.model import AttemptState, status_of
from replenish.recharge.policy import Charge
from replenish.reports.addons import Selected, last_topped_up

Status = Literal["pending", "succeeded", "failed", "requires_action", "skipped"]
State = Literal["off", "armed", "charging", "retrying", "action_required", "capped", "blocked", "disabled"]
Mode = Literal["pack", "refill_to_full"]

_CENTS: Final = 2
_SKIP_REASONS: Final = {
    "suspended": "disabled_after_failures",
    "paused": "cooldown",
    "covered": "in_flight",
    "waiting_for_customer": "in_flight",
    "cap_month": "monthly_cap",
    "cap_day_amount": "daily_cap",
    "cap_day_count": "daily_cap",
    "cap_charge": "charge_cap",
}
_STATUSES: Final[dict[AttemptState, Status]] = {
    "decided": "pending",
    "prepared": "pending",
    "submitted": "pending",
    "needs_customer": "requires_action",
    "succeeded": "succeeded",
    "declined": "failed",
    "cancelled": "failed",
    "expired": "failed",
}


class MethodView(msgspec.Struct, frozen=True):
    brand: str
    last4: str


class AutoTopupView(msgspec.Struct, frozen=True, kw_only=True):
    """`allowed` by the merchant, `enabled` by the buyer. `credits` for `price` is one pack."""

    allowed: bool
    enabled: bool
    threshold: str | None
    trigger: Literal["below"] = "below"
    mode: Mode
    credits: str
    price: str
    currency: str
    state: State
    last_topup_at: int | None
    spent_this_month: str
    monthly_cap: str | None
    failures: int
    payment_method: MethodView | None


class TriggerView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What automatic top-up makes of the balance after a change; `skip_reason` says why nothing is bought."""

    triggered: bool
    status: Status
    topup_id: str | UnsetType = UNSET
    credits: str | UnsetType = UNSET
    amount: str | UnsetType = UNSET
    currency: str | UnsetType = UNSET
    skip_reason: str | UnsetType = UNSET


def written(amount: Decimal, decimals: int) -> str:
    """Money as people write it: "19.00", no row of zeros for what has many decimals."""
    return plain(amount, decimals=decimals if decimals <= _CENTS else None)


async def outlook_of(call: Call, selected: Selected) -> Outlook | None:
    return await foresee_recharge(call.db, providers=call.context.providers, ref=selected.ref)


async def show_auto_topup(call: Call, selected: Selected) -> AutoTopupView:
    """The buyer's rule, or how it would start out."""
    price = await catalog.price(call.db, workspace_id=call.workspace_id, price_id=selected.addon.price_id)
    outlook = await outlook_of(call, selected)
    offered = price.base if outlook is None else (price.option(outlook.rule.currency_id) or price.base)
    unit, decimals, pack = offered.money_for(1), offered.decimals, price.credit_config
    credits_ = Credits(0) if pack is None else pack.amount
    if outlook is not None and outlook.offer is not None:
        unit, decimals, credits_ = outlook.offer.sale.unit, outlook.offer.decimals, outlook.offer.sale.credits
    rule = None if outlook is None else outlook.rule
    settings = await pricing.recharge_settings(
        call.db, workspace_id=call.workspace_id, product_id=selected.addon.product_id
    )
    suggested = None if settings is None else settings.threshold_default
    refills = settings is not None and settings.mode == "refill_to_full" if rule is None else rule.mode == "target"
    threshold = suggested if rule is None else rule.threshold
    cap = None if rule is None else rule.month_amount_max
    method = None if outlook is None else outlook.method
    return AutoTopupView(
        allowed=selected.addon.on_sale and (settings is None or settings.allowed),
        enabled=rule is not None and rule.enabled,
        threshold=None if threshold is None else str(threshold),
        mode="refill_to_full" if refills else "pack",
        credits=str(credits_),
        price=written(unit.amount, decimals),
        currency=unit.currency,
        state="off" if outlook is None else _state(outlook),
        last_topup_at=_seconds(await last_topped_up(call.db, ref=selected.ref)),
        spent_this_month=written(Decimal(0) if outlook is None else outlook.month_amount, decimals),
        monthly_cap=None if cap is None else written(cap, decimals),
        failures=0 if rule is None else rule.declines_in_a_row,
        payment_method=None if method is None else MethodView(method.brand, method.last4),
    )


def _state(outlook: Outlook) -> State:
    match status_of(outlook.rule, open_attempt=outlook.open_attempt):
        case "off":
            return "off"
        case "suspended":
            return "disabled"
        case "waiting_for_customer":
            return "action_required"
        case "charging":
            return "charging"
        case "paused":
            return "retrying"
        case "blocked":
            return "capped" if (outlook.rule.reason or "").startswith("cap_") else "blocked"
        case "armed":
            return "armed"


def show_trigger(outlook: Outlook | None, *, since: datetime) -> TriggerView:
    """`since` is when the balance changed: an attempt that began then or later is this change's doing."""
    if outlook is None:
        return TriggerView(triggered=False, status="skipped", skip_reason="not_enabled")
    latest = outlook.latest
    if latest is not None and latest.state != "refused" and latest.created_at >= since:
        return TriggerView(
            triggered=True,
            status=_STATUSES[latest.state],
            topup_id=UNSET if latest.top_up_id is None else TOP_UP.text(latest.top_up_id),
            credits=str(latest.credits),
            amount=_amount(outlook, latest.amount),
            currency=UNSET if outlook.offer is None else outlook.offer.sale.unit.currency,
        )
    match outlook.verdict:
        case Charge(amount=amount, credits=bought):
            # Below the threshold with nothing in the way: the worker is on its way, and will decide this.
            return TriggerView(
                triggered=True,
                status="pending",
                credits=str(bought),
                amount=_amount(outlook, amount.amount),
                currency=amount.currency,
            )
        case refusal:
            reason = _SKIP_REASONS.get(refusal.reason, refusal.reason)
            return TriggerView(triggered=False, status="skipped", skip_reason=reason)


def _amount(outlook: Outlook, amount: Decimal) -> str:
    return written(amount, _CENTS if outlook.offer is None else outlook.offer.decimals)


def _seconds(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp())


async def workspace_now(call: Call) -> datetime:
    return await workspaces.now(call.db, call.workspace_id)
