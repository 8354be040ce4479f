"""The calendar of grant schedules: month ends, leap years, zones; and which period comes next."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from replenish.core import ids
from replenish.core.money import Credits
from replenish.schedules.model import Cadence, Schedule
from replenish.schedules.periods import exists, next_start, start, start_of

ANCHOR = datetime(2027, 1, 31, 9, 30, tzinfo=UTC)


def schedule(**facts: object) -> Schedule:
    return Schedule(
        **(
            {
                "customer_id": ids.CUSTOMER.new(),
                "id": ids.GRANT_SCHEDULE.new(),
                "workspace_id": ids.WORKSPACE.new(),
                "wallet_id": ids.WALLET.new(),
                "name": "Plan",
                "state": "active",
                "cadence": "monthly",
                "every": 1,
                "time_zone": "UTC",
                "starts_at": ANCHOR,
                "ends_at": None,
                "periods_max": None,
                "amount": Credits(10),
                "target": None,
                "valid_duration_value": None,
                "valid_duration_unit": "days",
                "rollover_amount_max": None,
                "category": "promotional",
                "priority": 50,
                "scope": [],
                "metadata": {},
                "created_at": ANCHOR,
                "updated_at": ANCHOR,
            }
            | facts
        )  # type: ignore[arg-type] # each test knows which fields it sets
    )


@pytest.mark.parametrize(
    ("cadence", "every", "anchor", "starts"),
    [
        ("weekly", 1, "2027-01-31", ["2027-01-31", "2027-02-07", "2027-02-14"]),
        ("weekly", 2, "2027-12-20", ["2027-12-20", "2028-01-03", "2028-01-17"]),
        # Always from the anchor: the short February does not make all later months short.
        ("monthly", 1, "2027-01-31", ["2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31"]),
        ("monthly", 1, "2028-01-31", ["2028-01-31", "2028-02-29", "2028-03-31"]),
        ("monthly", 1, "2027-01-29", ["2027-01-29", "2027-02-28", "2027-03-29"]),
        ("monthly", 2, "2027-12-31", ["2027-12-31", "2028-02-29", "2028-04-30", "2028-06-30", "2028-08-31"]),
        ("quarterly", 1, "2027-11-30", ["2027-11-30", "2028-02-29", "2028-05-30", "2028-08-30"]),
        ("quarterly", 2, "2027-08-31", ["2027-08-31", "2028-02-29", "2028-08-31"]),
        ("yearly", 1, "2028-02-29", ["2028-02-29", "2029-02-28", "2030-02-28", "2031-02-28", "2032-02-29"]),
        ("yearly", 4, "2096-02-29", ["2096-02-29", "2100-02-28", "2104-02-29"]),
        ("monthly", 12, "2028-02-29", ["2028-02-29", "2029-02-28", "2030-02-28", "2031-02-28", "2032-02-29"]),
    ],
)
def test_days_do_not_drift(cadence: Cadence, every: int, anchor: str, starts: list[str]) -> None:
    at = datetime.fromisoformat(f"{anchor}T09:30:00.000001+00:00")
    found = [start(cadence, every=every, anchor=at, zone="UTC", number=number) for number in range(1, len(starts) + 1)]
    assert found == [datetime.fromisoformat(f"{day}T09:30:00.000001+00:00") for day in starts]


@pytest.mark.parametrize(
    ("zone", "cadence", "anchor", "starts"),
    [
        # Midnight in Berlin, in winter and in summer.
        ("Europe/Berlin", "monthly", "2027-02-28T23:00", ["2027-02-28T23:00", "2027-03-31T22:00", "2027-04-30T22:00"]),
        # The day is the zone's, not UTC's: 31 January there.
        (
            "Pacific/Auckland",
            "monthly",
            "2027-01-30T20:00",
            ["2027-01-30T20:00", "2027-02-27T20:00", "2027-03-30T20:00"],
        ),
        # 02:30 on 28 March 2027 is not there: an hour later by the clock.
        ("Europe/Berlin", "weekly", "2027-03-21T01:30", ["2027-03-21T01:30", "2027-03-28T01:30", "2027-04-04T00:30"]),
        # 02:30 on 31 October 2027 is there twice: the first of them.
        ("Europe/Berlin", "weekly", "2027-10-24T00:30", ["2027-10-24T00:30", "2027-10-31T00:30", "2027-11-07T01:30"]),
        # An anchor in the second of them stays what it is; a week later there is only one.
        ("Europe/Berlin", "weekly", "2027-10-31T01:30", ["2027-10-31T01:30", "2027-11-07T01:30"]),
        ("America/New_York", "yearly", "2028-02-29T05:00", ["2028-02-29T05:00", "2029-02-28T05:00"]),
        ("Asia/Kathmandu", "quarterly", "2027-01-30T18:15", ["2027-01-30T18:15", "2027-04-29T18:15"]),
    ],
)
def test_the_wall_clock_of_the_zone_is_kept(zone: str, cadence: Cadence, anchor: str, starts: list[str]) -> None:
    at = datetime.fromisoformat(f"{anchor}+00:00")
    found = [start(cadence, every=1, anchor=at, zone=zone, number=number) for number in range(1, len(starts) + 1)]
    assert found == [datetime.fromisoformat(f"{each}+00:00") for each in starts]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe"])
@pytest.mark.parametrize("cadence", ["weekly", "monthly", "quarterly", "yearly"])
def test_each_period_is_later_than_the_one_before(cadence: Cadence, zone: str) -> None:
    anchor = datetime(2024, 2, 29, 2, 30, tzinfo=UTC)
    starts = [start(cadence, every=1, anchor=anchor, zone=zone, number=number) for number in range(1, 200)]
    assert starts[0] == anchor
    gaps = {after - before for before, after in itertools.pairwise(starts)}
    assert min(gaps) >= timedelta(days=6, hours=22)


@pytest.mark.parametrize(
    ("facts", "there"),
    [
        ({}, 12),
        ({"periods_max": 3}, 3),
        ({"ends_at": start_of(schedule(), 4)}, 3),  # no period starts at the end itself
        ({"ends_at": start_of(schedule(), 4) + timedelta(microseconds=1)}, 4),
        ({"ends_at": start_of(schedule(), 4), "periods_max": 2}, 2),
    ],
)
def test_a_schedule_has_as_many_periods_as_it_says(facts: dict[str, object], there: int) -> None:
    made = schedule(**facts)
    assert [exists(made, number) for number in range(1, 13)] == [number <= there for number in range(1, 13)]


@pytest.mark.parametrize(
    ("facts", "now", "number"),
    [
        ({}, ANCHOR - timedelta(days=1), 1),
        ({"next_number": 2}, ANCHOR, 2),
        # Granted ahead: what comes next is decided already.
        ({"next_number": 3}, start_of(schedule(), 2) - timedelta(minutes=5), 2),
        ({"next_number": 3}, start_of(schedule(), 2), 3),
        ({"next_number": 3, "periods_max": 2}, start_of(schedule(), 2) - timedelta(minutes=5), 2),
        ({"next_number": 3, "periods_max": 2}, start_of(schedule(), 2), None),
        ({"state": "paused"}, ANCHOR, None),
        ({"state": "cancelled"}, ANCHOR, None),
        ({"state": "ended"}, ANCHOR, None),
    ],
)
def test_when_credits_come_next(facts: dict[str, object], now: datetime, number: int | None) -> None:
    made = schedule(**facts)
    assert next_start(made, now=now) == (None if number is None else start_of(made, number))
