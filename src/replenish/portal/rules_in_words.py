"""What automatic top-up is doing for one credit currency, in words that its customer can act on."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from replenish.core.db import Reads
from replenish.core.ids import CustomerId, WorkspaceId
from replenish.payments.model import PaymentMethod
from replenish.portal.visitor import Holding
from replenish.recharge import queries as recharge
from replenish.recharge.model import Attempt, Rule
from replenish.web.formats import number

Colour = Literal["success", "info", "warning", "danger"]
# Reasons that say nothing the customer would want to know: it is off, or there is enough.
_QUIET = frozenset({"not_enabled", "not_low", "covered"})


class RuleState(msgspec.Struct, frozen=True, kw_only=True):
    """`status` is a word that has a colour; `label` what is shown; `sentence` says why, and what to do."""

    holding: Holding
    rule: Rule | None
    status: str
    label: str
    sentence: str
    # Something for the customer to do, so it stands at the top of the page.
    kind: Colour | None = None
    # The attempt that waits for its customer.
    waiting: Attempt | None = None


def label_of(method: PaymentMethod) -> str:
    """How a customer knows it: "Visa ···· 4242"."""
    return f"{method.brand[:1].upper()}{method.brand[1:]} ···· {method.last4}"


async def state_of(db: Reads, *, workspace_id: WorkspaceId, customer_id: CustomerId, holding: Holding) -> RuleState:
    wallet_id = holding.balance.wallet_id
    if wallet_id is None:
        return describe(holding, rule=None, open_attempts=[])
    rule = await recharge.rule_of_wallet(db, workspace_id=workspace_id, customer_id=customer_id, wallet_id=wallet_id)
    started = await recharge.open_attempts(db, workspace_id=workspace_id, customer_id=customer_id)
    return describe(holding, rule=rule, open_attempts=[one for one in started if one.wallet_id == wallet_id])


def describe(holding: Holding, *, rule: Rule | None, open_attempts: Sequence[Attempt]) -> RuleState:
    """By descending urgency: what waits for the customer hides what merely waits."""
    waiting = next((one for one in open_attempts if one.state == "needs_customer"), None)
    if waiting is not None:
        return _state(
            holding,
            rule,
            "needs_customer",
            "Needs you",
            "Your bank wants you to confirm a payment.",
            "warning",
            waiting,
        )
    if rule is None or not rule.enabled:
        return _state(holding, rule, "off", "Off", "Nothing is bought without you.")
    if rule.suspended_at is not None:
        return _state(holding, rule, "suspended", "Stopped", _why_stopped(rule), "danger")
    if rule.paused_until is not None and rule.reason == "paused":
        return _state(holding, rule, "paused", "Paused", rule.reason_detail or "", "warning")
    if open_attempts:
        return _state(holding, rule, "processing", "Buying", "A charge is on its way.", "info")
    if rule.reason is not None and rule.reason not in _QUIET:
        return _state(holding, rule, "paused", "Not charging", rule.reason_detail or "", "warning")
    return _state(holding, rule, "active", "On", in_words(rule, unit=holding.unit))


def in_words(rule: Rule, *, unit: str) -> str:
    below = f"Below {number(rule.threshold)} {unit}"
    if rule.target is not None:
        return f"{below} it buys what brings you back to {number(rule.target)}."
    return f"{below} it buys {'1 pack' if rule.packs == 1 else f'{number(rule.packs)} packs'}."


def _why_stopped(rule: Rule) -> str:
    match rule.suspended_reason:
        case "dispute":
            return "A payment is disputed. It can go on when that is settled."
        case "operator":
            return "It was stopped for you. Ask support why."
        case _:
            times = rule.declines_in_a_row
            declined = f"card declined {times} times" if times > 1 else "card declined"
            return f"Stopped: {declined}. Use another card, or resume it."


def _state(
    holding: Holding,
    rule: Rule | None,
    status: str,
    label: str,
    sentence: str,
    kind: Colour | None = None,
    waiting: Attempt | None = None,
) -> RuleState:
    return RuleState(
        holding=holding, rule=rule, status=status, label=label, sentence=sentence, kind=kind, waiting=waiting
    )
