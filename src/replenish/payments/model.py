"""Payments, saved methods, checkout sessions and the inbox of outside events, as values."""

from datetime import datetime
from decimal import Decimal
from typing import Final, Literal

import msgspec

from replenish.core.ids import (
    CheckoutSessionId,
    CurrencyId,
    CustomerId,
    InboxId,
    PaymentId,
    PaymentLinkId,
    PaymentMethodId,
    PriceId,
    RefundId,
    TopUpId,
    WorkspaceId,
)
from replenish.core.metadata import Metadata
from replenish.core.money import NO_CREDITS, Credits, Money

# decided: our intent only. prepared: the provider knows an intent, no money can have moved. submitted: it may have; look
# it up, never repeat it (law 9). confirming: the provider has it and will tell. needs_customer: waits for a person.
# unapplied: paid, and nothing wants it; on its way back, where that is possible (law 11).
PaymentState = Literal[
    "decided",
    "prepared",
    "submitted",
    "confirming",
    "needs_customer",
    "settled",
    "declined",
    "cancelled",
    "unapplied",
    "refunded",
]
OPEN_STATES: Final[tuple[PaymentState, ...]] = ("decided", "prepared", "submitted", "confirming", "needs_customer")
# Nobody can have paid in these, so they can be called off.
UNPAID_STATES: Final[tuple[PaymentState, ...]] = ("decided", "prepared", "needs_customer")


class PaymentRef(msgspec.Struct, frozen=True):
    """Names one payment; always from our own rows, never from a message."""

    customer_id: CustomerId
    payment_id: PaymentId


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """One try at paying for a top-up. `amount` in whole units of `currency`.

    Without a `payment_method_id` it is made on a hosted page. `outside_id` is the provider's, once it knows of it.
    """

    customer_id: CustomerId
    id: PaymentId
    workspace_id: WorkspaceId
    top_up_id: TopUpId
    provider: str
    provider_account: str
    payment_method_id: PaymentMethodId | None
    currency_id: CurrencyId
    # The code of the currency: "USD".
    currency: str
    amount: Decimal
    state: PaymentState
    outside_id: str | None = None
    page_url: str | None = None
    decline_code: str | None = None
    decline_permanent: bool | None = None
    refunded_amount: Decimal = Decimal(0)
    refund_outside_id: str | None = None
    customer_present: bool
    return_url: str
    created_at: datetime
    submitted_at: datetime | None = None
    settled_at: datetime | None = None
    ended_at: datetime | None = None
    # The reconciler's next look, by the real clock; None = nothing left to learn.
    due_at: datetime | None = None
    looks: int = 0
    unknown_since: datetime | None = None
    escalated_at: datetime | None = None

    @property
    def ref(self) -> PaymentRef:
        return PaymentRef(self.customer_id, self.id)

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    @property
    def hosted(self) -> bool:
        return self.payment_method_id is None


RefundState = Literal["pending", "succeeded", "failed"]


class RefundRef(msgspec.Struct, frozen=True):
    """Names one refund; always from our own rows."""

    customer_id: CustomerId
    refund_id: RefundId


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """Money of a settled top-up on its way back, whole or in part. `amount` in whole units of `currency`.

    `credits` is the share that it took of what was bought, in five parts: taken at once, lapsed before, kept by holds until
    they end, spent and owed, spent and written off. 0 until it has succeeded.
    """

    customer_id: CustomerId
    id: RefundId
    workspace_id: WorkspaceId
    top_up_id: TopUpId
    payment_id: PaymentId
    currency_id: CurrencyId
    currency: str
    amount: Decimal
    reason: str
    actor: str
    metadata: Metadata = {}
    state: RefundState
    outside_id: str | None = None
    failure_code: str | None = None
    failure_message: str | None = None
    credits: Credits = NO_CREDITS
    credits_taken: Credits = NO_CREDITS
    credits_lapsed: Credits = NO_CREDITS
    credits_held: Credits = NO_CREDITS
    credits_owed: Credits = NO_CREDITS
    credits_written_off: Credits = NO_CREDITS
    request_key: str | None = None
    created_at: datetime
    ended_at: datetime | None = None
    due_at: datetime | None = None
    looks: int = 0
    unknown_since: datetime | None = None
    escalated_at: datetime | None = None

    @property
    def ref(self) -> RefundRef:
        return RefundRef(self.customer_id, self.id)

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)


class PaymentMethod(msgspec.Struct, frozen=True, kw_only=True):
    """A saved method. Two of the same card have one fingerprint (law 13)."""

    customer_id: CustomerId
    id: PaymentMethodId
    workspace_id: WorkspaceId
    provider: str
    provider_account: str
    outside_id: str
    outside_customer_id: str
    kind: str
    brand: str
    last4: str
    expires_month: int | None
    expires_year: int | None
    fingerprint: str
    is_default: bool
    created_at: datetime
    detached_at: datetime | None = None


SessionMode = Literal["payment", "setup"]
SessionState = Literal["open", "complete", "expired"]


class CheckoutSession(msgspec.Struct, frozen=True, kw_only=True):
    """One visit to a checkout: buying (`payment`) or saving a method (`setup`). `slug` is its public address.

    `customer_id` is None until the buyer of a payment link has said who they are; `customer_known` tells whether the
    merchant vouched for the customer when the session was made.
    """

    id: CheckoutSessionId
    workspace_id: WorkspaceId
    slug: str
    mode: SessionMode
    state: SessionState
    customer_id: CustomerId | None = None
    customer_known: bool = False
    price_id: PriceId | None = None
    quantity: int | None = None
    quantity_adjustable: bool = True
    currency_id: CurrencyId | None = None
    payment_link_id: PaymentLinkId | None = None
    top_up_id: TopUpId | None = None
    provider: str | None = None
    provider_account: str | None = None
    outside_id: str | None = None
    page_url: str | None = None
    payment_method_id: PaymentMethodId | None = None
    success_url: str | None = None
    cancel_url: str | None = None
    metadata: Metadata = {}
    created_at: datetime
    expires_at: datetime
    completed_at: datetime | None = None


class OutsideObject(msgspec.Struct, frozen=True, kw_only=True):
    """Which of our rows a provider's object belongs to: the only way from a message to a customer."""

    customer_id: CustomerId
    payment_id: PaymentId | None
    checkout_session_id: CheckoutSessionId | None


class InboxItem(msgspec.Struct, frozen=True, kw_only=True):
    """An outside event that was verified and stored, and is acted on later."""

    id: InboxId
    provider: str
    provider_account: str
    outside_id: str
    kind: str
    tries: int
