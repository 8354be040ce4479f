"""Automatic top-up's words: the customer's rule, each attempt at it, and the consent behind it."""

from datetime import datetime
from decimal import Decimal
from typing import Final, Literal

import msgspec

from replenish.core.errors import Conflict
from replenish.core.ids import (
    ConsentId,
    CurrencyId,
    CustomerId,
    PaymentId,
    PaymentMethodId,
    PriceId,
    RechargeAttemptId,
    RechargeRuleId,
    TopUpId,
    WalletId,
    WorkspaceId,
)
from replenish.core.money import Credits, Money, plain

Mode = Literal["packs", "target"]
AttemptState = Literal[
    "decided", "prepared", "submitted", "needs_customer", "succeeded", "declined", "cancelled", "expired", "refused"
]
# At most one of these a wallet (law 10).
OPEN_STATES: Final[tuple[AttemptState, ...]] = ("decided", "prepared", "submitted", "needs_customer")
# Nothing can have been paid in these, so they can be called off.
UNPAID_STATES: Final[tuple[AttemptState, ...]] = ("decided", "prepared", "needs_customer")

# Why a rule does not charge. The customer reads the sentence that goes with it (`Refusal.detail`).
Reason = Literal[
    "not_enabled", "suspended", "not_low", "covered", "waiting_for_customer", "in_flight", "paused", "frozen",
    "no_payment_method", "method_expired", "provider_unavailable", "price_inactive", "consent_outdated",
    "cap_charge", "cap_month", "cap_day_amount", "cap_day_count",
]  # fmt: skip
SuspendedReason = Literal["declined", "dispute", "operator"]
# A rule at a glance. `blocked`: low, and something that `Rule.reason` names stands in the way.
Status = Literal["off", "suspended", "waiting_for_customer", "charging", "paused", "blocked", "armed"]


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """The standing order of one wallet. `threshold` and `target` in credits; caps in the payment currency, None = none.

    Mode `packs` buys multiples of `packs` up to the threshold, `target` up to the target.
    """

    customer_id: CustomerId
    id: RechargeRuleId
    workspace_id: WorkspaceId
    wallet_id: WalletId
    enabled: bool
    threshold: Credits
    mode: Mode
    packs: int
    target: Credits | None
    price_id: PriceId
    currency_id: CurrencyId
    payment_method_id: PaymentMethodId | None
    charge_amount_max: Decimal | None = None
    day_amount_max: Decimal | None = None
    day_count_max: int | None = None
    month_amount_max: Decimal | None = None
    consent_id: ConsentId | None = None
    declines_in_a_row: int = 0
    declined_fingerprint: str | None = None
    paused_until: datetime | None = None
    suspended_at: datetime | None = None
    suspended_reason: SuspendedReason | None = None
    # Why it last did not charge, in words and until when; None after a charge.
    reason: Reason | None = None
    reason_detail: str | None = None
    reason_until: datetime | None = None
    reason_at: datetime | None = None
    created_at: datetime
    updated_at: datetime

    @property
    def goal(self) -> Credits:
        """Up to where it buys."""
        return self.threshold if self.target is None else self.target


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try at charging, or (`refused`) one changed reason for not trying.

    `balance`, `pending` and `threshold` are what was judged. `amount` is fixed when it is decided, in whole units of the
    payment currency. `submitted_at` decides which day and month it counts for.
    """

    customer_id: CustomerId
    id: RechargeAttemptId
    workspace_id: WorkspaceId
    wallet_id: WalletId
    rule_id: RechargeRuleId
    state: AttemptState
    reason: str
    detail: str
    balance: Credits
    pending: Credits
    threshold: Credits
    packs: int
    currency_id: CurrencyId
    amount: Decimal
    credits: Credits
    top_up_id: TopUpId | None = None
    payment_id: PaymentId | None = None
    payment_method_id: PaymentMethodId | None = None
    created_at: datetime
    submitted_at: datetime | None = None
    ended_at: datetime | None = None
    expires_at: datetime | None = None
    due_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES


def status_of(rule: Rule, *, open_attempt: Attempt | None) -> Status:
    """What a list or a banner says about a rule; the sentence to it is `reason_detail`, or the attempt's detail."""
    if not rule.enabled:
        return "off"
    if rule.suspended_at is not None:
        return "suspended"
    if open_attempt is not None:
        return "waiting_for_customer" if open_attempt.state == "needs_customer" else "charging"
    if rule.reason is None:
        return "armed"
    return "paused" if rule.reason == "paused" else "blocked"


class Sale(msgspec.Struct, frozen=True):
    """What one pack costs and grants: what the customer agreed to, or what the catalog says today."""

    price_id: PriceId
    unit: Money
    credits: Credits


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a consent covers, as text, so that it reads the same for ever."""

    price_id: str
    unit_amount: str
    currency: str
    credits_per_pack: str
    mode: Mode
    packs: int
    threshold: str
    target: str | None
    charge_amount_max: str | None
    day_amount_max: str | None
    day_count_max: int | None
    month_amount_max: str | None
    payment_method_id: str
    method: str

    def covers(self, sale: Sale, *, price_id: str) -> bool:
        """Whether the price and what it grants are still those that were agreed to."""
        return (
            self.price_id == price_id
            and self.currency == sale.unit.currency
            and self.unit_amount == plain(sale.unit.amount)
            and self.credits_per_pack == str(sale.credits)
        )


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """Who agreed to what, when, and in which words (law 12). Never changed, never deleted."""

    customer_id: CustomerId
    id: ConsentId
    workspace_id: WorkspaceId
    rule_id: RechargeRuleId
    actor: str
    wording: str
    terms: Terms
    ip: str | None
    user_agent: str | None
    created_at: datetime


class GivenConsent(msgspec.Struct, frozen=True, kw_only=True):
    """An explicit act, as an edge saw it. `actor` is `customer` in the portal, else the API key's id as text."""

    actor: str
    wording: str
    ip: str | None = None
    user_agent: str | None = None


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What a customer or the API wants a rule to be, before it is checked."""

    enabled: bool
    threshold: Credits
    mode: Mode = "packs"
    packs: int = 1
    target: Credits | None = None
    price_id: PriceId
    currency_id: CurrencyId
    payment_method_id: PaymentMethodId | None
    charge_amount_max: Decimal | None = None
    day_amount_max: Decimal | None = None
    day_count_max: int | None = None
    month_amount_max: Decimal | None = None

    @property
    def goal(self) -> Credits:
        return self.threshold if self.target is None else self.target


class ConsentOutdated(Conflict):
    code = "consent_outdated"

    def __init__(self) -> None:
        super().__init__("The price or the rule has changed since this was shown; please read it again and agree.")
