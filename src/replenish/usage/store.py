"""Usage's SQL, set-based."""

from collections.abc import Sequence
from typing import Final

import msgspec
from asyncpg import Record

from replenish.core.db import Reads
from replenish.core.ids import CustomerId, UsageEventId, WorkspaceId
from replenish.core.rows import row_to, rows_to
from replenish.core.transaction import Tx
from replenish.usage.model import UsageEvent, UsageKey, UsageReversal


async def keys(db: Reads, *, customer_ids: Sequence[CustomerId], keys: Sequence[str]) -> list[UsageKey]:
    rows = await db.fetch(
        "select usage_keys.* from unnest($1::uuid[], $2::text[]) as w (customer_id, key)"
        " join usage_keys using (customer_id, key)",
        list(customer_ids),
        list(keys),
    )
    return rows_to(UsageKey, rows)


async def events_of(db: Reads, found: Sequence[UsageKey]) -> list[UsageEvent]:
    rows = await db.fetch(
        "select usage_events.* from unnest($1::uuid[], $2::timestamptz[], $3::uuid[]) as w (customer_id, recorded_at, id)"
        " join usage_events using (customer_id, recorded_at, id)",
        [key.customer_id for key in found],
        [key.recorded_at for key in found],
        [key.event_id for key in found],
    )
    return [event_from(row) for row in rows]


def event_from(row: Record) -> UsageEvent:
    event = row_to(UsageEvent, row)
    return msgspec.structs.replace(event, lot_ids=tuple(event.lot_ids), lot_amounts=tuple(event.lot_amounts))


async def insert_keys(tx: Tx, keys: Sequence[UsageKey]) -> None:
    await tx.copy(
        "usage_keys",
        ("customer_id", "key", "hash", "event_id", "recorded_at"),
        [(key.customer_id, key.key, key.hash, key.event_id, key.recorded_at) for key in keys],
    )


_EVENT_COLUMNS: Final = UsageEvent.__struct_fields__


async def insert_events(tx: Tx, events: Sequence[UsageEvent]) -> None:
    await tx.copy(
        "usage_events",
        _EVENT_COLUMNS,
        [
            (
                event.customer_id,
                event.recorded_at,
                event.id,
                event.workspace_id,
                event.wallet_id,
                event.meter_id,
                event.key,
                event.value,
                event.credits_per_unit,
                event.price,
                event.debit.value,
                event.owed.value,
                event.lot_ids,
                event.lot_amounts,
                event.batch_id,
                event.line,
                event.balance_after.value,
                event.occurred_at,
                event.booked_at,
                event.properties,
            )
            for event in events
        ],
    )


async def insert_reversal(tx: Tx, reversal: UsageReversal) -> None:
    await tx.execute(
        "insert into usage_reversals (customer_id, id, workspace_id, wallet_id, event_id, returned, forgiven, reason,"
        " created_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        reversal.customer_id,
        reversal.id,
        reversal.workspace_id,
        reversal.wallet_id,
        reversal.event_id,
        reversal.returned.value,
        reversal.forgiven.value,
        reversal.reason,
        reversal.created_at,
    )


async def reversal_of(db: Reads, *, customer_id: CustomerId, event_id: UsageEventId) -> UsageReversal | None:
    row = await db.fetchrow(
        "select * from usage_reversals where customer_id = $1 and event_id = $2", customer_id, event_id
    )
    return None if row is None else row_to(UsageReversal, row)


async def event_by_id(db: Reads, *, workspace_id: WorkspaceId, event_id: UsageEventId) -> UsageEvent | None:
    row = await db.fetchrow("select * from usage_events where id = $2 and workspace_id = $1", workspace_id, event_id)
    return None if row is None else event_from(row)


async def reversals_of(
    db: Reads, *, customer_ids: Sequence[CustomerId], event_ids: Sequence[UsageEventId]
) -> list[UsageReversal]:
    rows = await db.fetch(
        "select usage_reversals.* from unnest($1::uuid[], $2::uuid[]) as w (customer_id, event_id)"
        " join usage_reversals using (customer_id, event_id)",
        list(customer_ids),
        list(event_ids),
    )
    return rows_to(UsageReversal, rows)


async def make_months(tx: Tx, *, ahead: int) -> None:
    await tx.execute("set local lock_timeout = '2s'")
    await tx.execute(
        "select make_usage_partition((date_trunc('month', now() at time zone 'UTC') + make_interval(months => n))::date)"
        " from generate_series(0, $1::int) as n",
        ahead,
    )
