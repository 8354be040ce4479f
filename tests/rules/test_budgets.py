"""What budgets look at, what they have room for, and what they tell (pure)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from replenish.core import ids
from replenish.core.money import NO_CREDITS, Credits
from replenish.wallets.budget import Budget, BudgetExceeded, Budgets, Counter, Use, label_of
from replenish.wallets.model import Hold

NOW = datetime(2027, 1, 15, 12, tzinfo=UTC)
CALLS, PAGES = ids.METER.new(), ids.METER.new()


def budget(limit="100", **more) -> Budget:
    made = Budget(
        customer_id=ids.CUSTOMER.new(),
        id=ids.BUDGET.new(),
        workspace_id=ids.WORKSPACE.new(),
        wallet_id=ids.WALLET.new(),
        name="",
        label_property=None,
        label=None,
        meter_id=None,
        window_kind="day",
        credit_limit=Credits(Decimal(limit)),
        hard=True,
        alert_percent=None,
        active=True,
        counts_from=0,
        metadata={},
        created_at=NOW - timedelta(days=40),
        updated_at=NOW,
    )
    return msgspec.structs.replace(made, **more)


def coins(amount: str) -> Credits:
    return Credits(Decimal(amount))


def hold(amount: str, counters) -> Hold:
    return Hold(
        customer_id=ids.CUSTOMER.new(),
        id=ids.HOLD.new(),
        workspace_id=ids.WORKSPACE.new(),
        wallet_id=ids.WALLET.new(),
        meter_id=None,
        state="open",
        amount=coins(amount),
        lot_ids=(),
        lot_amounts=(),
        counter_ids=counters,
        created_at=NOW,
        expires_at=NOW + timedelta(hours=1),
    )


TEAM = {"label_property": "team"}
SEARCH = {"label_property": "team", "label": "search"}
# The budget, the event's meter and properties, and under which label it counts (None = not).
LABELS = [
    ({}, CALLS, None, ""),
    ({}, None, {"team": "search"}, ""),
    ({"meter_id": CALLS}, CALLS, None, ""),
    ({"meter_id": CALLS}, PAGES, None, None),
    ({"meter_id": CALLS}, None, None, None),
    (SEARCH, CALLS, {"team": "search", "user": "u_17"}, "search"),
    (SEARCH, CALLS, {"team": "Search"}, None),
    (SEARCH, CALLS, {"user": "search"}, None),
    (SEARCH, CALLS, {}, None),
    (SEARCH, CALLS, None, None),
    (SEARCH | {"meter_id": CALLS}, PAGES, {"team": "search"}, None),
    (TEAM, CALLS, {"team": "ads"}, "ads"),
    (TEAM, CALLS, {"team": ""}, ""),
    (TEAM, CALLS, {"team": None}, None),
    # One label a value, however it is written.
    (TEAM, CALLS, {"team": 3}, "3"),
    (TEAM, CALLS, {"team": 3.0}, "3"),
    (TEAM, CALLS, {"team": 1e22}, "10000000000000000000000"),
    (TEAM, CALLS, {"team": 0.1}, "0.1"),
    (TEAM, CALLS, {"team": -0.0}, "0"),
    (TEAM, CALLS, {"team": True}, "true"),
    (TEAM, CALLS, {"team": False}, "false"),
    (TEAM, CALLS, {"team": "x" * 255}, "x" * 255),
]


@pytest.mark.parametrize(("terms", "meter", "properties", "label"), LABELS)
def test_under_which_label_a_use_counts(terms, meter, properties, label):
    assert label_of(budget(**terms), Use(meter, properties)) == label


def test_a_long_label_is_known_by_its_hash():
    first, second = (label_of(budget(**TEAM), Use(CALLS, {"team": "x" * 300 + end})) for end in "ab")
    assert first is not None
    assert second is not None
    assert first != second
    assert len(first) <= 255


# Limit, what was spent and held before, the amount, whether there is room.
ROOM = [
    ("100", "0", "0", "100", True),
    ("100", "0", "0", "100.01", False),
    ("100", "99.99", "0", "0.01", True),
    ("100", "60", "30", "10", True),
    ("100", "60", "30", "10.01", False),
    ("0", "0", "0", "0.01", False),
    ("0", "0", "0", "0", True),
    # A lowered limit refuses nothing that costs nothing.
    ("50", "80", "0", "0", True),
    ("50", "80", "0", "0.01", False),
]


@pytest.mark.parametrize(("limit", "spent", "held", "amount", "fits"), ROOM)
@pytest.mark.parametrize("hard", [True, False])
def test_what_a_budget_has_room_for(limit, spent, held, amount, fits, hard):
    limited = budget(limit, hard=hard)
    budgets = Budgets([limited])
    ((_, counter),) = budgets.of(Use(CALLS), now=NOW)
    budgets.load(msgspec.structs.replace(counter, spent=coins(spent), held=coins(held)))
    if fits or not hard:
        budgets.admit(Use(CALLS), coins(amount), now=NOW)
        return
    with pytest.raises(BudgetExceeded) as refused:
        budgets.admit(Use(CALLS), coins(amount), now=NOW)
    assert refused.value.numbers == {
        "budget_id": ids.BUDGET.text(limited.id),
        "required": amount,
        "limit": limit,
        "spent": spent,
        "held": held,
        "window_ends_at": "2027-01-16T00:00:00Z",
    }
    assert budgets.moved == {}


def test_all_budgets_that_look_at_a_use_must_have_room():
    whole, search = budget("100"), budget("30", **SEARCH)
    budgets = Budgets([whole, search])
    use = Use(CALLS, {"team": "search"})
    budgets.spend(budgets.admit(use, coins("30"), now=NOW), coins("30"), now=NOW)
    with pytest.raises(BudgetExceeded) as refused:
        budgets.admit(use, coins("1"), now=NOW)
    assert refused.value.budget is search
    budgets.spend(budgets.admit(Use(CALLS), coins("70"), now=NOW), coins("70"), now=NOW)
    with pytest.raises(BudgetExceeded) as refused:
        budgets.admit(Use(CALLS), coins("1"), now=NOW)
    assert refused.value.budget is whole


def test_each_value_has_a_counter_of_its_own_and_each_window():
    budgets = Budgets([budget("10", **TEAM)])
    for team, day in (("a", 0), ("b", 0), ("a", 1)):
        use, now = Use(CALLS, {"team": team}), NOW + timedelta(days=day)
        budgets.spend(budgets.admit(use, coins("10"), now=now), coins("10"), now=now)
        with pytest.raises(BudgetExceeded):
            budgets.admit(use, coins("0.01"), now=now)
    assert sorted((each.label, each.window_start.day) for each in budgets.new.values()) == [
        ("a", 15),
        ("a", 16),
        ("b", 15),
    ]


def kept(limit: str, held: str) -> tuple[Budgets, Hold]:
    budgets = Budgets([budget(limit)])
    places = budgets.admit(Use(None), coins(held), now=NOW)
    return budgets, hold(held, budgets.reserve(places, coins(held), now=NOW))


@pytest.mark.parametrize(
    ("captured", "fits"), [("0", True), ("59", True), ("60", True), ("100", True), ("100.01", False)]
)
def test_a_capture_takes_the_place_of_its_hold(captured, fits):
    budgets, held = kept("100", "60")
    if not fits:
        with pytest.raises(BudgetExceeded):
            budgets.admit(Use(None), coins(captured), now=NOW, hold=held)
        return
    places = budgets.admit(Use(None), coins(captured), now=NOW, hold=held)
    budgets.release(held)
    budgets.spend(places, coins(captured), now=NOW)
    ((_, counter),) = budgets.of(Use(None), now=NOW)
    assert (counter.spent, counter.held) == (coins(captured), NO_CREDITS)


def test_a_capture_up_to_its_hold_is_never_refused_by_what_changed_since():
    budgets, held = kept("60", "60")
    tomorrow = NOW + timedelta(days=1)
    full = budgets.admit(Use(None), coins("60"), now=tomorrow)
    budgets.spend(full, coins("60"), now=tomorrow)
    assert budgets.admit(Use(None), coins("60"), now=tomorrow, hold=held)
    with pytest.raises(BudgetExceeded):
        budgets.admit(Use(None), coins("60.01"), now=tomorrow, hold=held)
    budgets.active = [msgspec.structs.replace(budgets.active[0], credit_limit=coins("1"))]
    assert budgets.admit(Use(None), coins("60"), now=NOW, hold=held)


def test_a_capture_cannot_use_what_it_did_not_reserve():
    budgets, held = kept("100", "60")
    budgets.active.append(budget("10", **SEARCH))
    with pytest.raises(BudgetExceeded):
        budgets.admit(Use(None, {"team": "search"}), coins("60"), now=NOW, hold=held)


def test_what_is_given_back_unseen_is_seen_by_what_is_loaded_later():
    """A hold that ended when the book was opened moves its counter before anything has loaded it."""
    limited = budget("100")
    stored: Counter = Budgets([limited]).of(Use(None), now=NOW)[0][1]
    stored.spent, stored.held = coins("40"), coins("60")
    budgets = Budgets([limited])
    budgets.release(hold("60", (stored.id,)))
    budgets.give_back((stored.id,), coins("10"))
    budgets.load(stored)
    ((_, counter),) = budgets.of(Use(None), now=NOW)
    assert (counter.spent, counter.held) == (coins("30"), NO_CREDITS)
    assert budgets.moved[stored.id].held == coins("-60")


def told(budgets: Budgets) -> list[tuple[str, str]]:
    found = [(each.what, str(each.counter.used)) for each in budgets.told]
    budgets.told = []
    return found


def test_alert_and_limit_are_told_once_a_window():
    budgets = Budgets([budget("100", alert_percent=80)])

    def use(amount, now=NOW):
        budgets.spend(budgets.admit(Use(None), coins(amount), now=now), coins(amount), now=now)
        return told(budgets)

    assert use("79.99") == []
    assert use("0.01") == [("alert_reached", "80")]
    assert use("10") == []
    with pytest.raises(BudgetExceeded) as refused:
        use("10.01")
    budgets.note_refusal(refused.value, now=NOW)
    assert told(budgets) == [("exceeded", "90")]
    budgets.note_refusal(refused.value, now=NOW)
    assert told(budgets) == []
    assert use("10") == []
    assert use("100", NOW + timedelta(days=1)) == [("alert_reached", "100"), ("exceeded", "100")]


def test_a_soft_budget_only_tells():
    budgets = Budgets([budget("100", hard=False)])
    for amount, expected in (("99", []), ("5", [("exceeded", "104")]), ("500", [])):
        budgets.spend(budgets.admit(Use(None), coins(amount), now=NOW), coins(amount), now=NOW)
        assert told(budgets) == expected


def test_without_windows_it_counts_from_its_beginning():
    forever = budget("100", window_kind="none")
    budgets = Budgets([forever])
    for days in (0, 1, 400):
        ((_, counter),) = budgets.of(Use(None), now=NOW + timedelta(days=days))
        assert (counter.window_start, counter.window_end) == (forever.created_at, None)
