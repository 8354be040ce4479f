"""What the customer does next, for pages that know no provider."""

from datetime import datetime

import msgspec

from replenish.payments.model import Payment


class Done(msgspec.Struct, frozen=True):
    """Paid and granted, or saved."""


class Visit(msgspec.Struct, frozen=True):
    """Send the customer to this page. `expires_at` None = unknown."""

    url: str
    expires_at: datetime | None = None


class Wait(msgspec.Struct, frozen=True):
    """The payment is being confirmed; ask again in some seconds. The customer must not pay again."""


class Refused(msgspec.Struct, frozen=True):
    """No money moved. `message` is for the customer."""

    code: str
    message: str


class TakenBack(msgspec.Struct, frozen=True):
    """It was paid after the purchase had ended (or twice): the money goes back."""


NextStep = Done | Visit | Wait | Refused | TakenBack

_WORDS = {
    "insufficient_funds": "Your card has insufficient funds.",
    "lost_card": "Your card was declined.",
    "expired_card": "Your card has expired.",
    "authentication_failed": "The bank could not confirm that it was you.",
    "method_detached": "This payment method is no longer saved.",
}


def next_step(payment: Payment) -> NextStep:
    """What a payment's state means for the person who pays."""
    match payment.state:
        case "settled":
            return Done()
        case "decided" | "prepared" | "submitted" | "confirming":
            return Wait()
        case "needs_customer":
            return Wait() if payment.page_url is None else Visit(payment.page_url)
        case "declined":
            code = payment.decline_code or "declined"
            return Refused(code, _WORDS.get(code, "Your payment was declined."))
        case "cancelled":
            return Refused("cancelled", "This payment was ended; nothing was charged.")
        case "unapplied" | "refunded":
            return TakenBack()
