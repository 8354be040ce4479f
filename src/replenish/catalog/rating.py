"""Rating: what a reported event costs, exactly (law 5). Pure; rounding is the wallet's, with its carry."""

from decimal import Decimal
from typing import Final, Literal, assert_never

import msgspec

from replenish.catalog.model import Meter
from replenish.catalog.rates import FlatRate, GraduatedRate, PackageRate, Rate
from replenish.core.errors import Invalid
from replenish.core.metadata import Metadata
from replenish.core.money import EXACT, ZERO

ONE: Final = Decimal(1)


class Part(msgspec.Struct, frozen=True):
    """So many units at one rate; of a package rate, so many packages."""

    units: Decimal
    rate: Decimal


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """An event's exact price in credits. `parts` add up to it. `rate`: of a unit or package, in the last tier reached.

    `units`: what the event counts for in its month, where the rate has tiers.
    """

    type: Literal["flat", "package", "graduated"]
    price: Decimal
    rate: Decimal
    units: Decimal
    parts: tuple[Part, ...] = ()
    package_size: Decimal | None = None


def rate(meter: Meter, value: Decimal, *, properties: Metadata | None = None, counted: Decimal = ZERO) -> Charge:
    """What one event that reports `value` units costs; negative for a negative value at a flat rate.

    `sum` charges each unit, `count` charges the event as one unit whatever its value. `counted`: the units of this wallet
    that this rate has counted in this month before the event, which a graduated one starts from.

    Raises Invalid(properties) when the meter's rate card has no entry for the event and the meter rejects such events.
    """
    match meter.aggregation:
        case "sum":
            units = value
        case "count":
            units = ONE
        case _:
            assert_never(meter.aggregation)
    if meter.rate is None and not meter.rate_card:
        each = meter.credits_per_unit
        return Charge(type="flat", price=EXACT.multiply(units, each), rate=each, units=units)
    chosen = rate_for(meter, properties)
    match chosen:
        case FlatRate(credits_per_unit=each):
            return Charge(type="flat", price=EXACT.multiply(units, each), rate=each, units=units)
        case PackageRate():
            return _by_packages(chosen, units)
        case GraduatedRate():
            return _by_tiers(chosen, units, counted)


def rate_for(meter: Meter, properties: Metadata | None) -> Rate:
    """The rate of an event with these properties. Raises Invalid(properties) where the rate card must name it and does not."""
    found = meter.rate_card.find(properties)
    if found is not None:
        return found.rate
    if meter.rate_card and meter.unmatched == "reject":
        named = ", ".join(sorted({name for entry in meter.rate_card.entries for name in entry.properties}))
        raise Invalid(
            "properties", f"match no entry of this meter's rate card, which looks at {named}", code="rate_not_found"
        )
    return meter.rate or FlatRate(meter.credits_per_unit)


def tiers_of(meter: Meter, properties: Metadata | None) -> str | None:
    """What an event's units count under: the key of the rate card's entry, "" for the meter's own rate.

    None where no tiers decide its price.
    """
    if not meter.counts_months:
        return None
    entry = meter.rate_card.find(properties)
    if entry is not None:
        return entry.key if isinstance(entry.rate, GraduatedRate) else None
    return "" if isinstance(meter.rate, GraduatedRate) else None


def _by_packages(packaged: PackageRate, units: Decimal) -> Charge:
    whole, rest = EXACT.divmod(units, packaged.package_size)
    packages = EXACT.add(whole, ONE) if rest > ZERO else whole
    return Charge(
        type="package",
        price=EXACT.multiply(packages, packaged.credits_per_package),
        rate=packaged.credits_per_package,
        units=units,
        parts=(Part(packages, packaged.credits_per_package),),
        package_size=packaged.package_size,
    )


def _by_tiers(graduated: GraduatedRate, units: Decimal, counted: Decimal) -> Charge:
    parts: list[Part] = []
    price = ZERO
    at, left = counted, units
    each = ZERO
    for tier in graduated.tiers:
        if tier.up_to is not None and tier.up_to <= at:
            continue
        each = tier.credits_per_unit
        taken = left if tier.up_to is None else min(left, EXACT.subtract(tier.up_to, at))
        parts.append(Part(taken, each))
        price = EXACT.add(price, EXACT.multiply(taken, each))
        at = EXACT.add(at, taken)
        left = EXACT.subtract(left, taken)
        if left <= ZERO:
            break
    return Charge(type="graduated", price=price, rate=each, units=units, parts=tuple(parts))
