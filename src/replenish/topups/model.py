"""One purchase of credits, as it was sold."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Final, Literal

import msgspec

from replenish.core.errors import Invalid
from replenish.core.ids import (
    CheckoutSessionId,
    CurrencyId,
    CustomerId,
    LotId,
    MeterId,
    PaymentMethodId,
    PriceId,
    ProductId,
    RechargeAttemptId,
    TopUpId,
    WalletId,
    WorkspaceId,
)
from replenish.core.metadata import Metadata
from replenish.core.money import EXACT, Credits, Money, plain

Origin = Literal["manual", "automatic"]
# open: nothing asked of a provider yet, or an unpaid page. submitted: money may be moving (pending, law 10).
# settled: paid and granted. The others ended without money.
TopUpState = Literal["open", "submitted", "settled", "failed", "cancelled", "expired"]
OPEN_STATES: Final[tuple[TopUpState, ...]] = ("open", "submitted")
DurationUnit = Literal["hours", "days", "weeks", "months", "years"]

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class TopUp(msgspec.Struct, frozen=True, kw_only=True):
    """One purchase. Price and credit config are kept as they were when it was decided.

    `amount` and `refunded_amount` in whole units of `currency`; `credit_amount` is what the whole purchase grants.
    """

    customer_id: CustomerId
    id: TopUpId
    workspace_id: WorkspaceId
    wallet_id: WalletId
    # 'PK-' and ten characters: on receipts, and where a wire needs a short one.
    number: str
    origin: Origin
    state: TopUpState
    price_id: PriceId
    product_id: ProductId
    product_name: str
    quantity: int
    currency_id: CurrencyId
    # The code of the currency: "USD".
    currency: str
    amount: Decimal
    refunded_amount: Decimal = Decimal(0)
    credit_currency_id: CurrencyId
    credit_amount: Credits
    credit_priority: int
    valid_duration_value: int
    valid_duration_unit: DurationUnit
    credit_scope: Sequence[MeterId]
    payment_method_id: PaymentMethodId | None = None
    checkout_session_id: CheckoutSessionId | None = None
    recharge_attempt_id: RechargeAttemptId | None = None
    save_method: bool = False
    lot_id: LotId | None = None
    metadata: Metadata = {}
    request_key: str | None = None
    created_at: datetime
    settled_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What one unit costs and grants, in the currency that the customer chose, and how much may be bought at once."""

    unit: Money
    unit_credits: Credits
    quantity_max: int
    # Bounds of one purchase, None = none. They are set in the currency of `bound_unit`, which is what one unit costs in it:
    # so they hold the same in every currency that it can be paid in.
    bound_unit: Money
    amount_min: Decimal | None = None
    amount_max: Decimal | None = None


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """What a purchase costs, and what the customer will have after it. Binds nobody until it is bought."""

    quantity: int
    amount: Money
    credits: Credits
    balance_before: Credits
    # Owed credits that the purchase repays first; part of the balance already.
    owed: Credits
    balance_after: Credits


def quote(offer: Offer, *, quantity: int, balance: Credits, owed: Credits) -> Quote:
    """Price times quantity. `balance` is available minus owed, so it already holds what is owed.

    Raises Invalid(quantity) outside the bounds, Invalid(price_id) for a price of nothing.
    """
    if not offer.unit.amount:
        # Unlimited free credits for anyone with the link; a merchant who gives credits away makes a grant.
        raise Invalid("price_id", "costs nothing and cannot be bought; make a credit grant instead")
    if not 1 <= quantity <= offer.quantity_max:
        raise Invalid("quantity", f"must be between 1 and {offer.quantity_max}")
    amount = offer.unit.times(quantity)
    bound = offer.bound_unit.times(quantity)
    if offer.amount_min is not None and bound.amount < offer.amount_min:
        least = f"{plain(offer.amount_min)} {bound.currency}"
        raise Invalid("quantity", f"buys for {bound}; one purchase is at least {least}")
    if offer.amount_max is not None and bound.amount > offer.amount_max:
        most = f"{plain(offer.amount_max)} {bound.currency}"
        raise Invalid("quantity", f"buys for {bound}; one purchase is at most {most}")
    bought = offer.unit_credits.times(quantity)
    return Quote(
        quantity=quantity,
        amount=amount,
        credits=bought,
        balance_before=balance,
        owed=owed,
        balance_after=balance + bought,
    )


def credits_of_refunds(*, granted: Credits, refunded: Decimal, paid: Decimal, decimals: int) -> Credits:
    """Law 14: what all refunds together take, floor(granted x refunded / paid) at the credit currency's scale.

    Cumulative, so that parts of any size add up to exactly what the whole would take.
    """
    units = Fraction(EXACT.scaleb(granted.value, decimals)) * Fraction(refunded) / Fraction(paid)
    return Credits(EXACT.scaleb(Decimal(floor(units)), -decimals))


def new_number() -> str:
    """`PK-` and ten random characters."""
    return "PK-" + "".join(secrets.choice(_ALPHABET) for _ in range(10))
