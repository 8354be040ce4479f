"""What is reported as usage, what it costs, and what becomes of it."""

import hashlib
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from replenish.catalog import rating
from replenish.catalog.model import Meter, PaymentCurrency
from replenish.catalog.rating import Charge
from replenish.core.errors import Conflict, Refusal
from replenish.core.ids import CustomerId, WorkspaceId
from replenish.core.metadata import Metadata
from replenish.core.money import EXACT, ZERO, Credits
from replenish.usage.model import Month, RatedPart, Rating, UsageEvent
from replenish.wallets.model import Shortfall

_ONE: Final = Decimal(1)


class NewUsage(msgspec.Struct, frozen=True, kw_only=True):
    """One reported event. Without a meter, `value` is the debit in credits and unscoped lots pay.

    `shortfall` None = by the credit currency's overdraft policy. `occurred_at` None = now.
    """

    workspace_id: WorkspaceId
    customer_id: CustomerId
    currency: PaymentCurrency
    meter: Meter | None
    key: str
    value: Decimal
    occurred_at: datetime | None = None
    shortfall: Shortfall | None = None
    properties: Metadata | None = None


class Recorded(msgspec.Struct, frozen=True):
    """The event is in the books. `replayed`: it was there before, and nothing happened now."""

    event: UsageEvent
    replayed: bool
    # The wallet's balance after this call's batch; for a replay the present one, while the event shows its own.
    balance: Credits


class Refused(msgspec.Struct, frozen=True):
    """Nothing was taken and the key is free to be used again."""

    refusal: Refusal


Outcome = Recorded | Refused


def fingerprint(event: NewUsage) -> bytes:
    """The parsed fields of an event, hashed: what law 7 compares. The same amount in other digits is the same."""
    parts = [
        str(event.currency.id),
        "" if event.meter is None else str(event.meter.id),
        format(event.value.normalize(EXACT), "f"),
        "" if event.occurred_at is None else event.occurred_at.isoformat(),
        event.shortfall or "",
        msgspec.json.encode(event.properties, order="deterministic").decode(),
    ]
    return hashlib.sha256("\x1f".join(parts).encode()).digest()[:16]


def charge_of(event: NewUsage, *, counted: Decimal = ZERO) -> Charge:
    """What the event costs, exactly. `counted`: the units of its month before it, where tiers decide its price.

    Raises Conflict for an inactive meter, Invalid(properties) for an event that the rate card must name and does not.
    """
    if event.meter is None:
        return Charge(type="flat", price=event.value, rate=_ONE, units=event.value)
    if event.meter.status != "active":
        raise Conflict(f"The meter {event.meter.event_name!r} is inactive.", code="meter_inactive")
    return rating.rate(event.meter, event.value, properties=event.properties, counted=counted)


def tiers_of(event: NewUsage) -> str | None:
    """What its units count under in their month; None where no tiers decide its price."""
    return None if event.meter is None else rating.tiers_of(event.meter, event.properties)


def rating_of(charge: Charge, *, month: Month | None = None, counted: Decimal = ZERO) -> Rating | None:
    """What the event keeps of how its price came about; None where value and rate say it all."""
    if charge.type == "flat":
        return None
    return Rating(
        type=charge.type,
        parts=tuple(RatedPart(part.units, part.rate) for part in charge.parts),
        package_size=charge.package_size,
        month=None if month is None else month.first,
        entry="" if month is None else month.entry,
        units=None if month is None else charge.units,
        counted=None if month is None else counted,
    )
