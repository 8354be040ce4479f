"""Reading usage events."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from replenish.core.db import Reads
from replenish.core.ids import CustomerId, MeterId, UsageEventId, WalletId, WorkspaceId
from replenish.core.rows import rows_to, value
from replenish.usage import store
from replenish.usage.model import UsageDay, UsageEvent, UsageReversal


async def event(db: Reads, *, workspace_id: WorkspaceId, event_id: UsageEventId) -> UsageEvent | None:
    return await store.event_by_id(db, workspace_id=workspace_id, event_id=event_id)


async def event_by_key(db: Reads, *, customer_id: CustomerId, key: str) -> UsageEvent | None:
    found = await store.keys(db, customer_ids=[customer_id], keys=[key])
    events = await store.events_of(db, found) if found else []
    return events[0] if events else None


async def events(
    db: Reads,
    *,
    workspace_id: WorkspaceId,
    customer_id: CustomerId,
    meter_id: MeterId | None = None,
    before: tuple[datetime, UsageEventId] | None = None,
    limit: int = 20,
) -> Sequence[UsageEvent]:
    """A customer's events, newest first; `before` is (recorded_at, id) of the last one of the page before."""
    rows = await db.fetch(
        "select * from usage_events where customer_id = $1 and workspace_id = $2 and ($3::uuid is null or meter_id = $3)"
        " and ($4::timestamptz is null or (recorded_at, id) < ($4, $5::uuid))"
        " order by recorded_at desc, id desc limit $6",
        customer_id,
        workspace_id,
        meter_id,
        None if before is None else before[0],
        None if before is None else before[1],
        limit,
    )
    return [store.event_from(row) for row in rows]


async def days(
    db: Reads,
    *,
    workspace_id: WorkspaceId,
    customer_id: CustomerId,
    meter_id: MeterId | None = None,
    since: date | None = None,
    until: date | None = None,
    before: tuple[date, UUID] | None = None,
    limit: int = 20,
) -> list[UsageDay]:
    """A customer's usage by wallet, meter and UTC day, newest first; `since` and `until` are days that count."""
    rows = await db.fetch(
        "select * from usage_days where customer_id = $1 and workspace_id = $2 and ($3::uuid is null or meter_id = $3)"
        " and ($4::date is null or day >= $4) and ($5::date is null or day <= $5)"
        " and ($6::date is null or (day, id) < ($6, $7::uuid)) order by day desc, id desc limit $8",
        customer_id,
        workspace_id,
        meter_id,
        since,
        until,
        None if before is None else before[0],
        None if before is None else before[1],
        limit,
    )
    return rows_to(UsageDay, rows)


async def used_by_day(
    db: Reads, *, workspace_id: WorkspaceId, customer_id: CustomerId, since: date
) -> dict[tuple[WalletId, date], Decimal]:
    """Credits that a customer's wallets spent on each UTC day since that one, less what was reversed."""
    rows = await db.fetch(
        "select wallet_id, day, sum(debit - reversed) as used from usage_days"
        " where customer_id = $1 and workspace_id = $2 and day >= $3 group by 1, 2",
        customer_id,
        workspace_id,
        since,
    )
    return {
        (WalletId(value(row, "wallet_id", UUID)), value(row, "day", date)): value(row, "used", Decimal) for row in rows
    }


async def reversal_of(db: Reads, *, customer_id: CustomerId, event_id: UsageEventId) -> UsageReversal | None:
    return await store.reversal_of(db, customer_id=customer_id, event_id=event_id)


async def reversals_of(
    db: Reads, *, customer_ids: Sequence[CustomerId], event_ids: Sequence[UsageEventId]
) -> dict[UsageEventId, UsageReversal]:
    """The reversals of these events, by event."""
    return {
        reversal.event_id: reversal
        for reversal in await store.reversals_of(db, customer_ids=customer_ids, event_ids=event_ids)
    }
