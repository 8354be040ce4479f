"""Usage by day: what charts show, without reading an event."""

from datetime import UTC, date, datetime, time
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from replenish.api.v1.call import Call
from replenish.api.v1.routing import reads
from replenish.api.v1.wire import Cursor, Key, Limit, Page, Shown, timed_before, timed_cursor
from replenish.catalog import queries as catalog
from replenish.core.errors import Invalid
from replenish.core.ids import CUSTOMER, METER, WALLET
from replenish.core.money import plain
from replenish.customers import queries as customers
from replenish.usage import queries
from replenish.usage.model import UsageDay

Day = Annotated[date, Meta(description="A UTC day, such as 2026-11-23.")]


class UsageDayView(Shown):
    """What a wallet's meter took on one UTC day; of `debit`, `reversed` has come back since. No meter: debits in credits."""

    customer_id: str
    wallet_id: str
    meter_id: str | None
    day: Day
    events: int
    value: str
    debit: str
    reversed: str


def show(day: UsageDay) -> UsageDayView:
    return UsageDayView(
        customer_id=CUSTOMER.text(day.customer_id),
        wallet_id=WALLET.text(day.wallet_id),
        meter_id=None if day.meter_id is None else METER.text(day.meter_id),
        day=day.day,
        events=day.events,
        value=plain(day.value),
        debit=str(day.debit),
        reversed=str(day.reversed),
    )


def _before(cursor: str | None) -> tuple[date, UUID] | None:
    found = timed_before(cursor)
    return None if found is None else (found[0].date(), found[1])


@reads("/usage_days", errors=(404,))
async def list_usage_days(
    call: Call,
    customer_id: Key,
    meter_id: Key | None = None,
    since: Day | None = None,
    until: Day | None = None,
    limit: Limit = 20,
    cursor: Cursor | None = None,
) -> Page[UsageDayView]:
    """List what a customer used by wallet, meter and UTC day, newest first; `since` and `until` count themselves."""
    if since is not None and until is not None and since > until:
        raise Invalid("until", "must not be earlier than since")
    found = await customers.find_customer(call.db, workspace_id=call.workspace_id, key=customer_id)
    meter = None
    if meter_id is not None:
        meter = (await catalog.find_meter(call.db, workspace_id=call.workspace_id, key=meter_id)).id
    rows = await queries.days(
        call.db,
        workspace_id=call.workspace_id,
        customer_id=found.id,
        meter_id=meter,
        since=since,
        until=until,
        before=_before(cursor),
        limit=limit + 1,
    )
    shown = rows[:limit]
    more = len(rows) > limit
    last = timed_cursor(datetime.combine(shown[-1].day, time(), tzinfo=UTC), shown[-1].id) if more else None
    return Page(data=[show(day) for day in shown], next_cursor=last)


routes = [list_usage_days]
