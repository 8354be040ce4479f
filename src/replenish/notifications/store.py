"""SQL of the feed of events."""

from collections.abc import Sequence
from uuid import UUID

from asyncpg import Record

from replenish.core.db import Reads
from replenish.core.ids import CustomerId, EventId, WorkspaceId

# `written_by` as text: a transaction id has no type of its own in the driver.
_FEED = (
    "select id, workspace_id, customer_id, number, type, object_type, object_id, data, created_at,"
    " written_by::text as written_by from events"
    " where workspace_id = $1 and written_by < pg_snapshot_xmin(pg_current_snapshot())"
    " and ($2::uuid is null or customer_id = $2) and ($3::text is null or type = $3)"
)


async def newest(
    db: Reads,
    workspace_id: WorkspaceId,
    customer_id: CustomerId | None,
    type_: str | None,
    before: tuple[str, UUID] | None,
    limit: int,
) -> Sequence[Record]:
    return await db.fetch(
        _FEED + " and ($4::text is null or (written_by, id) < ($4::text::xid8, $5::uuid))"
        " order by written_by desc, id desc limit $6",
        workspace_id,
        customer_id,
        type_,
        *(before or (None, None)),
        limit,
    )


async def oldest(
    db: Reads,
    workspace_id: WorkspaceId,
    customer_id: CustomerId | None,
    type_: str | None,
    after: tuple[str, UUID] | None,
    limit: int,
) -> Sequence[Record]:
    return await db.fetch(
        _FEED + " and ($4::text is null or (written_by, id) > ($4::text::xid8, $5::uuid))"
        " order by written_by, id limit $6",
        workspace_id,
        customer_id,
        type_,
        *(after or (None, None)),
        limit,
    )


async def event(db: Reads, workspace_id: WorkspaceId, event_id: EventId) -> Record | None:
    return await db.fetchrow(
        "select id, workspace_id, customer_id, number, type, object_type, object_id, data, created_at,"
        " written_by::text as written_by from events where workspace_id = $1 and id = $2",
        workspace_id,
        event_id,
    )
