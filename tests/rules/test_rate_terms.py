"""Rates as they are asked for: what is kept, and which field a refusal names. Tables, no database."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from replenish.catalog.model import Aggregation
from replenish.catalog.rate_terms import MeterRating, RatingTerms, checked_rating
from replenish.catalog.rates import FlatRate, GraduatedRate, PackageRate, RateCard, RateCardEntry, Tier
from replenish.core.errors import Invalid

FLAT = {"type": "flat", "credits_per_unit": "2"}
PACKAGE = {"type": "package", "package_size": "1000", "credits_per_package": "2"}
GRADUATED = {
    "type": "graduated",
    "tiers": [{"up_to": "100", "credits_per_unit": "1"}, {"up_to": None, "credits_per_unit": "0.5"}],
}
OLD = MeterRating(
    Decimal(3), PackageRate(Decimal(10), Decimal(1)), RateCard([RateCardEntry({"a": ["b"]}, FlatRate(Decimal(4)))])
)


def asked(**terms: Any) -> RatingTerms:
    return msgspec.convert(terms, RatingTerms)


def card(*entries: tuple[dict[str, Any], dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"properties": properties, "rate": rate} for properties, rate in entries]


KEPT: list[tuple[RatingTerms, MeterRating]] = [
    (asked(), OLD),
    (asked(credits_per_unit="5"), MeterRating(Decimal(5), None, OLD.rate_card)),
    (asked(rate=FLAT), MeterRating(Decimal(2), None, OLD.rate_card)),
    (asked(rate=PACKAGE), MeterRating(Decimal(3), PackageRate(Decimal(1000), Decimal(2)), OLD.rate_card)),
    (
        asked(rate=GRADUATED, rate_card=[], unmatched="reject"),
        MeterRating(
            Decimal(3),
            GraduatedRate((Tier(Decimal(100), Decimal(1)), Tier(None, Decimal("0.5")))),
            RateCard(),
            "reject",
        ),
    ),
    (
        asked(rate_card=card(({"model": "large", "kind": ["in", "out"]}, FLAT))),
        MeterRating(
            Decimal(3),
            OLD.rate,
            RateCard([RateCardEntry({"model": ("large",), "kind": ("in", "out")}, FlatRate(Decimal(2)))]),
        ),
    ),
]


@pytest.mark.parametrize(("terms", "expected"), KEPT)
def test_what_is_not_asked_for_stays(terms: RatingTerms, expected: MeterRating) -> None:
    assert checked_rating(terms, aggregation="sum", old=OLD) == expected


def tiers(*rows: tuple[str | None, str]) -> dict[str, Any]:
    return {"type": "graduated", "tiers": [{"up_to": up_to, "credits_per_unit": each} for up_to, each in rows]}


REFUSED: list[tuple[RatingTerms, Aggregation, str]] = [
    # terms, aggregation, the field named
    (asked(credits_per_unit="1", rate=FLAT), "sum", "credits_per_unit"),
    (asked(credits_per_unit="-1"), "sum", "credits_per_unit"),
    (asked(credits_per_unit="1e3"), "sum", "credits_per_unit"),
    (asked(rate={"type": "flat", "credits_per_unit": "0." + "0" * 18 + "1"}), "sum", "rate.credits_per_unit"),
    (asked(rate=PACKAGE), "count", "rate.type"),
    (asked(rate={**PACKAGE, "package_size": "0"}), "sum", "rate.package_size"),
    (asked(rate={**PACKAGE, "package_size": "-5"}), "sum", "rate.package_size"),
    (asked(rate={**PACKAGE, "credits_per_package": "-0.1"}), "sum", "rate.credits_per_package"),
    (asked(rate=tiers()), "sum", "rate.tiers"),
    (asked(rate=tiers(*[(str(n), "1") for n in range(1, 51)], (None, "1"))), "sum", "rate.tiers"),
    (asked(rate=tiers(("100", "1"))), "sum", "rate.tiers[0].up_to"),
    (asked(rate=tiers((None, "1"), (None, "1"))), "sum", "rate.tiers[0].up_to"),
    (asked(rate=tiers(("0", "1"), (None, "1"))), "sum", "rate.tiers[0].up_to"),
    (asked(rate=tiers(("5", "1"), ("5", "1"), (None, "1"))), "sum", "rate.tiers[1].up_to"),
    (asked(rate=tiers(("5", "1"), (None, "x"))), "sum", "rate.tiers[1].credits_per_unit"),
    (asked(rate_card=card(({}, FLAT))), "sum", "rate_card[0].properties"),
    (asked(rate_card=card(({f"n{n}": "x" for n in range(9)}, FLAT))), "sum", "rate_card[0].properties"),
    (asked(rate_card=card(({"model": []}, FLAT))), "sum", "rate_card[0].properties.model"),
    (asked(rate_card=card(({"model": ["a", "a"]}, FLAT))), "sum", "rate_card[0].properties.model"),
    (asked(rate_card=card(({"model": "a\x00"}, FLAT))), "sum", "rate_card[0].properties.model"),
    (asked(rate_card=card(({"model": "a"}, FLAT), ({"model": "b"}, PACKAGE))), "count", "rate_card[1].rate.type"),
    # What an earlier entry matches wholly could never hold.
    (
        asked(rate_card=card(({"model": "a"}, FLAT), ({"model": "a", "kind": "in"}, FLAT))),
        "sum",
        "rate_card[1].properties",
    ),
    (asked(rate_card=card(({"model": ["a", "b"]}, FLAT), ({"model": "b"}, FLAT))), "sum", "rate_card[1].properties"),
    (asked(rate_card=card(*(({"model": str(n)}, FLAT) for n in range(501)))), "sum", "rate_card"),
    (
        asked(rate_card=card(({name: [str(n) for n in range(50)] for name in "abc"}, FLAT))),
        "sum",
        "rate_card",
    ),
]


@pytest.mark.parametrize(("terms", "aggregation", "field"), REFUSED)
def test_a_rate_that_cannot_hold_is_refused_by_its_field(
    terms: RatingTerms, aggregation: Aggregation, field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        checked_rating(terms, aggregation=aggregation, old=MeterRating())
    assert refused.value.field == field


def test_entries_that_overlap_only_in_part_stand_beside_each_other() -> None:
    both = asked(rate_card=card(({"model": "a", "kind": "in"}, FLAT), ({"model": ["a", "b"]}, PACKAGE)))
    assert len(checked_rating(both, aggregation="sum", old=MeterRating()).rate_card.entries) == 2
