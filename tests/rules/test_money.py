"""Law 5: amounts are exact, credits and money never mix, and nothing but an amount gets in from outside."""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import Decimal, Inexact, InvalidOperation
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replenish.core.errors import Invalid
from replenish.core.money import (
    NO_CREDITS,
    WHOLE_DIGITS_MAX,
    Credits,
    Money,
    ceil_to,
    decimals_of,
    floor_to,
    grouped,
    parse_decimal,
    parse_positive,
    plain,
)

BIG = "9" * WHOLE_DIGITS_MAX + "." + "9" * 18
MAKERS: list[Callable[[str], Any]] = [
    lambda text: Credits(Decimal(text)),
    lambda text: Money(Decimal(text), "USD"),
]
both = pytest.mark.parametrize("make", MAKERS, ids=["credits", "money"])


@both
def test_law_05_sums_differences_and_multiples(make: Callable[[str], Any]) -> None:
    assert make("0.1") + make("0.2") == make("0.3")
    assert make("0.1") - make("0.3") == make("-0.2")
    assert make("1.05").times(3) == make("3.15")
    assert make(BIG) + make(BIG) == make(BIG).times(2)
    assert make(BIG) - make(BIG) == make("0")
    assert type(make("1") + make("1")) is type(make("1") - make("1")) is type(make("1").times(2)) is type(make("1"))


@both
def test_law_05_what_does_not_fit_is_an_error_and_never_rounded(make: Callable[[str], Any]) -> None:
    for compute in (lambda a, b: a + b, lambda a, b: a - b, lambda a, _: a.times(10**130 + 1)):
        with pytest.raises(Inexact):
            compute(make("1e100"), make("1e-100"))


COMPARED = [
    (operator.lt, True, False),
    (operator.le, True, True),
    (operator.gt, False, False),
    (operator.ge, False, True),
]


@both
@pytest.mark.parametrize(("compare", "less", "same"), COMPARED)
def test_amounts_have_an_order(make: Callable[[str], Any], compare: Any, less: bool, same: bool) -> None:
    assert compare(make("1.5"), make("2")) is less
    assert compare(make("2"), make("2.00")) is same
    assert compare(make("2"), make("1.5")) is not less


@both
def test_amounts_are_equal_by_value(make: Callable[[str], Any]) -> None:
    assert make("2") == make("2.00")
    assert hash(make("2")) == hash(make("2.00"))
    assert len({make("2"), make("2.00"), make("3")}) == 2
    assert hash(make("2")) != hash(make("3"))
    assert make("2") != make("3")
    assert make("2") != Decimal(2)
    assert make("2") != 2
    assert not make("0.00")
    assert make("0.01")
    assert make("-1")


def test_credits_and_money_and_currencies_are_different_things() -> None:
    dollars, euros, credit = Money(2, "USD"), Money(2, "EUR"), Credits(2)
    assert len({dollars, euros, credit, Decimal(2)}) == 4
    assert len({hash(dollars), hash(euros), hash(credit), hash(Decimal(2))}) == 4
    assert dollars != euros
    assert dollars != credit
    assert credit != dollars


BOTH_SIDES = [operator.add, operator.sub, operator.lt, operator.le, operator.gt, operator.ge]


@pytest.mark.parametrize("compute", BOTH_SIDES)
def test_law_05_what_does_not_mix_is_an_error(compute: Callable[[Any, Any], object]) -> None:
    for stranger in (Money(1, "EUR"), Credits(1), Decimal(1), 1, "1", None):
        with pytest.raises(TypeError):
            compute(Money(1, "USD"), stranger)
    for stranger in (Money(1, "USD"), Decimal(1), 1, 1.0, "1", None):
        with pytest.raises(TypeError):
            compute(Credits(1), stranger)


def test_an_error_says_what_did_not_mix() -> None:
    with pytest.raises(TypeError) as mixed:
        _ = Money(Decimal("1.50"), "USD") + Money(2, "EUR")
    assert str(mixed.value) == "Money(1.5 USD) and Money(2 EUR) do not mix"
    with pytest.raises(TypeError) as bare:
        _ = Credits(1) + 1  # pyright: ignore[reportOperatorIssue]  # what is tested
    assert str(bare.value) == "credits do not mix with int"


