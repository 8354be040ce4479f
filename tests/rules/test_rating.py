"""What an event costs, and when credits expire: tables, no database."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from replenish.catalog.model import Aggregation, DurationUnit, Meter, expiry
from replenish.catalog.rating import rate
from replenish.core.ids import CurrencyId, MeterId, WorkspaceId

START = datetime(2026, 11, 23, 2, 24, 42, 123456, tzinfo=UTC)
NOBODY = UUID(int=0)


def meter(aggregation: Aggregation, credits_per_unit: str) -> Meter:
    return Meter(
        id=MeterId(NOBODY),
        workspace_id=WorkspaceId(NOBODY),
        name="API calls",
        event_name="api_call",
        lookup_key=None,
        aggregation=aggregation,
        unit="calls",
        description="",
        status="active",
        currency_id=CurrencyId(NOBODY),
        credits_per_unit=Decimal(credits_per_unit),
        metadata={},
        created_at=START,
    )


RATES: list[tuple[Aggregation, str, str, str]] = [
    # aggregation, credits per unit, value, price
    ("sum", "1", "0", "0"),
    ("sum", "1", "5", "5"),
    ("sum", "0", "5", "0"),
    ("sum", "0.000768", "1", "0.000768"),
    ("sum", "0.000768", "1000000", "768"),
    ("sum", "1.5", "-2", "-3"),
    ("sum", "0.000000000000000001", "0.000000000000000001", "0.000000000000000000000000000000000001"),
    ("sum", "9" * 21, "9" * 21, "999999999999999999998000000000000000000001"),
    ("count", "1", "5", "1"),
    ("count", "0.25", "1000", "0.25"),
    ("count", "0.25", "0", "0.25"),
]


@pytest.mark.parametrize(("aggregation", "credits_per_unit", "value", "price"), RATES)
def test_law_05_a_price_is_exact(aggregation: Aggregation, credits_per_unit: str, value: str, price: str) -> None:
    assert rate(meter(aggregation, credits_per_unit), Decimal(value)) == Decimal(price)


def test_law_05_a_million_small_events_cost_their_sum() -> None:
    one = rate(meter("sum", "0.000768"), Decimal(1))
    assert sum((one for _ in range(1_000_000)), Decimal(0)) == Decimal(768)


def test_a_meter_of_an_unknown_kind_is_an_error_and_never_free() -> None:
    with pytest.raises(AssertionError, match="max"):
        rate(meter("max", "1"), Decimal(1))  # pyright: ignore[reportArgumentType]  # what is tested


ENDS: list[tuple[str, int, DurationUnit, str | None]] = [
    # start, value, unit, end
    ("2026-11-23T02:24:42.123456", 0, "days", None),
    ("2026-11-23T02:24:42.123456", 1, "hours", "2026-11-23T03:24:42.123456"),
    ("2026-11-23T02:24:42.123456", 30, "days", "2026-12-23T02:24:42.123456"),
    ("2026-11-23T02:24:42", 2, "weeks", "2026-12-07T02:24:42"),
    ("2026-11-23T02:24:42", 1, "months", "2026-12-23T02:24:42"),
    ("2026-12-31T23:59:59", 1, "months", "2027-01-31T23:59:59"),
    ("2027-01-31T00:00:00", 1, "months", "2027-02-28T00:00:00"),
    ("2028-01-31T00:00:00", 1, "months", "2028-02-29T00:00:00"),
    ("2027-01-31T00:00:00", 13, "months", "2028-02-29T00:00:00"),
    ("2028-02-29T00:00:00", 1, "years", "2029-02-28T00:00:00"),
    ("2028-02-29T00:00:00", 4, "years", "2032-02-29T00:00:00"),
    ("2999-12-31T23:59:59", 100, "years", "3099-12-31T23:59:59"),
]


@pytest.mark.parametrize(("start", "value", "unit", "end"), ENDS)
def test_credits_expire_when_the_calendar_says(start: str, value: int, unit: DurationUnit, end: str | None) -> None:
    begun = datetime.fromisoformat(start).replace(tzinfo=UTC)
    expected = None if end is None else datetime.fromisoformat(end).replace(tzinfo=UTC)
    assert expiry(begun, value=value, unit=unit) == expected
