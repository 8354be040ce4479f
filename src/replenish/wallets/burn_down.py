"""Which lots pay for a debit (law 3). Pure: no database, no clock."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from replenish.core.ids import MeterId
from replenish.core.money import NO_CREDITS, Credits
from replenish.wallets.model import Allocation, Lot

_NEVER: Final = datetime.max.replace(tzinfo=UTC)


def burn_order(lot: Lot) -> tuple[int, datetime, bool, datetime, UUID]:
    """By priority (lower first), soonest expiry, promotional before paid, oldest, id."""
    return (lot.priority, lot.expires_at or _NEVER, lot.category == "paid", lot.created_at, lot.id)


def spendable(lots: Iterable[Lot], *, meter_id: MeterId | None, now: datetime) -> list[Lot]:
    """The lots that may pay for this meter at this instant, in burn order."""
    return sorted((lot for lot in lots if lot.free and lot.is_open(now) and lot.covers(meter_id)), key=burn_order)


def total(lots: Iterable[Lot]) -> Credits:
    """What these lots could pay."""
    found = NO_CREDITS
    for lot in lots:
        found += lot.free
    return found


def plan(ordered: Sequence[Lot], *, amount: Credits) -> tuple[list[Allocation], Credits]:
    """Take `amount` from lots in the order given. Returns what each pays, and what none could pay."""
    short = amount
    allocations: list[Allocation] = []
    for lot in ordered:
        if not short:
            break
        take = min(short, lot.free)
        if take:
            allocations.append(Allocation(lot.id, take))
            short -= take
    return allocations, short