def test_whole_numbers_are_amounts_too() -> None:
    assert type(Credits(3).value) is type(Money(3, "USD").amount) is Decimal
    given_ = Decimal("1.5")
    assert Credits(given_).value is given_
    assert Money(given_, "USD").amount is given_
    assert -Credits(Decimal("1.5")) == Credits(Decimal("-1.5"))
    assert -Credits(Decimal(BIG)) == Credits(Decimal("-" + BIG))
    assert Credits(0) == NO_CREDITS


def test_amounts_as_text() -> None:
    assert (str(Credits(Decimal("12.50"))), repr(Credits(Decimal("12.50")))) == ("12.5", "Credits(12.5)")
    assert (str(Money(Decimal("12.50"), "USD")), repr(Money(12, "USD"))) == ("12.5 USD", "Money(12 USD)")
    assert Money(1, "USD").times(2).currency == "USD"
    assert ((Money(1, "USD") + Money(1, "USD")).currency, (Money(1, "USD") - Money(1, "USD")).currency) == ("USD",) * 2


PLAIN = [
    # value, decimals, text
    ("0", None, "0"),
    ("-0", None, "0"),
    ("0.00", None, "0"),
    ("0E-18", None, "0"),
    ("0", 2, "0.00"),
    ("100", None, "100"),
    ("100.0", None, "100"),
    ("100.10", None, "100.1"),
    ("1E+3", None, "1000"),
    ("-1E+3", 1, "-1000.0"),
    ("1E-18", None, "0.000000000000000001"),
    ("12.5", 2, "12.50"),
    ("12.50", 0, "12.5"),
    ("12", 2, "12.00"),
    ("12", 0, "12"),
    ("12.345", 2, "12.345"),
    (BIG, None, BIG),
]


@pytest.mark.parametrize(("value", "decimals", "text"), PLAIN)
def test_text_without_exponent_and_trailing_zeros(value: str, decimals: int | None, text: str) -> None:
    assert plain(Decimal(value), decimals=decimals) == text


GROUPED = [
    ("49907.50", "49,907.5"),
    ("1234567", "1,234,567"),
    ("999", "999"),
    ("-1234.5", "-1,234.5"),
    ("0.5", "0.5"),
    ("-0.5", "-0.5"),
    ("0", "0"),
    (BIG, "999,999,999,999,999,999,999." + "9" * 18),
]


@pytest.mark.parametrize(("value", "text"), GROUPED)
def test_text_that_people_read(value: str, text: str) -> None:
    assert grouped(Decimal(value)) == text
    assert grouped(Credits(Decimal(value))) == text


@pytest.mark.parametrize(
    ("value", "digits"), [("0", 0), ("100", 0), ("1E+5", 0), ("1.50", 1), ("0.000768", 6), ("1E-18", 18), (BIG, 18)]
)
def test_decimals_are_counted_without_trailing_zeros(value: str, digits: int) -> None:
    assert decimals_of(Decimal(value)) == digits


def test_what_is_no_number_has_no_decimals() -> None:
    assert decimals_of(Decimal("Infinity")) == 0
    with pytest.raises(InvalidOperation):
        decimals_of(Decimal("sNaN"))


READ = [
    # text, decimals, value
    ("12.50", 2, "12.50"),
    ("+12.5", 1, "12.5"),
    ("-12.5", 1, "-12.5"),
    ("0012", 0, "12"),
    ("12.500", 1, "12.5"),
    ("12.0", 0, "12"),
    ("0.000000000000000001", 18, "1E-18"),
    ("9" * 21, 0, "9" * 21),
    ("0" * 10 + "9" * 21, 0, "9" * 21),
    ("9" * 21 + "." + "0" * 42, 0, "9" * 21),
]


@pytest.mark.parametrize(("text", "decimals", "value"), READ)
def test_text_becomes_an_amount(text: str, decimals: int, value: str) -> None:
    assert parse_decimal(text, field="amount", decimals=decimals) == Decimal(value)


@pytest.mark.parametrize("text", ["0", "-0", "0.00", "+0"])
def test_nothing_is_nothing_without_a_sign(text: str) -> None:
    assert str(parse_decimal(text, field="amount", decimals=2)) == "0"


