"""Rates and rate cards as they are asked for, and their checks. Pure; each refusal names the field, as `rate.tiers[1].up_to`."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import prod
from typing import Final, assert_never

import msgspec
from msgspec import UNSET, UnsetType

from replenish.catalog.model import Aggregation
from replenish.catalog.rates import (
    COMBINATIONS_MAX,
    ENTRIES_MAX,
    NAMES_MAX,
    NO_CARD,
    TIERS_MAX,
    VALUES_MAX,
    FlatRate,
    GraduatedRate,
    PackageRate,
    Rate,
    RateCard,
    RateCardEntry,
    Tier,
    Unmatched,
)
from replenish.core.errors import Invalid
from replenish.core.metadata import KEY_LONGEST
from replenish.core.money import DECIMALS_MAX, ZERO, parse_decimal, parse_positive
from replenish.core.text import clean_text

VALUE_LONGEST: Final = 255


class FlatTerms(msgspec.Struct, frozen=True, tag="flat", forbid_unknown_fields=True):
    """The same for each unit."""

    credits_per_unit: str


class PackageTerms(msgspec.Struct, frozen=True, tag="package", forbid_unknown_fields=True):
    """Whole packages of `package_size` units; one that is begun is paid, by each event for itself."""

    package_size: str
    credits_per_package: str


class TierTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`up_to`: the last unit of the month in this tier; null in the last tier only."""

    up_to: str | None
    credits_per_unit: str


class GraduatedTerms(msgspec.Struct, frozen=True, tag="graduated", forbid_unknown_fields=True):
    """Each unit of the month at the rate of its tier, by wallet and rate, in the workspace's time zone."""

    tiers: Sequence[TierTerms]


RateTerms = FlatTerms | PackageTerms | GraduatedTerms


class EntryTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rate of events that carry all of these properties, each with one of the values listed for it."""

    properties: Mapping[str, str | Sequence[str]]
    rate: RateTerms


class RatingTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked to become of a meter's rating; what is unset stays. `credits_per_unit` is short for a flat `rate`."""

    credits_per_unit: str | UnsetType = UNSET
    rate: RateTerms | UnsetType = UNSET
    rate_card: Sequence[EntryTerms] | UnsetType = UNSET
    unmatched: Unmatched | UnsetType = UNSET


UNCHANGED: Final = RatingTerms()


class MeterRating(msgspec.Struct, frozen=True):
    """All that decides what a meter's events cost. `rate` None = flat, at `credits_per_unit`."""

    credits_per_unit: Decimal = Decimal(1)
    rate: Rate | None = None
    rate_card: RateCard = NO_CARD
    unmatched: Unmatched = "default"


def checked_rating(terms: RatingTerms, *, aggregation: Aggregation, old: MeterRating) -> MeterRating:
    """The rating with what is asked for changed. Raises Invalid."""
    flat, rate = old.credits_per_unit, old.rate
    if terms.credits_per_unit is not UNSET:
        if terms.rate is not UNSET:
            raise Invalid("credits_per_unit", "is short for a flat `rate`; give one of the two")
        flat, rate = _amount(terms.credits_per_unit, "credits_per_unit"), None
    elif terms.rate is not UNSET:
        rate = checked_rate(terms.rate, aggregation=aggregation, field="rate")
        if isinstance(rate, FlatRate):
            flat, rate = rate.credits_per_unit, None
    return MeterRating(
        flat,
        rate,
        old.rate_card if terms.rate_card is UNSET else checked_card(terms.rate_card, aggregation=aggregation),
        old.unmatched if terms.unmatched is UNSET else terms.unmatched,
    )


def checked_rate(terms: RateTerms, *, aggregation: Aggregation, field: str) -> Rate:
    """Raises Invalid."""
    match terms:
        case FlatTerms(credits_per_unit=text):
            return FlatRate(_amount(text, f"{field}.credits_per_unit"))
        case PackageTerms():
            if aggregation == "count":
                raise Invalid(f"{field}.type", "a meter that counts events has no packages: each event would begin one")
            return PackageRate(
                parse_positive(terms.package_size, field=f"{field}.package_size", decimals=DECIMALS_MAX),
                _amount(terms.credits_per_package, f"{field}.credits_per_package"),
            )
        case GraduatedTerms(tiers=tiers):
            return GraduatedRate(_tiers(tiers, f"{field}.tiers"))
        case _:
            assert_never(terms)


def _tiers(asked: Sequence[TierTerms], field: str) -> tuple[Tier, ...]:
    if not 1 <= len(asked) <= TIERS_MAX:
        raise Invalid(field, f"has from 1 to {TIERS_MAX} tiers")
    tiers: list[Tier] = []
    before = ZERO
    for place, tier in enumerate(asked):
        last = place == len(asked) - 1
        if (tier.up_to is None) != last:
            detail = "must be null: the last tier has no end" if last else "must not be null before the last tier"
            raise Invalid(f"{field}[{place}].up_to", detail)
        up_to = None
        if tier.up_to is not None:
            up_to = parse_decimal(tier.up_to, field=f"{field}[{place}].up_to", decimals=DECIMALS_MAX)
            if up_to <= before:
                raise Invalid(f"{field}[{place}].up_to", "must be greater than the one before it, and than 0")
            before = up_to
        tiers.append(Tier(up_to, _amount(tier.credits_per_unit, f"{field}[{place}].credits_per_unit")))
    return tuple(tiers)


def _amount(text: str, field: str) -> Decimal:
    return parse_decimal(text, field=field, decimals=DECIMALS_MAX, minimum=ZERO)


def checked_card(asked: Sequence[EntryTerms], *, aggregation: Aggregation) -> RateCard:
    """Raises Invalid, also for an entry that could never hold because earlier ones match all that it would."""
    if len(asked) > ENTRIES_MAX:
        raise Invalid("rate_card", f"has at most {ENTRIES_MAX} entries")
    entries: list[RateCardEntry] = []
    combinations = 0
    for place, entry in enumerate(asked):
        field = f"rate_card[{place}]"
        properties = _properties(entry.properties, f"{field}.properties")
        combinations += prod(map(len, properties.values()))
        if combinations > COMBINATIONS_MAX:
            raise Invalid("rate_card", f"stands for more than {COMBINATIONS_MAX} combinations of values")
        if any(_covers(earlier.properties, properties) for earlier in entries):
            raise Invalid(f"{field}.properties", "an earlier entry matches all of these events already")
        entries.append(
            RateCardEntry(properties, checked_rate(entry.rate, aggregation=aggregation, field=f"{field}.rate"))
        )
    return RateCard(entries)


def _covers(earlier: Mapping[str, Sequence[str]], later: Mapping[str, Sequence[str]]) -> bool:
    return all(name in later and set(later[name]) <= set(values) for name, values in earlier.items())


def _properties(asked: Mapping[str, str | Sequence[str]], field: str) -> Mapping[str, Sequence[str]]:
    if not 1 <= len(asked) <= NAMES_MAX:
        raise Invalid(field, f"names from 1 to {NAMES_MAX} properties")
    properties: dict[str, Sequence[str]] = {}
    for name, values in asked.items():
        clean_text(name, field=field, longest=KEY_LONGEST, shortest=1)
        listed = (values,) if isinstance(values, str) else tuple(values)
        if not 1 <= len(listed) <= VALUES_MAX or len(set(listed)) < len(listed):
            raise Invalid(f"{field}.{name}", f"lists from 1 to {VALUES_MAX} different values")
        for value in listed:
            clean_text(value, field=f"{field}.{name}", longest=VALUE_LONGEST)
        properties[name] = listed
    return properties
