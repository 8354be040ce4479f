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
    await tx.execute(
        "insert into usage_keys (customer_id, key, hash, event_id, recorded_at)"
        " select * from unnest($1::uuid[], $2::text[], $3::bytea[], $4::uuid[], $5::timestamptz[])",
        [key.customer_id for key in keys],
        [key.key for key in keys],
        [key.hash for key in keys],
        [key.event_id for key in keys],
        [key.recorded_at for key in keys],
    )


_INSERT_EVENTS: Final = """
insert into usage_events (customer_id, recorded_at, id, workspace_id, wallet_id, meter_id, key, value,
                          credits_per_unit, price, debit, owed, lot_ids, lot_amounts, batch_id, line, balance_after,
                          occurred_at, booked_at, properties)
select customer_id, recorded_at, id, workspace_id, wallet_id, meter_id, key, value,
       credits_per_unit, price, debit, owed, lot_ids::uuid[], lot_amounts::numeric[], batch_id, line, balance_after,
       occurred_at, booked_at, properties::jsonb
from unnest($1::uuid[], $2::timestamptz[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::text[], $8::numeric[],
            $9::numeric[], $10::numeric[], $11::numeric[], $12::numeric[], $13::text[], $14::text[], $15::uuid[],
            $16::bigint[], $17::numeric[], $18::timestamptz[], $19::timestamptz[], $20::text[])
    as u (customer_id, recorded_at, id, workspace_id, wallet_id, meter_id, key, value, credits_per_unit, price, debit,
          owed, lot_ids, lot_amounts, batch_id, line, balance_after, occurred_at, booked_at, properties)
"""


def _array(members: Sequence[object]) -> str:
    return "{" + ",".join(map(str, members)) + "}"


async def insert_events(tx: Tx, events: Sequence[UsageEvent]) -> None:
    await tx.execute(
        _INSERT_EVENTS,
        [event.customer_id for event in events],
        [event.recorded_at for event in events],
        [event.id for event in events],
        [event.workspace_id for event in events],
        [event.wallet_id for event in events],
        [event.meter_id for event in events],
        [event.key for event in events],
        [event.value for event in events],
        [event.credits_per_unit for event in events],
        [event.price for event in events],
        [event.debit.value for event in events],
        [event.owed.value for event in events],
        [_array(event.lot_ids) for event in events],
        [_array(event.lot_amounts) for event in events],
        [event.batch_id for event in events],
        [event.line for event in events],
        [event.balance_after.value for event in events],
        [event.occurred_at for event in events],
        [event.booked_at for event in events],
        [None if event.properties is None else msgspec.json.encode(event.properties).decode() for event in events],
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
