"""What one period grants, when it is decided, and which schedules are refused."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from tests.rules.test_grant_periods import ANCHOR, schedule

from replenish.core import ids
from replenish.core.errors import Invalid
from replenish.core.money import Credits
from replenish.schedules.model import Draft, in_words
from replenish.schedules.periods import start_of
from replenish.schedules.policy import (
    AHEAD,
    Grant,
    Skip,
    carry,
    check,
    decide,
    decided_at,
    granted_ahead,
    to_carry_into,
)

NOW = datetime(2027, 6, 1, tzinfo=UTC)
LATER = NOW + timedelta(days=30)
TARGET = {"amount": None, "target": Credits(100), "valid_duration_value": 0}


# By descending precedence: each row frees one cell of the row above.
@pytest.mark.parametrize(
    ("facts", "expires_at", "own", "verdict"),
    [
        ({"state": "paused"}, NOW, 0, Skip("paused")),
        ({}, NOW, 0, Skip("missed")),
        ({}, NOW + timedelta(microseconds=1), 0, 10),
        ({}, None, 0, 10),
        ({}, LATER, 50, 10),
        (TARGET, None, 0, 100),
        (TARGET, None, 30, 70),
        (TARGET, None, Decimal("99.99"), Decimal("0.01")),
        (TARGET, None, 100, Skip("full")),
        (TARGET, None, 130, Skip("full")),
        # Its lots end with their periods, so that what is there now will not be at the start.
        ({**TARGET, "valid_duration_value": None}, LATER, 30, 100),
    ],
)
def test_what_a_period_grants(facts, expires_at, own, verdict) -> None:
    found = decide(schedule(**facts), expires_at=expires_at, own=Credits(own), now=NOW)
    assert found == (verdict if isinstance(verdict, Skip) else Grant(Credits(verdict), expires_at))


@pytest.mark.parametrize(
    ("limit", "left", "ends_at", "carried"),
    [
        (None, 6, LATER, 0),
        (5, 6, NOW, 0),
        (5, 0, LATER, 0),
        (5, 4, LATER, 4),
        (5, 5, LATER, 5),
        (5, 6, LATER, 5),
    ],
)
def test_what_is_carried_over(limit: int | None, left: int, ends_at: datetime, carried: int) -> None:
    made = schedule(rollover_amount_max=None if limit is None else Credits(limit))
    assert carry(made, left=Credits(left), ends_at=ends_at, now=NOW) == Credits(carried)


def test_what_is_left_is_carried_over_when_its_period_has_begun() -> None:
    rolling = schedule(rollover_amount_max=Credits(5), next_number=3, carried_number=1)
    assert (to_carry_into(rolling), decided_at(rolling)) == (2, start_of(rolling, 2))
    carried = msgspec.structs.replace(rolling, carried_number=2)
    assert (to_carry_into(carried), decided_at(carried)) == (None, start_of(rolling, 3) - AHEAD)
    assert to_carry_into(msgspec.structs.replace(rolling, rollover_amount_max=None)) is None


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({}, "10 every month"),
        ({"amount": Credits(200_000), "cadence": "yearly"}, "200,000 every year"),
        ({"cadence": "weekly", "every": 2}, "10 every 2 weeks"),
        (TARGET, "up to 100 every month"),
        ({**TARGET, "cadence": "quarterly", "every": 3}, "up to 100 every 3 quarters"),
    ],
)
def test_what_it_grants_in_words(facts, words: str) -> None:
    assert in_words(schedule(**facts)) == words


@pytest.mark.parametrize(
    ("facts", "ahead"),
    [
        ({}, True),
        ({"valid_duration_value": 0}, True),
        ({"rollover_amount_max": Credits(5), "carried_number": 1}, True),
        ({"state": "paused"}, False),
        (TARGET, False),
        ({**TARGET, "valid_duration_value": None}, True),
    ],
)
def test_what_is_known_before_is_granted_ahead(facts, ahead: bool) -> None:
    made = schedule(**facts, next_number=2)
    assert granted_ahead(made) == ahead
    assert decided_at(made) == start_of(made, 2) - (AHEAD if ahead else timedelta(0))


def test_after_the_last_period_has_begun_the_schedule_ends() -> None:
    made = schedule(periods_max=2)
    assert decided_at(msgspec.structs.replace(made, next_number=2)) == start_of(made, 2) - AHEAD
    assert decided_at(msgspec.structs.replace(made, next_number=3)) == start_of(made, 2)
    assert decided_at(msgspec.structs.replace(made, state="cancelled")) is None
    assert decided_at(schedule(ends_at=ANCHOR)) == ANCHOR  # an end that was moved before the first period


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"amount": None}, "amount"),
        ({"target": Credits(5)}, "amount"),
        ({"amount": Credits(0)}, "amount"),
        ({"amount": None, "target": Credits(-1)}, "target"),
        ({"every": 0}, "every"),
        ({"every": 101}, "every"),
        ({"valid_duration_value": -1}, "valid_duration_value"),
        ({"valid_duration_value": 101, "valid_duration_unit": "years"}, "valid_duration_value"),
        ({"rollover_amount_max": Credits(0)}, "rollover_amount_max"),
        ({"rollover_amount_max": Credits(5), "valid_duration_value": 0}, "rollover_amount_max"),
        ({"rollover_amount_max": Credits(5), "amount": None, "target": Credits(9)}, "rollover_amount_max"),
        ({"starts_at": NOW - timedelta(days=367)}, "starts_at"),
        ({"starts_at": datetime(2027, 6, 2)}, "starts_at"),  # noqa: DTZ001 - that is what is refused
        ({"ends_at": NOW}, "ends_at"),
        ({"starts_at": LATER, "ends_at": LATER}, "ends_at"),
        ({"periods_max": 0}, "periods_max"),
        ({"periods_max": 10_001}, "periods_max"),
        ({"name": "x" * 256}, "name"),
        ({"name": "a\0"}, "name"),
        ({"metadata": {"": 1}}, "metadata"),
        ({"scope": [ids.METER.new() for _ in range(51)]}, "scope"),
    ],
)
def test_what_could_not_be_granted_as_it_says_is_refused_by_name(facts, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        check(Draft(**({"cadence": "monthly", "amount": Credits(10)} | facts)), now=NOW)
    assert refused.value.field == field


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"starts_at": NOW - timedelta(days=366)},
        {"valid_duration_value": 100, "valid_duration_unit": "years"},
        {"rollover_amount_max": Credits(5), "periods_max": 1, "ends_at": LATER},
        {"amount": None, "target": Credits(1), "every": 100},
    ],
)
def test_what_can_is_not(facts) -> None:
    check(Draft(**({"cadence": "monthly", "amount": Credits(10)} | facts)), now=NOW)
