"""Units at graduated rates by wallet and month, as the events of a batch find them: stored ones and those before them."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from zoneinfo import ZoneInfo

from replenish.access import queries as access
from replenish.core.db import Reads
from replenish.core.ids import MeterId, WorkspaceId
from replenish.core.money import EXACT, ZERO
from replenish.flows._usage import NewUsage, tiers_of
from replenish.usage import operations as usage
from replenish.usage.model import Month
from replenish.wallets.book import Book


class Months:
    """Which month a locked wallet is in, and what counts in it so far."""

    __slots__ = ("_counted", "_zones")

    def __init__(self, zones: Mapping[WorkspaceId, ZoneInfo], counted: Mapping[Month, Decimal]) -> None:
        self._zones = zones
        self._counted = dict(counted)

    def counted(self, month: Month) -> Decimal:
        return self._counted.get(month, ZERO)

    def add(self, month: Month, units: Decimal) -> None:
        self._counted[month] = EXACT.add(self.counted(month), units)

    def of(self, book: Book, event: NewUsage) -> Month | None:
        """The month that an event counts in; None where no tiers decide its price."""
        entry = tiers_of(event)
        if entry is None or event.meter is None:
            return None
        return _month(book, event.meter.id, entry, self._zones[book.wallet.workspace_id])


NO_MONTHS = Months({}, {})


async def open_months(db: Reads, *, debits: Iterable[tuple[Book, NewUsage]]) -> Months:
    """What tiers of these debits start from: two statements if any of them has tiers, else none.

    Call with the wallets locked, or in a snapshot.
    """
    tiered = [
        (book, event.meter.id, entry)
        for book, event in debits
        if event.meter is not None and (entry := tiers_of(event)) is not None
    ]
    if not tiered:
        return NO_MONTHS
    names = await access.time_zones(db, workspace_ids={book.wallet.workspace_id for book, _, _ in tiered})
    zones = {workspace_id: ZoneInfo(name) for workspace_id, name in names.items()}
    months = {_month(book, meter_id, entry, zones[book.wallet.workspace_id]) for book, meter_id, entry in tiered}
    return Months(zones, await usage.counted_in(db, months=list(months)))


def _month(book: Book, meter_id: MeterId, entry: str, zone: ZoneInfo) -> Month:
    """By the wallet's now, in the workspace's time zone (law 5); a backdated event counts when it is booked."""
    first = book.now.astimezone(zone).date().replace(day=1)
    return Month(book.wallet.customer_id, book.wallet.id, meter_id, first, entry)
