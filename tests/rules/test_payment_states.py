"""What an answer means for a payment: every state against every answer, and the quote before it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import get_args

import pytest

from replenish.core.errors import Invalid
from replenish.core.money import Credits, Money
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
from replenish.payments.states import judge, pause
from replenish.topups.model import Offer, quote

NOW = datetime(2026, 11, 23, tzinfo=UTC)
SETTLED = Settled(outside_id="x")
DECLINED = Declined(code="card_declined", message="No.")
NEEDS = NeedsCustomer(url="https://bank.example", expires_at=NOW)
ENDED: tuple[PaymentState, ...] = ("settled", "declined", "cancelled", "unapplied", "refunded")

#   payment's states                              top-up open  answer               verdict
TABLE: list[tuple[tuple[PaymentState, ...], tuple[bool, ...], Standing, str]] = [
    (OPEN_STATES, (True,), SETTLED, "grant"),
    (OPEN_STATES, (False,), SETTLED, "unwanted"),
    # Money that moved after we had ended the payment is still the customer's.
    (("declined", "cancelled"), (True, False), SETTLED, "unwanted"),
    (("settled", "unapplied", "refunded"), (True, False), SETTLED, "rest"),
    (OPEN_STATES, (True, False), DECLINED, "decline"),
    (OPEN_STATES, (True, False), Cancelled("expired"), "cancel"),
    (ENDED, (True, False), DECLINED, "rest"),
    (ENDED, (True, False), Cancelled("closed"), "rest"),
    (OPEN_STATES, (True, False), NEEDS, "wait_for_customer"),
    (OPEN_STATES, (True, False), Confirming(), "confirm"),
    (OPEN_STATES, (True, False), NotSubmitted(), "look_again"),
    # Ended here and alive there: it is watched until nobody can pay on it any more.
    (("declined", "cancelled"), (True, False), NEEDS, "look_again"),
    (("declined", "cancelled"), (True, False), Confirming(), "look_again"),
    (("declined", "cancelled"), (True, False), NotSubmitted(), "look_again"),
    (("settled", "unapplied", "refunded"), (True, False), Confirming(), "rest"),
    ((*OPEN_STATES, "declined", "cancelled"), (True, False), Unknown("lost"), "look_again"),
    (("settled", "unapplied", "refunded"), (True, False), Unknown("lost"), "rest"),
]


def test_the_table_holds_for_every_state() -> None:
    assert {*OPEN_STATES, *ENDED} == set(get_args(PaymentState))
    for payments, top_up_open, answer, verdict in TABLE:
        for payment in payments:
            for is_open in top_up_open:
                assert judge(payment=payment, top_up_open=is_open, standing=answer) == verdict, (payment, answer)


def test_looks_become_rarer_and_never_stop() -> None:
    pauses = [pause(looks) for looks in range(100)]
    assert pauses == sorted(pauses)
    assert timedelta(0) < pauses[0] < timedelta(minutes=1)
    assert pauses[-1] == timedelta(minutes=15)


def offer(unit: str = "10", *, least: str | None = None, most: str | None = None) -> Offer:
    return Offer(
        unit=Money(Decimal(unit), "USD"),
        unit_credits=Credits(200_000),
        quantity_max=20,
        bound_unit=Money(Decimal(unit), "USD"),
        amount_min=None if least is None else Decimal(least),
        amount_max=None if most is None else Decimal(most),
    )


def test_a_quote_repays_what_is_owed() -> None:
    found = quote(offer("12.50"), quantity=3, balance=Credits(-100_000), owed=Credits(100_000))
    assert found.amount == Money(Decimal("37.50"), "USD")
    assert (found.credits, found.balance_after) == (Credits(600_000), Credits(500_000))


@pytest.mark.parametrize(
    ("made", "quantity", "field"),
    [
        (offer("0"), 1, "price_id"),
        (offer(), 0, "quantity"),
        (offer(), -1, "quantity"),
        (offer(), 21, "quantity"),
        (offer(least="20"), 1, "quantity"),
        (offer(most="19.99"), 2, "quantity"),
    ],
)
def test_what_a_quote_refuses(made: Offer, quantity: int, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        quote(made, quantity=quantity, balance=Credits(0), owed=Credits(0))
    assert refused.value.field == field


@pytest.mark.parametrize(("least", "most", "quantity"), [("20", "20", 2), (None, "10", 1), ("200", None, 20)])
def test_bounds_are_allowed_themselves(least: str | None, most: str | None, quantity: int) -> None:
    quote(offer(least=least, most=most), quantity=quantity, balance=Credits(0), owed=Credits(0))
