"""Usage's SQL, set-based."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Final, cast
from uuid import UUID

import msgspec
from asyncpg import Record

from replenish.core.db import Reads
from replenish.core.ids import CustomerId, MeterId, UsageEventId, WalletId, WorkspaceId
from replenish.core.rows import row_to, rows_to, value
from replenish.core.transaction import Tx
from replenish.usage.model import FUTURE_MAX, PAST_MAX, Month, Rating, UsageEvent, UsageKey, UsageReversal
from replenish.usage.plain import PlainBatch, PlainDebit


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
    stored = cast("object", row["rating"])
    return msgspec.structs.replace(
        event,
        lot_ids=tuple(event.lot_ids),
        lot_amounts=tuple(event.lot_amounts),
        rating=None if stored is None else msgspec.convert(stored, Rating),
        counter_ids=tuple(event.counter_ids or ()),
    )


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
                event.rating,
                event.counter_ids or None,
            )
            for event in events
        ],
    )


_ADD_DAYS: Final = """
insert into usage_days as d (customer_id, workspace_id, wallet_id, meter_id, day, events, value, debit)
select customer_id, workspace_id, wallet_id, meter_id, (booked_at at time zone 'UTC')::date, count(*), sum(value), sum(debit)
from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::timestamptz[], $6::numeric[], $7::numeric[])
    as e (customer_id, workspace_id, wallet_id, meter_id, booked_at, value, debit)
group by 1, 2, 3, 4, 5
on conflict (customer_id, wallet_id, day, meter_id) do update
    set events = d.events + excluded.events, value = d.value + excluded.value, debit = d.debit + excluded.debit
"""


async def add_days(tx: Tx, events: Sequence[UsageEvent]) -> None:
    await tx.execute(
        _ADD_DAYS,
        [event.customer_id for event in events],
        [event.workspace_id for event in events],
        [event.wallet_id for event in events],
        [event.meter_id for event in events],
        [event.booked_at for event in events],
        [event.value for event in events],
        [event.debit.value for event in events],
    )


async def reverse_in_day(tx: Tx, event: UsageEvent) -> int:
    return await tx.execute(
        "update usage_days set reversed = reversed + $4 where customer_id = $1 and wallet_id = $2"
        " and meter_id is not distinct from $3 and day = ($5::timestamptz at time zone 'UTC')::date",
        event.customer_id,
        event.wallet_id,
        event.meter_id,
        event.debit.value,
        event.booked_at,
    )


async def months(db: Reads, wanted: Sequence[Month]) -> Mapping[Month, Decimal]:
    rows = await db.fetch(
        "select m.* from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::date[], $5::text[])"
        " as w (customer_id, wallet_id, meter_id, month, entry)"
        " join usage_months m using (customer_id, wallet_id, meter_id, month, entry)",
        *_columns(wanted),
    )
    return {
        Month(
            CustomerId(value(row, "customer_id", UUID)),
            WalletId(value(row, "wallet_id", UUID)),
            MeterId(value(row, "meter_id", UUID)),
            value(row, "month", date),
            value(row, "entry", str),
        ): value(row, "units", Decimal)
        for row in rows
    }


def _columns(wanted: Sequence[Month]) -> Sequence[Sequence[object]]:
    return (
        [month.customer_id for month in wanted],
        [month.wallet_id for month in wanted],
        [month.meter_id for month in wanted],
        [month.first for month in wanted],
        [month.entry for month in wanted],
    )


async def add_months(
    tx: Tx, months: Sequence[Month], workspace_ids: Sequence[WorkspaceId], units: Sequence[Decimal]
) -> None:
    await tx.execute(
        "insert into usage_months as m (customer_id, wallet_id, meter_id, month, entry, workspace_id, units)"
        " select customer_id, wallet_id, meter_id, month, entry, workspace_id, units"
        " from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::date[], $5::text[], $6::uuid[], $7::numeric[])"
        " as w (customer_id, wallet_id, meter_id, month, entry, workspace_id, units)"
        " on conflict (customer_id, wallet_id, meter_id, month, entry) do update set units = m.units + excluded.units",
        *_columns(months),
        list(workspace_ids),
        list(units),
    )


async def reverse_in_month(tx: Tx, month: Month, units: Decimal) -> int:
    return await tx.execute(
        "update usage_months set units = units - $6"
        " where customer_id = $1 and wallet_id = $2 and meter_id = $3 and month = $4 and entry = $5",
        month.customer_id,
        month.wallet_id,
        month.meter_id,
        month.first,
        month.entry,
        units,
    )


_DEBIT_PLAIN: Final = (
    "select * from debit_plain_usage($1::uuid, $2::interval, $3::interval, $4::uuid[], $5::uuid[], $6::uuid[], $7::int[],"
    " $8::int[], $9::numeric[], $10::uuid[], $11::boolean[], $12::uuid[], $13::int[], $14::int[], $15::uuid[], $16::text[],"
    " $17::bytea[], $18::uuid[], $19::numeric[], $20::numeric[], $21::numeric[], $22::numeric[], $23::timestamptz[],"
    " $24::text[], $25::text[])"
)


async def debit_plain(tx: Tx, batch: PlainBatch) -> list[PlainDebit]:
    ratings = [None if rating is None else msgspec.json.encode(rating).decode() for rating in batch.events.ratings]
    events = msgspec.structs.replace(batch.events, ratings=ratings)
    columns = cast("tuple[object, ...]", msgspec.structs.astuple(batch.wallets) + msgspec.structs.astuple(events))
    rows = await tx.fetch(_DEBIT_PLAIN, batch.id, PAST_MAX, FUTURE_MAX, *columns)
    # The function's columns are the struct's fields, in their order: no look-up by name for each of a thousand rows.
    debit = cast("Callable[..., PlainDebit]", PlainDebit)
    return [debit(*cast("tuple[object, ...]", row)) for row in rows]


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