NO_NUMBER = [
    *("", " ", "1 ", " 1", "-", "+", ".", "1.", ".5", "-.5", "1.2.3", "1,5", "1_0", "--1", "+-1", "1-", "1.-5", "1.+5"),
    *("1e3", "1E3", "nan", "NaN", "inf", "Infinity", "0x1", "one", "1.5e", "1.x", "x.1", "X1"),
    *("\u0661", "1.\u0661", "\u00b2", "\uff11", "1\n", "\u22121"),
]


def refusal(text: str, **more: Any) -> tuple[str, str, str]:
    with pytest.raises(Invalid) as refused:
        parse_decimal(text, field="price", **({"decimals": 2} | more))
    return refused.value.field, refused.value.own_code, refused.value.detail


@pytest.mark.parametrize("text", NO_NUMBER)
def test_what_is_no_amount_is_refused_by_name(text: str) -> None:
    field, code, detail = refusal(text)
    assert (field, detail) == ("price", f"{text!r} is not a decimal amount such as '12.50'")
    assert code != "too_many_decimals"


def test_amounts_out_of_bounds_are_refused() -> None:
    assert refusal("1.005") == ("price", "too_many_decimals", "at most 2 decimals are allowed here")
    assert refusal("0.1", decimals=0)[1] == "too_many_decimals"
    assert refusal("1" + "0" * 21)[::2] == ("price", "an amount has at most 21 digits before the point")
    assert refusal("0" * 65)[::2] == ("price", "an amount has at most 64 characters")
    assert parse_decimal("0" * 64, field="price", decimals=2) == 0
    assert refusal("1.99", minimum=Decimal("2.50"))[::2] == ("price", "must be at least 2.5")
    assert parse_decimal("2.5", field="price", decimals=2, minimum=Decimal("2.50")) == Decimal("2.5")
    assert refusal("-0.01", minimum=Decimal(0))[2] == "must be at least 0"


@pytest.mark.parametrize("text", ["0", "-0.00", "-1", "-0.01"])
def test_a_positive_amount_is_more_than_nothing(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_positive(text, field="amount", decimals=2)
    assert (refused.value.field, refused.value.detail) == ("amount", "must be greater than 0")


def test_a_positive_amount_is_read_like_any() -> None:
    assert parse_positive("0.01", field="amount", decimals=2) == Decimal("0.01")
    with pytest.raises(Invalid) as refused:
        parse_positive("0.01", field="amount", decimals=1)
    assert refused.value.field == "amount"


ROUNDED = [
    # value, decimals, floor, ceiling
    ("1.239", 2, "1.23", "1.24"),
    ("1.231", 2, "1.23", "1.24"),
    ("-1.231", 2, "-1.24", "-1.23"),
    ("1.23", 2, "1.23", "1.23"),
    ("1", 2, "1", "1"),
    ("0.999", 0, "0", "1"),
    ("0." + "0" * 35 + "1", 18, "0", "0.000000000000000001"),
    ("9" * 42 + "." + "9" * 36, 18, "9" * 42 + "." + "9" * 18, "1" + "0" * 42),
]


@pytest.mark.parametrize(("value", "decimals", "low", "high"), ROUNDED)
def test_law_05_debits_round_down_and_holds_round_up(value: str, decimals: int, low: str, high: str) -> None:
    assert floor_to(Decimal(value), decimals) == Decimal(low)
    assert ceil_to(Decimal(value), decimals) == Decimal(high)


def test_rounding_gives_the_scale_that_was_asked_for() -> None:
    assert (str(floor_to(Decimal(1), 2)), str(ceil_to(Decimal(1), 2))) == ("1.00", "1.00")


values = st.decimals(min_value="-1e15", max_value="1e15", places=18)


@given(value=values, other=values, decimals=st.integers(0, 18))
def test_law_05_arithmetic_is_that_of_fractions(value: Decimal, other: Decimal, decimals: int) -> None:
    assert Fraction((Credits(value) + Credits(other)).value) == Fraction(value) + Fraction(other)
    assert Fraction((Money(value, "X") - Money(other, "X")).amount) == Fraction(value) - Fraction(other)
    unit = Fraction(1, 10**decimals)
    assert Fraction(floor_to(value, decimals)) == Fraction(value) // unit * unit
    assert Fraction(ceil_to(value, decimals)) == -(-Fraction(value) // unit * unit)
    assert parse_decimal(plain(value), field="x", decimals=18) == value
