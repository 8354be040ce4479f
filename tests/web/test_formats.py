"""How amounts and times are written, as tables."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext

import pytest

from replenish.core.money import EXACT, Credits, Money
from replenish.web import formats

MOMENT = datetime(2026, 11, 23, 2, 15, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (200_000, "200,000"),
        (Credits(Decimal("1234.50")), "1,234.5"),
        (Decimal("-0.000768"), "-0.000768"),
        # 39 digits: any float, and any default decimal context, would lose some.
        (Decimal("123456789012345678901.123456789012345678"), "123,456,789,012,345,678,901.123456789012345678"),
        (Decimal("1E+6"), "1,000,000"),
    ],
)
def test_numbers(value: formats.Amount, text: str) -> None:
    # The program may trap inexact arithmetic everywhere; formatting must neither round nor trip over that.
    with localcontext(EXACT):
        assert formats.number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Money(Decimal("12.5"), "USD"), "$12.50"),
        (Money(10, "USDC"), "10 USDC"),
        (Money(Decimal("10.000000"), "USDC"), "10 USDC"),
        (Money(Decimal("1234567.89"), "EUR"), "€1,234,567.89"),
        (Money(1000, "JPY"), "¥1,000"),
        (Money(Decimal("0.000123"), "USD"), "$0.000123"),
        (Money(Decimal(-5), "USD"), "-$5.00"),
        (Money(Decimal("0.000000000000000001"), "ETH"), "0.000000000000000001 ETH"),
        (Money(Decimal("123456789012345678901.12"), "USD"), "$123,456,789,012,345,678,901.12"),
    ],
)
def test_money(value: Money, text: str) -> None:
    assert formats.money_text(value) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (Credits(200_000), "credits", "200,000 credits"),
        (Credits(1), "credits", "1 credit"),
        (Credits(1), "API calls", "1 API calls"),
        (Credits(Decimal("0.5")), "minutes", "0.5 minutes"),
    ],
)
def test_credits(value: Credits, unit: str, text: str) -> None:
    assert formats.credits_text(value, unit) == text


@pytest.mark.parametrize("wrong", [1.5, True, "12", None, float("nan")])
@pytest.mark.parametrize(
    "write", [formats.number, formats.credits_text, lambda value: formats.money_text(value, "USD")]
)
def test_what_is_no_exact_amount_is_refused(write: Callable[[object], str], wrong: object) -> None:
    with pytest.raises(TypeError, match="exact"):
        write(wrong)


def test_numbers_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="no amount"):
        formats.number(Decimal("Infinity"))
    with pytest.raises(TypeError, match="without a currency"):
        formats.money_text(5)


@pytest.mark.parametrize(
    ("zone", "time", "day"),
    [
        ("UTC", "Nov 23, 2026, 2:15\u202fAM UTC", "Nov 23, 2026"),
        ("America/New_York", "Nov 22, 2026, 9:15\u202fPM EST", "Nov 22, 2026"),
        ("Europe/Berlin", "Nov 23, 2026, 3:15\u202fAM CET", "Nov 23, 2026"),
        ("America/Sao_Paulo", "Nov 22, 2026, 11:15\u202fPM UTC-03", "Nov 22, 2026"),
    ],
)
def test_times_are_the_workspaces(zone: str, time: str, day: str) -> None:
    assert formats.time_text(MOMENT, zone) == time.replace("\u202f", " ")
    assert formats.date_text(MOMENT, zone) == day
    assert 'datetime="2026-11-23T02:15:59Z"' in formats.time_tag(MOMENT, zone)


def test_a_day_is_no_moment() -> None:
    assert formats.date_text(date(2026, 11, 23), "America/New_York") == "Nov 23, 2026"
    with pytest.raises(ValueError, match="time zone"):
        formats.time_text(datetime(2026, 11, 23, 2, 15))  # noqa: DTZ001 - a naive time is what is refused


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (timedelta(0), "no expiry"),
        (timedelta(days=30), "30 days"),
        (timedelta(days=1), "1 day"),
        (timedelta(hours=36), "36 hours"),
        (timedelta(minutes=90), "90 minutes"),
        (timedelta(seconds=61), "61 seconds"),
        (timedelta(days=3650), "3,650 days"),
    ],
)
def test_durations(value: timedelta, text: str) -> None:
    assert formats.duration_text(value) == text
