"""Databases in which usage events are stored already, as debits would have left them; and what they take up on disk."""

import asyncio
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import msgspec

from bench.shop import WALLETS, Shop, open_shop

STORE = Path(__file__).with_name("stored.sql")
BATCH = 1_000
LANES = 2
# A call's events are sorted in memory, and shown as progress.
CALL_BATCHES = 200
SPAN = timedelta(days=60)
# Filling is not measured, and what a crash would lose is thrown away anyway; the server is started anew for the rounds.
FILLING_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "shared_buffers": "2GB",
    "maintenance_work_mem": "512MB",
    "autovacuum": "off",
}
RELATIONS = ("usage_events", "usage_keys", "transfers", "usage_days")


class Size(msgspec.Struct, frozen=True):
    """Bytes of a relation with its partitions, and how many rows the planner knows of."""

    relation: str
    table: int
    indexes: dict[str, int]
    rows: int

    @property
    def total(self) -> int:
        return self.table + sum(self.indexes.values())


async def open_stored(server_url: str, name: str, *, events: int, wallets: int = WALLETS) -> Shop:
    """A fresh database with so many events of the last 60 days, spread over all wallets; vacuumed and analyzed.

    Events are stored by the batch: `events` is rounded up to a thousand.
    """
    until = datetime.now(UTC)
    shop = await open_shop(server_url, name, wallets=wallets, since=until - SPAN)
    if events:
        connections = [await asyncpg.connect(shop.url) for _ in range(LANES)]
        try:
            await _prepare(connections[0], since=until - SPAN)
            progress = _Progress(events)
            await asyncio.gather(
                *(
                    _store_lane(connection, shop, lane, until=until, events=events, progress=progress)
                    for lane, connection in enumerate(connections)
                )
            )
            progress.say("vacuum analyze")
            await connections[0].execute("vacuum analyze", timeout=3600)
            progress.say("done")
        finally:
            for connection in connections:
                await connection.close(timeout=60)
    return shop


async def _prepare(connection: asyncpg.Connection, *, since: datetime) -> None:
    await connection.execute(STORE.read_text())
    await connection.execute(
        "select make_usage_partition(month::date) from generate_series("
        "date_trunc('month', $1::timestamptz at time zone 'UTC'), now() at time zone 'UTC', '1 month') month",
        since,
    )


async def _store_lane(
    connection: asyncpg.Connection, shop: Shop, lane: int, *, until: datetime, events: int, progress: "_Progress"
) -> None:
    batches = -(-events // BATCH)
    for first in range(0, batches, CALL_BATCHES):
        stored = await connection.fetchval(
            "select bench_store($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            shop.workspace_id,
            shop.currency.id,
            shop.meter.id,
            until - SPAN,
            until,
            batches,
            BATCH,
            first,
            min(first + CALL_BATCHES, batches) - 1,
            lane,
            LANES,
            timeout=3600,
        )
        progress.add(stored)


class _Progress:
    def __init__(self, events: int) -> None:
        self.events = events
        self.stored = 0
        self.begin = time.perf_counter()

    def add(self, stored: int) -> None:
        self.stored += stored
        self.say("stored")

    def say(self, step: str) -> None:
        print(
            f"  {self.stored:,} of {self.events:,} events, {time.perf_counter() - self.begin:.0f} s: {step}",
            file=sys.stderr,
            flush=True,
        )


async def sizes(url: str) -> list[Size]:
    """Of what a debit adds rows to, as they are on disk now."""
    connection = await asyncpg.connect(url)
    try:
        return [await _size(connection, relation) for relation in RELATIONS]
    finally:
        await connection.close()


_PARTS = "(select $1::text::regclass as part union select relid from pg_partition_tree($1::text::regclass)) parts"


async def _size(connection: asyncpg.Connection, relation: str) -> Size:
    table, rows = await connection.fetchrow(
        "select sum(pg_table_size(part))::bigint, sum(reltuples) filter (where relkind = 'r')::bigint"
        f" from {_PARTS} join pg_class on pg_class.oid = part",
        relation,
    )
    # Of all partitions together, by the columns.
    indexes = await connection.fetch(
        "select (select string_agg(attname, ', ' order by attnum) from pg_attribute where attrelid = indexrelid) as columns,"
        f" sum(pg_relation_size(indexrelid))::bigint as size from {_PARTS} join pg_index on indrelid = part"
        " group by 1 order by 1",
        relation,
    )
    return Size(relation, table, {row["columns"]: row["size"] for row in indexes}, rows)
