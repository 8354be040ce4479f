"""What a payment provider is to us: a few small capabilities and a closed set of answers, in our words.

A provider's own types, words and exceptions stop at its folder. An expected answer (a decline, a lost reply, a page that
the customer must visit) is a value of the unions below, never an exception and never a bool: `match` with `assert_never`
makes a forgotten case a type error. An exception means a bug or a provider that is set up wrongly.

Every call names the provider account; none of them may be made while a database transaction is open (law 9).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable

import msgspec

from replenish.core.ids import CheckoutSessionId, CustomerId, PaymentId, WorkspaceId
from replenish.core.money import Money


class MethodDetails(msgspec.Struct, frozen=True, kw_only=True):
    """A saved method as its provider describes it.

    The same card saved twice has two `outside_id`s and one `fingerprint`: a suspension ends with a new card, not with a
    new id (law 13).
    """

    outside_id: str
    outside_customer_id: str
    kind: str
    brand: str
    last4: str
    expires_month: int | None
    expires_year: int | None
    fingerprint: str


# ── what became of a payment ──────────────────────────────────────────────────────────────────────────────────────────


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """The money has moved, for certain. `method` is what paid, when the provider says so and it was saved."""

    outside_id: str
    method: MethodDetails | None = None


class Declined(msgspec.Struct, frozen=True, kw_only=True):
    """No money moved and none will. `permanent`: this method will never pay (lost, expired); do not try it again.

    `message` is for the customer; `code` is ours and stable: `card_declined`, `insufficient_funds`, `lost_card`,
    `expired_card`, `authentication_failed`, `method_detached`…
    """

    code: str
    message: str
    permanent: bool = False
    insufficient_funds: bool = False


class NeedsCustomer(msgspec.Struct, frozen=True, kw_only=True):
    """Waits for a person: a hosted page that is not paid yet, or a card holder who must authenticate."""

    url: str
    expires_at: datetime


class Confirming(msgspec.Struct, frozen=True):
    """Accepted; settles or fails later by itself. Counts as pending (law 10)."""


class Unknown(msgspec.Struct, frozen=True):
    """No answer, or none that can be understood: money may have moved.

    Look the same id up later; never send the payment again under another key (law 9).
    """

    detail: str


class Cancelled(msgspec.Struct, frozen=True):
    """Ended without money: the page was closed by us, or expired. No money can move any more."""

    reason: Literal["closed", "expired"]


class NotSubmitted(msgspec.Struct, frozen=True):
    """The provider knows the intent and nobody has submitted it: no money can have moved.

    The only answer after which the same intent may be submitted again.
    """


Outcome = Settled | Declined | NeedsCustomer | Confirming | Unknown | Cancelled
Standing = Outcome | NotSubmitted


# ── what we ask for ───────────────────────────────────────────────────────────────────────────────────────────────────


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """A charge of a saved method. `payment_id` is its idempotency key for good."""

    account: str
    payment_id: PaymentId
    customer_id: CustomerId
    amount: Money
    method_outside_id: str
    method_outside_customer_id: str
    merchant_name: str
    description: str
    # True when the card holder is at the screen: banks ask for authentication less often then.
    customer_present: bool
    # Where an authentication page sends the customer back to.
    return_url: str


class Checkout(msgspec.Struct, frozen=True, kw_only=True):
    """A hosted page on which one payment can be made. `payment_id` is its idempotency key for good."""

    account: str
    payment_id: PaymentId
    customer_id: CustomerId
    customer_email: str | None
    amount: Money
    merchant_name: str
    description: str
    # Keep the method that pays, so that it can be charged later without the customer.
    save_method: bool
    return_url: str
    cancel_url: str
    expires_at: datetime


class MethodPage(msgspec.Struct, frozen=True, kw_only=True):
    """A hosted page on which a method is saved without paying. `session_id` is its idempotency key."""

    account: str
    session_id: CheckoutSessionId
    customer_id: CustomerId
    customer_email: str | None
    merchant_name: str
    return_url: str
    cancel_url: str
    expires_at: datetime


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """Money back for one payment. `key` is its idempotency key: the same key never pays back twice."""

    account: str
    outside_id: str
    key: str
    amount: Money


class Prepared(msgspec.Struct, frozen=True):
    """The provider knows the intent under this id. No money has moved."""

    outside_id: str


class PageOpened(msgspec.Struct, frozen=True, kw_only=True):
    """A hosted page stands. For a payment, `outside_id` is the payment's, not the page's."""

    outside_id: str
    url: str
    expires_at: datetime


class MethodSaved(msgspec.Struct, frozen=True):
    method: MethodDetails


class Refunded(msgspec.Struct, frozen=True):
    """The money is on its way back, for certain."""

    outside_id: str


class RefundRefused(msgspec.Struct, frozen=True, kw_only=True):
    """The provider will never make this refund (more than was paid, too old). A person must look."""

    code: str
    message: str


class OutsideEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A verified message: something happened to one of the provider's objects.

    It is a hint to look the object up, nothing more: its amounts and metadata are never acted upon.
    """

    outside_id: str
    kind: str
    body: Mapping[str, object]


