"""Damages one row at a time, past every constraint and trigger, and asks the checks of `replenish verify` what they see."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import msgspec

from replenish.reports.verify import CHECKS

NUMBERS = {"numeric", "bigint", "integer", "smallint"}
# Which wallet, lot, purchase or cause a number belongs to stands for the number itself.
LINKS = {
    "customer_id",
    "wallet_id",
    "lot_id",
    "lot_ids",
    "cause_id",
    "event_id",
    "top_up_id",
    "payment_id",
    "recharge_attempt_id",
    "schedule_id",
    "carried_lot_id",
    "budget_id",
    "counter_ids",
}
# Named by number, so that a check that is not named cannot hide one that is.
_FIRST_REPORT = "select case " + " ".join(f"when exists ({check.sql}) then '{check.name}'" for check in CHECKS) + " end"
_TABLES = """
select relname from pg_class
where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition order by 1
"""
_COLUMNS = """
select attname as name, format_type(atttypid, null) as type from pg_attribute
where attrelid = $1::text::regclass and attnum > 0 and not attisdropped order by attnum
"""
_CONSTRAINTS = """
select format('alter table %s drop constraint %I cascade', conrelid::regclass, conname) from pg_constraint
where connamespace = 'public'::regnamespace and contype in ('f', 'c', 'u') and coninhcount = 0 and conparentid = 0
order by array_position('{f,c,u}', contype)
"""
_UNIQUE = """
select format('drop index %s', indexrelid::regclass) from pg_index join pg_class on pg_class.oid = indexrelid
where indisunique and not indisprimary and relnamespace = 'public'::regnamespace and not relispartition
"""


class Damage(msgspec.Struct, frozen=True):
    """`what` is a column, or "a row deleted" or "a row added"; `sql` lacks only the condition that picks the row."""

    table: str
    what: str
    sql: str
    of: str = "true"

    @property
    def name(self) -> str:
        return f"{self.table}.{self.what}"


async def tables(pool: asyncpg.Pool[asyncpg.Record]) -> list[str]:
    return [row[0] for row in await pool.fetch(_TABLES)]


async def damages(pool: asyncpg.Pool[asyncpg.Record], table: str) -> list[Damage]:
    """Every number and every link changed, the row deleted, the row added once more."""
    columns = {row["name"]: row["type"] for row in await pool.fetch(_COLUMNS, table)}
    found = []
    for name, type_ in columns.items():
        change = None
        if type_ in NUMBERS:
            change = f"{name} = {name} + 1"
        elif type_ == "numeric[]":
            change = f"{name}[1] = {name}[1] + 1"
        elif name in LINKS:
            change = f"{name} = gen_random_uuid()" if type_ == "uuid" else f"{name}[1] = gen_random_uuid()"
        if change is not None:
            there = f"cardinality({name}) > 0" if type_.endswith("[]") else f"{name} is not null"
            found.append(Damage(table, name, f"update {table} set {change}", there))  # noqa: S608 - from the schema
    own = {"id": "gen_random_uuid()"} if "id" in columns else {"key": "key || ' again'"} if "key" in columns else {}
    copied = ", ".join(own.get(name, name) for name in columns)
    found.append(Damage(table, "a row deleted", f"delete from {table}"))  # noqa: S608 - from the schema
    if own:
        found.append(Damage(table, "a row added", f"insert into {table} select {copied} from {table}"))  # noqa: S608 - from the schema
    return found


class Wreck:
    """A transaction without any constraint but primary keys; what is damaged in it is undone after each look."""

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        self.connection = connection
        self._look: asyncpg.prepared_stmt.PreparedStatement[asyncpg.Record] | None = None

    async def first_report(self) -> str | None:
        """The first check that sees a difference."""
        # Prepared once: planning all checks takes longer than running them on so few rows.
        self._look = self._look or await self.connection.prepare(_FIRST_REPORT)
        return await self._look.fetchval()

    async def unseen(self, damage: Damage) -> tuple[int, int]:
        """Do it to each row in turn. Returns how many rows there were, and with how many nothing was reported."""
        rows = await self.connection.fetch(
            f"select tableoid::bigint as part, ctid::text as place from {damage.table} where {damage.of}"  # noqa: S608 - from the schema
        )
        unseen = 0
        for row in rows:
            undo = self.connection.transaction()
            await undo.start()
            await self.connection.execute(
                f"{damage.sql} where tableoid = {row['part']} and ctid = '{row['place']}'::tid"
            )
            unseen += await self.first_report() is None
            await undo.rollback()
        return len(rows), unseen


@asynccontextmanager
async def wreck(pool: asyncpg.Pool[asyncpg.Record]) -> AsyncIterator[Wreck]:
    async with pool.acquire() as connection:
        undo = connection.transaction()
        await undo.start()
        await connection.execute("set local session_replication_role = replica")
        for query in (_CONSTRAINTS, _UNIQUE):
            for row in await connection.fetch(query):
                await connection.execute(row[0])
        try:
            yield Wreck(connection)
        finally:
            await undo.rollback()
