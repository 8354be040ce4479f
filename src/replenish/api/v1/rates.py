"""How a meter's rates are written: flat, by packages, by graduated tiers, and by a card."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from replenish.api.v1.wire import Amount, Body
from replenish.catalog import rates
from replenish.catalog.rate_terms import RatingTerms
from replenish.catalog.rates import ENTRIES_MAX, NAMES_MAX, TIERS_MAX, VALUES_MAX, Unmatched
from replenish.core.money import plain


class FlatRate(Body, tag="flat"):
    """The same for each unit."""

    credits_per_unit: Annotated[Amount, Meta(description="Credits for one unit.")]


class PackageRate(Body, tag="package"):
    """Whole packages of units; one that is begun is paid, by each event for itself."""

    package_size: Annotated[
        Amount, Meta(description="How many units a package has; one that is begun is paid, by each event for itself.")
    ]
    credits_per_package: Annotated[Amount, Meta(description="Credits for one package.")]


class Tier(Body):
    """`up_to`: the last unit of the month in this tier; null in the last tier only."""

    up_to: Annotated[
        Amount | None,
        Meta(description="The last unit of the month in this tier; null in the last tier, and only there."),
    ]
    credits_per_unit: Annotated[Amount, Meta(description="Credits for one unit in this tier.")]


class GraduatedRate(Body, tag="graduated"):
    """Each unit at the rate of the tier that it falls into. Units count by customer and month.

    Months are those of the workspace's time zone; each entry of a rate card counts its own events, apart from the others.
    """

    tiers: Annotated[
        list[Tier],
        Meta(
            min_length=1,
            max_length=TIERS_MAX,
            description="From a month's first unit on, each tier up to a higher unit than the one before. Units count by wallet, rate (the meter's own, or the rate card's entry) and month of the workspace's time zone.",
        ),
    ]


Rate = FlatRate | PackageRate | GraduatedRate
RateProperty = Annotated[str, Meta(min_length=1, max_length=64)]
RateValue = Annotated[str, Meta(max_length=255)]


class RateCardEntry(Body):
    """The rate of events that carry all of these properties, each with the value named, or with one of several."""

    properties: Annotated[
        dict[RateProperty, RateValue | Annotated[list[RateValue], Meta(min_length=1, max_length=VALUES_MAX)]],
        Meta(
            min_length=1,
            max_length=NAMES_MAX,
            description="Each property that an event must carry, with its value or a list of values.",
            examples=[{"model": "large", "kind": ["input", "cached"]}],
        ),
    ]
    rate: Annotated[Rate, Meta(description="What a unit costs in events that match.")]


RateCard = Annotated[
    list[RateCardEntry],
    Meta(max_length=ENTRIES_MAX, description="The first entry that matches an event's properties decides its rate."),
]
UnmatchedEvents = Annotated[
    Unmatched,
    Meta(description="An event that no entry matches: charged at the meter's own rate (`default`), or refused."),
]


class RatingBody(Body):
    """What decides the price of a meter's events. A unit costs 1 unless something is given."""

    credits_per_unit: (
        Annotated[
            Amount,
            Meta(
                description="Credits for one unit, 1 unless something is given; short for a flat `rate`, so give one of the two."
            ),
        ]
        | UnsetType
    ) = UNSET
    rate: (
        Annotated[
            Rate,
            Meta(
                description="What a unit costs: flat, by packages or by graduated tiers; in place of `credits_per_unit`."
            ),
        ]
        | UnsetType
    ) = UNSET
    rate_card: RateCard | UnsetType = UNSET
    unmatched: UnmatchedEvents | UnsetType = UNSET


def rating_terms(body: RatingBody) -> RatingTerms:
    return msgspec.convert(msgspec.to_builtins(body), RatingTerms)


def show_rate(rate: rates.Rate) -> Rate:
    match rate:
        case rates.FlatRate(credits_per_unit=each):
            return FlatRate(credits_per_unit=plain(each))
        case rates.PackageRate(package_size=size, credits_per_package=each):
            return PackageRate(package_size=plain(size), credits_per_package=plain(each))
        case rates.GraduatedRate(tiers=tiers):
            return GraduatedRate(
                tiers=[
                    Tier(
                        up_to=None if tier.up_to is None else plain(tier.up_to),
                        credits_per_unit=plain(tier.credits_per_unit),
                    )
                    for tier in tiers
                ]
            )


def show_card(card: rates.RateCard) -> Sequence[RateCardEntry]:
    return [
        RateCardEntry(
            properties={
                name: values[0] if len(values) == 1 else list(values) for name, values in entry.properties.items()
            },
            rate=show_rate(entry.rate),
        )
        for entry in card.entries
    ]