class EventRejected(msgspec.Struct, frozen=True):
    """Not from the provider, too old, or unreadable. `reason` is for the log, not for the sender."""

    reason: str


class EventIgnored(msgspec.Struct, frozen=True):
    """Genuine, and about nothing that we keep."""


# ── capabilities ──────────────────────────────────────────────────────────────────────────────────────────────────────


@runtime_checkable
class Provider(Protocol):
    """What every provider can do: say whether it takes a workspace's money, and what became of a payment."""

    @property
    def name(self) -> str:
        """`sandbox`, `stripe`, `evm`: stored with each payment and method; never changes."""
        ...

    async def account_of(self, *, workspace_id: WorkspaceId, mode: Literal["live", "test"]) -> str | None:
        """The account that takes this workspace's money, or None: not set up, or not allowed for this mode."""
        ...

    def takes(self, currency: str) -> bool:
        """Whether money of this currency code can be paid here."""
        ...

    async def look_up_payment(self, *, account: str, outside_id: str) -> Standing:
        """What became of a payment. May not change anything; safe to repeat for ever.

        `Unknown` when the provider does not answer. An id that the provider has never seen is `Unknown` too: it is no
        proof that no money moved.
        """
        ...

    async def close_payment(self, *, account: str, outside_id: str) -> Standing:
        """End a payment on which nobody has paid yet; returns what stands afterwards.

        May not give money back: a payment that is settled, or being settled, stays so and is returned as such.
        """
        ...


@runtime_checkable
class ChargesSavedMethod(Provider, Protocol):
    """Charges a method without the customer, in two steps, so that the id is ours before any money can move (law 9)."""

    async def prepare_charge(self, charge: Charge) -> Prepared | Declined | Unknown:
        """Make the intent. May not move money.

        The same `payment_id` with the same fields returns the same intent, so repeating it after a lost reply or a
        crash is safe. Raises ValueError when the fields differ from the first call's.
        """
        ...

    async def submit_charge(self, *, account: str, outside_id: str) -> Outcome:
        """Move the money of a prepared intent, once: submitting it again returns what stands and moves nothing more."""
        ...


@runtime_checkable
class OpensCheckout(Provider, Protocol):
    """Has a hosted page for one payment."""

    async def open_checkout(self, checkout: Checkout) -> PageOpened | Declined | Unknown:
        """Make the page. May not move money; the customer does, on the page.

        Idempotent by `payment_id` as `prepare_charge` is. The payment is looked up and closed by the id it returns.
        """
        ...


@runtime_checkable
class SavesMethods(Provider, Protocol):
    """Has a hosted page on which a method is saved, and lets go of saved methods."""

    async def open_method_page(self, page: MethodPage) -> PageOpened | Declined | Unknown:
        """Make the page. May not move money. Idempotent by `session_id`."""
        ...

    async def look_up_method_page(
        self, *, account: str, outside_id: str
    ) -> MethodSaved | NeedsCustomer | Cancelled | Unknown:
        """What became of the page. May not change anything."""
        ...

    async def detach_method(self, *, account: str, outside_id: str) -> Unknown | None:
        """Forget a saved method at the provider. None when it is gone, also when it was gone before."""
        ...


@runtime_checkable
class Refunds(Provider, Protocol):
    """Can give money back. A chain cannot; its unwanted payments stay `unapplied` (law 11)."""

    async def refund_payment(self, refund: Refund) -> Refunded | RefundRefused | Unknown:
        """Give back part or all of a settled payment. Idempotent by `refund.key`; never more than was paid."""
        ...


@runtime_checkable
class ReportsEvents(Provider, Protocol):
    """Sends messages about its objects."""

    async def read_event(
        self, *, account: str, headers: Mapping[str, str], body: bytes
    ) -> OutsideEvent | EventIgnored | EventRejected:
        """Verify the raw bytes and say which object they are about. `headers` have lower-case names.

        May not act on them. Without a secret to verify with, everything is rejected.
        """
        ...
