"""SQL of the outbox and of the feed of events."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec
from asyncpg import Record

from replenish.core import ids
from replenish.core.db import Reads
from replenish.core.ids import CustomerId, EventId, WorkspaceId
from replenish.core.rows import value
from replenish.core.transaction import Tx
from replenish.notifications.model import NewEvent

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


async def take_numbers(tx: Tx, counts: Mapping[CustomerId, int]) -> Mapping[object, int]:
    """Advance each customer's last event number by how many are coming; returns the new last ones.

    The rows stay locked until the commit, which is what keeps a customer's events in the order of their numbers. Sorted, so that
    two flows with the same customers cannot wait for each other.
    """
    customers = sorted(counts)
    rows = await tx.fetch(
        "insert into customer_events_last (customer_id, number)"
        " select * from unnest($1::uuid[], $2::bigint[]) order by 1"
        " on conflict (customer_id) do update set number = customer_events_last.number + excluded.number"
        " returning customer_id, number",
        customers,
        [counts[customer] for customer in customers],
    )
    return {value(row, "customer_id", object): value(row, "number", int) for row in rows}


async def insert(tx: Tx, events: Sequence[NewEvent], *, numbers: Sequence[int]) -> None:
    """Write events, each with its customer's number."""
    await tx.execute(
        "insert into events (customer_id, id, workspace_id, number, type, object_type, object_id, data, created_at)"
        " select customer_id, id, workspace_id, number, type, object_type, object_id, data::jsonb, clock_timestamp()"
        " from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::text[], $6::text[], $7::uuid[], $8::text[])"
        " as u (customer_id, id, workspace_id, number, type, object_type, object_id, data)",
        [event.customer_id for event in events],
        [ids.EVENT.new() for _ in events],
        [event.workspace_id for event in events],
        numbers,
        [event.type for event in events],
        [event.object_type for event in events],
        [event.object_id for event in events],
        [msgspec.json.encode(event.data).decode() for event in events],
    )
