"""Rating: what a reported event costs, exactly (law 5). Pure; rounding is the wallet's, with its carry."""

from decimal import Decimal
from typing import assert_never

from replenish.catalog.model import Meter
from replenish.core.money import EXACT


def rate(meter: Meter, value: Decimal) -> Decimal:
    """The exact price in credits of one event that reports `value` units; negative for a negative value.

    `sum` charges each unit, `count` charges the event whatever its value.
    """
    match meter.aggregation:
        case "sum":
            return EXACT.multiply(value, meter.credits_per_unit)
        case "count":
            return meter.credits_per_unit
        case _:
            assert_never(meter.aggregation)
