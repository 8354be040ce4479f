"""What an event costs, and when credits expire: tables, no database."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replenish.catalog.model import Aggregation, DurationUnit, Meter, expiry
from replenish.catalog.rates import (
    NO_CARD,
    FlatRate,
    GraduatedRate,
    PackageRate,
    Rate,
    RateCard,
    RateCardEntry,
    Tier,
    Unmatched,
)
from replenish.catalog.rating import Part, rate, tiers_of
from replenish.core.errors import Invalid
from replenish.core.ids import CurrencyId, MeterId, WorkspaceId
from replenish.core.metadata import Metadata, MetadataValue, as_text

START = datetime(2026, 11, 23, 2, 24, 42, 123456, tzinfo=UTC)
NOBODY = UUID(int=0)


def meter(
    aggregation: Aggregation,
    credits_per_unit: str,
    own: Rate | None = None,
    *,
    card: RateCard = NO_CARD,
    unmatched: Unmatched = "default",
) -> Meter:
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
        rate=own,
        rate_card=card,
        unmatched=unmatched,
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
    charge = rate(meter(aggregation, credits_per_unit), Decimal(value))
    assert (charge.type, charge.price, charge.rate) == ("flat", Decimal(price), Decimal(credits_per_unit))
    assert charge.units == (Decimal(value) if aggregation == "sum" else 1)
    assert not charge.parts


def test_law_05_a_million_small_events_cost_their_sum() -> None:
    one = rate(meter("sum", "0.000768"), Decimal(1)).price
    assert sum((one for _ in range(1_000_000)), Decimal(0)) == Decimal(768)


def test_a_meter_of_an_unknown_kind_is_an_error_and_never_free() -> None:
    with pytest.raises(AssertionError, match="max"):
        rate(meter("max", "1"), Decimal(1))  # pyright: ignore[reportArgumentType]  # what is tested


PACKAGES: list[tuple[str, str, str, str, str]] = [
    # package size, credits per package, value, packages, price
    ("1000", "2", "0", "0", "0"),
    ("1000", "2", "1", "1", "2"),
    ("1000", "2", "1000", "1", "2"),
    ("1000", "2", "1000.000000000000000001", "2", "4"),
    ("1000", "2", "2500", "3", "6"),
    ("0.1", "0.05", "0.3", "3", "0.15"),
    ("3", "0.1", "10", "4", "0.4"),
    ("1000", "0", "2500", "3", "0"),
    ("0.000000000000000001", "1", "9" * 21, "9" * 21 + "0" * 18, "9" * 21 + "0" * 18),
]


@pytest.mark.parametrize(("size", "each", "value", "packages", "price"), PACKAGES)
def test_law_05_packages_round_up_per_event(size: str, each: str, value: str, packages: str, price: str) -> None:
    charge = rate(meter("sum", "1", PackageRate(Decimal(size), Decimal(each))), Decimal(value))
    assert (charge.type, charge.price, charge.rate) == ("package", Decimal(price), Decimal(each))
    assert charge.parts == (Part(Decimal(packages), Decimal(each)),)
    assert (charge.package_size, charge.units) == (Decimal(size), Decimal(value))


# The first 100 units of a month cost 1, the next 900 half, the rest nothing.
TIERS = GraduatedRate(
    (
        Tier(Decimal(100), Decimal(1)),
        Tier(Decimal(1000), Decimal("0.5")),
        Tier(None, Decimal(0)),
    )
)
TIERED: list[tuple[str, str, list[tuple[str, str]], str]] = [
    # counted, value, parts (units at a rate), price
    ("0", "0", [("0", "1")], "0"),
    ("0", "100", [("100", "1")], "100"),
    ("0", "100.5", [("100", "1"), ("0.5", "0.5")], "100.25"),
    ("99", "2", [("1", "1"), ("1", "0.5")], "1.5"),
    ("100", "1", [("1", "0.5")], "0.5"),
    ("100", "0", [("0", "0.5")], "0"),
    ("0", "1001", [("100", "1"), ("900", "0.5"), ("1", "0")], "550"),
    ("1000", "7", [("7", "0")], "0"),
    ("5000", "7", [("7", "0")], "0"),
]


@pytest.mark.parametrize(("counted", "value", "parts", "price"), TIERED)
def test_law_05_each_unit_costs_what_its_tier_says(
    counted: str, value: str, parts: list[tuple[str, str]], price: str
) -> None:
    charge = rate(meter("sum", "7", TIERS), Decimal(value), counted=Decimal(counted))
    assert [(part.units, part.rate) for part in charge.parts] == [(Decimal(n), Decimal(each)) for n, each in parts]
    assert (charge.type, charge.price, charge.units) == ("graduated", Decimal(price), Decimal(value))
    assert charge.rate == Decimal(parts[-1][1])


def test_a_counting_meter_counts_one_unit_an_event_in_its_tiers() -> None:
    charge = rate(meter("count", "7", TIERS), Decimal(50), counted=Decimal(99))
    assert (charge.price, charge.units) == (Decimal(1), Decimal(1))


amounts = st.decimals(0, 2000, places=3)


@given(st.lists(amounts, max_size=8), amounts)
def test_law_05_tiers_cost_the_same_however_a_months_usage_is_split(values: list[Decimal], counted: Decimal) -> None:
    tiered = meter("sum", "7", TIERS)
    at, price = counted, Decimal(0)
    for value in values:
        charge = rate(tiered, value, counted=at)
        assert charge.price == sum((part.units * part.rate for part in charge.parts), Decimal(0))
        assert value == sum((part.units for part in charge.parts), Decimal(0))
        price += charge.price
        at += charge.units
    assert price == rate(tiered, sum(values, Decimal(0)), counted=counted).price


def entry(each: str, **properties: str | list[str]) -> RateCardEntry:
    listed = {name: [values] if isinstance(values, str) else values for name, values in properties.items()}
    return RateCardEntry(listed, FlatRate(Decimal(each)))


CARD = RateCard(
    [
        entry("8", model="large", kind="output"),
        entry("4", model="large"),
        entry("2", model=["small", "tiny"], kind=["input", "output"]),
        entry("1", cached="true"),
    ]
)
CARDED: list[tuple[Metadata | None, str]] = [
    # properties, rate of a unit (the meter's own is 16)
    ({"model": "large", "kind": "output"}, "8"),
    ({"kind": "output", "model": "large", "team": "search"}, "8"),
    ({"model": "large", "kind": "input"}, "4"),
    ({"model": "large"}, "4"),
    ({"model": "large", "cached": True}, "4"),
    ({"model": "tiny", "kind": "input"}, "2"),
    ({"model": "tiny"}, "16"),
    ({"model": "tiny", "cached": True}, "1"),
    ({"cached": "true"}, "1"),
    ({"cached": "True"}, "16"),
    ({"cached": 1}, "16"),
    ({"cached": None}, "16"),
    ({"Model": "large"}, "16"),
    ({}, "16"),
    (None, "16"),
]


@pytest.mark.parametrize(("properties", "each"), CARDED)
def test_the_first_entry_of_the_rate_card_that_matches_decides(properties: Metadata | None, each: str) -> None:
    charge = rate(meter("sum", "16", card=CARD), Decimal(3), properties=properties)
    assert (charge.type, charge.rate, charge.price, charge.units) == ("flat", Decimal(each), 3 * Decimal(each), 3)


@pytest.mark.parametrize("properties", [None, {"model": "huge"}])
def test_an_event_that_no_entry_matches_is_rejected_where_the_meter_says_so(properties: Metadata | None) -> None:
    strict = meter("sum", "16", card=CARD, unmatched="reject")
    with pytest.raises(
        Invalid, match=r"^match no entry of this meter's rate card, which looks at cached, kind, model$"
    ) as refused:
        rate(strict, Decimal(1), properties=properties)
    assert (refused.value.field, refused.value.own_code) == ("properties", "rate_not_found")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("large", "large"),
        ("", ""),
        (True, "true"),
        (False, "false"),
        (8, "8"),
        (-1, "-1"),
        (3.0, "3"),
        (0.5, "0.5"),
        (1e21, "1" + "0" * 21),
        (-(10**130) - 1, "-1" + "0" * 129 + "1"),
        (None, None),
    ],
)
def test_values_of_properties_are_compared_as_text(value: MetadataValue, text: str | None) -> None:
    assert as_text(value) == text


def test_a_rate_card_comes_back_from_the_json_that_is_kept() -> None:
    card = RateCard([*CARD.entries, RateCardEntry({"model": ["huge"]}, TIERS)])
    stored = msgspec.json.decode(msgspec.json.encode(card.entries))
    assert RateCard.of(stored) == card
    assert card not in (CARD, NO_CARD, card.entries)


def test_a_meter_counts_months_where_any_of_its_rates_has_tiers() -> None:
    tiered = RateCard([*CARD.entries, RateCardEntry({"model": ["huge"]}, TIERS)])
    packages = PackageRate(Decimal(10), Decimal(1))
    counting = [meter("sum", "1", TIERS), meter("sum", "1", card=tiered), meter("sum", "1", packages, card=tiered)]
    others = [meter("sum", "1"), meter("sum", "1", packages), meter("sum", "1", card=CARD)]
    assert [each.counts_months for each in counting + others] == [True] * 3 + [False] * 3


TIERED_CARD = RateCard(
    [
        RateCardEntry({"model": ["huge", "big"], "kind": ["in"]}, TIERS),
        RateCardEntry({"model": ["large"]}, FlatRate(Decimal(2))),
    ]
)


@pytest.mark.parametrize(
    ("properties", "own", "key"),
    [
        ({"model": "huge", "kind": "in"}, None, '{"kind":["in"],"model":["big","huge"]}'),
        ({"model": "big", "kind": "in", "team": "x"}, TIERS, '{"kind":["in"],"model":["big","huge"]}'),
        ({"model": "large"}, TIERS, None),
        ({"model": "other"}, TIERS, ""),
        (None, TIERS, ""),
        ({"model": "other"}, None, None),
        ({"model": "other"}, PackageRate(Decimal(10), Decimal(1)), None),
    ],
)
def test_law_05_units_count_under_the_rate_that_charged_them(
    properties: Metadata | None, own: Rate | None, key: str | None
) -> None:
    assert tiers_of(meter("sum", "1", own, card=TIERED_CARD), properties) == key
    assert tiers_of(meter("sum", "1", own), properties) == ("" if own is TIERS else None)


values = st.lists(st.sampled_from(["a", "b", "true", "1"]), min_size=1, max_size=3, unique=True)
cards = st.lists(st.dictionaries(st.sampled_from(["x", "y", "z"]), values, min_size=1, max_size=3), max_size=6)
kept = st.dictionaries(st.sampled_from(["x", "y", "z", "w"]), st.sampled_from(["a", "b", True, 1, None, "c"]))


@given(cards, kept)
def test_a_rate_card_finds_what_reading_it_from_the_top_would(
    entries: list[dict[str, list[str]]], properties: Metadata
) -> None:
    card = RateCard([RateCardEntry(each, FlatRate(Decimal(place))) for place, each in enumerate(entries)])
    expected = None
    for place, each in reversed(list(enumerate(entries))):
        if all(as_text(properties.get(name)) in listed for name, listed in each.items()):
            expected = Decimal(place)
    found = card.find(properties)
    assert (None if found is None else found.rate) == (None if expected is None else FlatRate(expected))


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
