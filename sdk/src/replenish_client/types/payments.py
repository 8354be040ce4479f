"""Credits bought: purchases, the payments behind them, and what customers pay with."""

from datetime import datetime
from decimal import Decimal

from replenish_client.types.base import Answer, StoredMetadata


class NextStep(Answer, frozen=True, kw_only=True):
    """What happens next.

    `type`: `done`; `visit` the `url` (a bank asks for the customer); `wait`: it is being confirmed; `refused` with `code` and
    `message`: no money moved; `taken_back`: paid, and returned.
    """

    type: str
    url: str | None = None
    expires_at: datetime | None = None
    code: str | None = None
    message: str | None = None


class Topup(Answer, frozen=True, kw_only=True):
    """One purchase. `credits` is what the whole of it grants; `credit_grant_id` is set when it is settled.

    `origin`: `manual`, `automatic`. `state`: `open`, `submitted`, `settled`, `failed`, `cancelled`, `expired`. `amount` and
    `refunded_amount` are in `currency`, a code such as "USD".
    """

    id: str
    number: str
    customer_id: str
    origin: str
    state: str
    price_id: str
    product_id: str
    product_name: str
    quantity: int
    amount: Decimal
    currency: str
    refunded_amount: Decimal
    credits: Decimal
    credit_currency_id: str
    credit_grant_id: str | None
    payment_method_id: str | None
    checkout_session_id: str | None
    recharge_attempt_id: str | None
    next_step: NextStep
    metadata: StoredMetadata
    created_at: datetime
    settled_at: datetime | None
    ended_at: datetime | None


class Quote(Answer, frozen=True, kw_only=True):
    """What a purchase costs and grants, and the balance after it. `balance_before` holds what is `owed` already."""

    quantity: int
    amount: Decimal
    currency: str
    credits: Decimal
    balance_before: Decimal
    owed: Decimal
    balance_after: Decimal


class CheckoutSession(Answer, frozen=True, kw_only=True):
    """One visit to the hosted checkout: send the customer to `url`.

    `mode`: `payment` buys, `setup` saves a payment method. `state`: `open`, `complete`, `expired`.
    """

    id: str
    url: str
    mode: str
    state: str
    customer_id: str | None
    price_id: str | None
    quantity: int | None
    quantity_adjustable: bool
    currency_id: str | None
    payment_link_id: str | None
    topup_id: str | None
    payment_method_id: str | None
    success_url: str | None
    cancel_url: str | None
    metadata: StoredMetadata
    created_at: datetime
    expires_at: datetime
    completed_at: datetime | None


class PaymentMethod(Answer, frozen=True, kw_only=True):
    """A saved card or wallet. Two of the same card have one `fingerprint`."""

    id: str
    customer_id: str
    provider: str
    kind: str
    brand: str
    last4: str
    expires_month: int | None
    expires_year: int | None
    fingerprint: str
    is_default: bool
    created_at: datetime
    detached_at: datetime | None


class Payment(Answer, frozen=True, kw_only=True):
    """One try at paying for a top-up. `outside_id` is the provider's.

    `state`: `decided`, `prepared`, `submitted`, `confirming`, `needs_customer`, `settled`, `declined`, `cancelled`,
    `unapplied`, `refunded`. `escalated_at` is set when a person should look.
    """

    id: str
    customer_id: str
    topup_id: str
    provider: str
    payment_method_id: str | None
    amount: Decimal
    currency: str
    state: str
    outside_id: str | None
    decline_code: str | None
    refunded_amount: Decimal
    created_at: datetime
    submitted_at: datetime | None
    settled_at: datetime | None
    ended_at: datetime | None
    escalated_at: datetime | None


class Refund(Answer, frozen=True, kw_only=True):
    """Money of a settled top-up given back. `state`: `pending` until the provider is certain, `succeeded`, `failed`.

    `credits` is the share of the bought credits that it took: taken at once, lapsed before, kept by holds until they end, and
    of those already spent, owed or written off. `escalated_at` is set when a person should look.
    """

    id: str
    customer_id: str
    topup_id: str
    payment_id: str
    amount: Decimal
    currency: str
    reason: str
    state: str
    outside_id: str | None
    failure_code: str | None
    failure_message: str | None
    credits: Decimal
    credits_taken: Decimal
    credits_lapsed: Decimal
    credits_held: Decimal
    credits_owed: Decimal
    credits_written_off: Decimal
    metadata: StoredMetadata
    created_at: datetime
    ended_at: datetime | None
    escalated_at: datetime | None
