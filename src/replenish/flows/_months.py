"""Units of meters with tiers by wallet and month, as the events of a batch find them: stored ones and those before them."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from zoneinfo import ZoneInfo

from replenish.access import queries as access
from replenish.catalog.model import Meter
from replenish.core.db import Reads
from replenish.core.ids import MeterId, WorkspaceId
from replenish.core.money import EXACT, ZERO
from replenish.flows._usage import NewUsage
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

    def of(self, book: Book, meter_id: MeterId) -> Month:
        return _month(book, meter_id, self._zones[book.wallet.workspace_id])


NO_MONTHS = Months({}, {})


def month_of(book: Book, event: NewUsage, months: Months) -> Month | None:
    """The month that an event counts in; None where its meter has no tiers."""
    if event.meter is None or not event.meter.counts_months:
        return None
    return months.of(book, event.meter.id)


async def open_months(db: Reads, *, debits: Iterable[tuple[Book, Meter | None]]) -> Months:
    """What tiers of these debits start from: two statements if any meter has tiers, else none.

    Call with the wallets locked, or in a snapshot.
    """
    tiered = [(book, meter.id) for book, meter in debits if meter is not None and meter.counts_months]
    if not tiered:
        return NO_MONTHS
    names = await access.time_zones(db, workspace_ids={book.wallet.workspace_id for book, _ in tiered})
    zones = {workspace_id: ZoneInfo(name) for workspace_id, name in names.items()}
    months = {_month(book, meter_id, zones[book.wallet.workspace_id]) for book, meter_id in tiered}
    return Months(zones, await usage.counted_in(db, months=list(months)))


def _month(book: Book, meter_id: MeterId, zone: ZoneInfo) -> Month:
    """By the wallet's now, in the workspace's time zone (law 5); a backdated event counts when it is booked."""
    first = book.now.astimezone(zone).date().replace(day=1)
    return Month(book.wallet.customer_id, book.wallet.id, meter_id, first)
