"""Reading usage events."""

from collections.abc import Sequence
from datetime import datetime

from replenish.core.db import Reads
from replenish.core.ids import CustomerId, MeterId, UsageEventId, WorkspaceId
from replenish.usage import store
from replenish.usage.model import UsageEvent, UsageReversal


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
