"""Law 3, which lots pay: one row of the table for each word of it, and what holds for any lots and any amount."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replenish.core.ids import CustomerId, LotId, MeterId, WalletId, WorkspaceId
from replenish.core.money import NO_CREDITS, Credits
from replenish.wallets.burn_down import burn_order, plan, spendable, total
from replenish.wallets.model import Allocation, Lot

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
NOBODY = UUID(int=0)
CALLS, TOKENS = MeterId(UUID(int=71)), MeterId(UUID(int=72))


def lot(number: int = 1, remaining: str = "10", **fields: object) -> Lot:
    """A plain paid lot that never ends; `number` is its id."""
    plain: dict[str, object] = {
        "held": NO_CREDITS,
        "category": "paid",
        "priority": 50,
        "effective_at": NOW - timedelta(days=1),
        "expires_at": None,
        "created_at": NOW - timedelta(days=1),
        "opened_at": NOW - timedelta(days=1),
    }
    return Lot(
        customer_id=CustomerId(NOBODY),
        id=LotId(UUID(int=number)),
        workspace_id=WorkspaceId(NOBODY),
        wallet_id=WalletId(NOBODY),
        amount=Credits(1000),
        remaining=Credits(Decimal(remaining)),
        source="api",
        **(plain | fields),  # pyright: ignore[reportArgumentType]  # the table's own words
    )


SOON, LATE = NOW + timedelta(days=1), NOW + timedelta(days=9)
OLD, YOUNG = NOW - timedelta(days=9), NOW - timedelta(days=1)
# The first of a pair pays first, although everything that the law names later, and the id, speak for the second.
PAIRS = [
    ("lower priority", {"priority": 1, "expires_at": None}, {"priority": 2, "expires_at": SOON}),
    ("soonest expiry", {"expires_at": SOON}, {"expires_at": LATE, "category": "promotional"}),
    ("an expiry before none", {"expires_at": LATE}, {"expires_at": None, "category": "promotional"}),
    (
        "promotional before paid",
        {"category": "promotional", "created_at": YOUNG},
        {"category": "paid", "created_at": OLD},
    ),
    ("oldest", {"created_at": OLD}, {"created_at": YOUNG}),
]


@pytest.mark.parametrize(("first", "second"), [pair[1:] for pair in PAIRS], ids=[pair[0] for pair in PAIRS])
def test_law_03_the_order_of_two(first: dict[str, object], second: dict[str, object]) -> None:
    early, late = lot(2, **first), lot(1, **second)
    assert burn_order(early) < burn_order(late)
    assert spendable([late, early], meter_id=None, now=NOW) == [early, late]


def test_law_03_alike_in_all_but_the_id() -> None:
    assert [found.id.int for found in spendable([lot(3), lot(1), lot(2)], meter_id=None, now=NOW)] == [1, 2, 3]


OPEN = [
    # what the lot has, meter, spendable
    ({}, None, True),
    ({}, CALLS, True),
    ({"scope": (CALLS,)}, CALLS, True),
    ({"scope": (TOKENS, CALLS)}, CALLS, True),
    ({"scope": (TOKENS,)}, CALLS, False),
    ({"scope": (TOKENS,)}, None, False),
    ({"effective_at": NOW}, None, True),
    ({"effective_at": NOW + TICK}, None, False),
    ({"expires_at": NOW + TICK}, None, True),
    ({"expires_at": NOW}, None, False),
    ({"voided_at": NOW}, None, False),
    ({"held": Credits(9)}, None, True),
    ({"held": Credits(10)}, None, False),
]


@pytest.mark.parametrize(("fields", "meter", "pays"), OPEN)
def test_law_04_which_lots_are_open(fields: dict[str, object], meter: MeterId | None, pays: bool) -> None:
    assert bool(spendable([lot(**fields)], meter_id=meter, now=NOW)) is pays


def test_a_used_up_lot_pays_nothing() -> None:
    assert spendable([lot(remaining="0")], meter_id=None, now=NOW) == []


def test_a_total_is_what_holds_leave() -> None:
    assert total([]) == NO_CREDITS
    assert total([lot(1, "10"), lot(2, "2.5", held=Credits(2)), lot(3, "0.25")]) == Credits(Decimal("10.75"))


def paid(amount: str, *lots: Lot) -> tuple[list[tuple[int, str]], str]:
    allocations, short = plan(lots, amount=Credits(Decimal(amount)))
    return [(found.lot_id.int, str(found.amount)) for found in allocations], str(short)


PLANS = [
    # amount, who pays, what nobody pays
    ("0", [], "0"),
    ("3", [(1, "3")], "0"),
    ("5", [(1, "5")], "0"),
    ("5.01", [(1, "5"), (2, "0.01")], "0"),
    # The second has 7 of which 3 are held; the third nothing.
    ("9", [(1, "5"), (2, "4")], "0"),
    ("9.5", [(1, "5"), (2, "4"), (4, "0.5")], "0"),
    ("11", [(1, "5"), (2, "4"), (4, "1")], "1"),
]


@pytest.mark.parametrize(("amount", "payers", "short"), PLANS)
def test_law_03_each_lot_in_turn_pays_what_it_can(amount: str, payers: list[tuple[int, str]], short: str) -> None:
    ordered = [lot(1, "5"), lot(2, "7", held=Credits(3)), lot(3, "0"), lot(4, "1")]
    assert paid(amount, *ordered) == (payers, short)


def test_nothing_at_all_pays_nothing() -> None:
    assert paid("1.5") == ([], "1.5")


def test_no_lot_is_asked_once_all_is_paid() -> None:
    """A batch plans thousands of debits over the same lots."""

    def ordered() -> list[Lot]:
        asked.append(lot(len(asked) + 1))
        return asked

    asked: list[Lot] = []

    class Lots(list[Lot]):
        def __iter__(self):
            for _ in range(3):
                yield ordered()[-1]

    assert plan(Lots(), amount=Credits(10)) == ([Allocation(LotId(UUID(int=1)), Credits(10))], NO_CREDITS)
    # The second one is seen, and found not to be needed.
    assert len(asked) == 2


amounts = st.decimals(min_value=0, max_value=1000, places=2)


@given(amount=amounts, remaining=st.lists(amounts, max_size=6))
def test_law_03_any_debit_is_paid_from_the_front(amount: Decimal, remaining: list[Decimal]) -> None:
    lots = [lot(number, str(left)) for number, left in enumerate(remaining)]
    allocations, short = plan(lots, amount=Credits(amount))
    assert sum((found.amount.value for found in allocations), short.value) == amount
    assert short.value == max(Decimal(0), amount - sum(remaining))
    assert all(found.amount.value > 0 for found in allocations)
    # All but the last payer are emptied, and between the first and the last nobody who has something is left out.
    taken = {found.lot_id.int: found.amount.value for found in allocations}
    last = max(taken, default=-1)
    assert all(taken.get(number, Decimal(0)) == left for number, left in enumerate(remaining) if number < last)
