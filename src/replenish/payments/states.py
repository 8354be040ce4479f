"""What an answer of a provider means for a payment. Pure: no database, no clock, no provider."""

from datetime import timedelta
from enum import StrEnum
from typing import Final, assert_never

from replenish.payments.model import OPEN_STATES, PaymentState
from replenish.payments.provider import (
    Cancelled,
    Confirming,
    Declined,
    NeedsCustomer,
    NotSubmitted,
    Settled,
    Standing,
    Unknown,
)

# After this long without an answer an operator is told; the payment stays open all the same.
ESCALATE_AFTER: Final = timedelta(hours=1)
# A charge that was decided and never submitted is given up after this long: nobody expects it any more.
ABANDON_AFTER: Final = timedelta(hours=1)
# Its money has been booked; no later answer changes that.
_BOOKED: Final[tuple[PaymentState, ...]] = ("settled", "unapplied", "refunded")
_PAUSE_FIRST: Final = timedelta(seconds=15)
_PAUSE_LONGEST: Final = timedelta(minutes=15)


class Verdict(StrEnum):
    GRANT = "grant"
    # Paid, and nothing wants it: give it back, or keep it unapplied and say so (law 11).
    UNWANTED = "unwanted"
    DECLINE = "decline"
    CANCEL = "cancel"
    WAIT_FOR_CUSTOMER = "wait_for_customer"
    CONFIRM = "confirm"
    LOOK_AGAIN = "look_again"
    # Nothing new; and nothing more to learn either.
    REST = "rest"


def judge(*, payment: PaymentState, top_up_open: bool, standing: Standing) -> Verdict:
    """The last look: called with wallet, top-up and payment locked, whichever door the answer came through.

    A success counts in every state but those that have booked it already: money that moved after we had ended a payment
    is still the customer's.
    """
    if payment in _BOOKED:
        return Verdict.REST
    match standing:
        case Settled():
            return Verdict.GRANT if top_up_open and payment in OPEN_STATES else Verdict.UNWANTED
        case Unknown():
            return Verdict.LOOK_AGAIN
        case Declined():
            return Verdict.DECLINE if payment in OPEN_STATES else Verdict.REST
        case Cancelled():
            return Verdict.CANCEL if payment in OPEN_STATES else Verdict.REST
        case NeedsCustomer() | Confirming() | NotSubmitted() if payment not in OPEN_STATES:
            # Ended here, alive there: it can still be paid, so it is watched until it is closed.
            return Verdict.LOOK_AGAIN
        case NeedsCustomer():
            return Verdict.WAIT_FOR_CUSTOMER
        case Confirming():
            return Verdict.CONFIRM
        case NotSubmitted():
            return Verdict.LOOK_AGAIN
        case _:
            assert_never(standing)


def pause(looks: int) -> timedelta:
    """How long until the next look, after this many: quick at first, a quarter of an hour at last."""
    return min(_PAUSE_FIRST * (1 << min(looks, 10)), _PAUSE_LONGEST)
