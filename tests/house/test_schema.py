"""The rules of the data, read from the database that the migrations made.

Born shardable: the same schema must run hash-distributed by customer on Citus. What breaks that works perfectly well on one
server, until the day when it is needed; so it is held here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import asyncpg
import msgspec
import pytest

# Tables that name a customer and are not sharded by one, because they are found by something else first.
DIRECTORY = {
    "portal_sessions": "found by the hash of a link or cookie",
    "checkout_sessions": "found by the slug in the page's address",
    "outside_objects": "found by the provider's own id",
}
# Kept by a provider that pretends to be the outside world; its books are not ours.
FOREIGN_SCHEMAS = ("sandbox",)

# What a debit writes into rows that are there already.
DEBIT_CHANGES = {
    "wallets": {"available", "held", "owed", "spent", "line", "now_at", "recorded_at", "carry"},
    "lots": {"remaining", "held"},
    "owed_items": {"remaining"},
}


class Index(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    unique: bool
    primary: bool
    keys: tuple[str, ...]  # columns; an expression as its text
    whole: str  # the definition, with predicate, expressions and included columns


class Table(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    columns: dict[str, str]  # name to type
    indexes: list[Index]
    # The columns here, the table there, the columns there.
    foreign_keys: list[tuple[tuple[str, ...], str, tuple[str, ...]]]

    @property
    def primary_key(self) -> tuple[str, ...]:
        return next((index.keys for index in self.indexes if index.primary), ())

    @property
    def is_sharded(self) -> bool:
        return "customer_id" in self.columns and self.name not in DIRECTORY


TABLES = """
    select t.oid, case n.nspname when 'public' then t.relname else n.nspname || '.' || t.relname end as name
    from pg_class t join pg_namespace n on n.oid = t.relnamespace
    where t.relkind in ('r', 'p') and not t.relispartition
      and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_' and n.nspname <> all ($1)
    order by 2"""
COLUMNS = """
    select attname as name, format_type(atttypid, atttypmod) as type from pg_attribute
    where attrelid = $1 and attnum > 0 and not attisdropped"""
INDEXES = """
    select c.relname as name, i.indisunique as unique, i.indisprimary as primary, pg_get_indexdef(i.indexrelid) as whole,
           array(select pg_get_indexdef(i.indexrelid, k, true) from generate_series(1, i.indnkeyatts) k) as keys
    from pg_index i join pg_class c on c.oid = i.indexrelid where i.indrelid = $1"""
FOREIGN_KEYS = """
    select f.relname as there,
           array(select attname::text from unnest(x.conkey) with ordinality k(n, o)
                 join pg_attribute on attrelid = x.conrelid and attnum = n order by o) as keys,
           array(select attname::text from unnest(x.confkey) with ordinality k(n, o)
                 join pg_attribute on attrelid = x.confrelid and attnum = n order by o) as keys_there
    from pg_constraint x join pg_class f on f.oid = x.confrelid where x.conrelid = $1 and x.contype = 'f'"""


async def read_schema(connection: asyncpg.Pool[asyncpg.Record]) -> list[Table]:
    tables = []
    for row in await connection.fetch(TABLES, list(FOREIGN_SCHEMAS)):
        oid = row["oid"]
        tables.append(
            Table(
                name=row["name"],
                columns={column["name"]: column["type"] for column in await connection.fetch(COLUMNS, oid)},
                indexes=[
                    Index(
                        name=index["name"],
                        unique=index["unique"],
                        primary=index["primary"],
                        keys=tuple(index["keys"]),
                        whole=index["whole"],
                    )
                    for index in await connection.fetch(INDEXES, oid)
                ],
                foreign_keys=[
                    (tuple(key["keys"]), key["there"], tuple(key["keys_there"]))
                    for key in await connection.fetch(FOREIGN_KEYS, oid)
                ],
            )
        )
    return tables


# -- the rules: each takes the whole schema and names what breaks it


def without_customer_in_the_primary_key(tables: list[Table]) -> Iterator[str]:
    """Citus places a row by customer_id: a primary key must begin with it, and a row be found by (customer_id, id)."""
    for table in tables:
        if not table.is_sharded:
            continue
        allowed = {("customer_id", "id"), ("customer_id", "recorded_at", "id")}  # the second is partitioned by month
        if "id" in table.columns and table.primary_key not in allowed:
            yield f"{table.name}: primary key {table.primary_key}, not (customer_id, id)"
        elif not table.primary_key or table.primary_key[0] != "customer_id":
            yield f"{table.name}: primary key {table.primary_key} does not begin with customer_id"


def unique_without_customer(tables: list[Table]) -> Iterator[str]:
    """A shard sees only its own customers: uniqueness across them would hold on one server and nowhere else."""
    for table in tables:
        for index in table.indexes:
            if table.is_sharded and index.unique and "customer_id" not in index.keys:
                yield f"{table.name}: {index.name} is unique without customer_id"


def without_plain_index_on_id(tables: list[Table]) -> Iterator[str]:
    """Reads by id alone fan out over the shards; without an index each would scan its table."""
    for table in tables:
        plain = any(
            index.keys == ("id",) and not index.unique and " WHERE " not in index.whole for index in table.indexes
        )
        if table.is_sharded and "id" in table.columns and not plain:
            yield f"{table.name}: no plain index on id"


def foreign_keys_across_customers(tables: list[Table]) -> Iterator[str]:
    """A key from one customer's row to another's, or to an unsharded table, cannot be checked within a shard."""
    by_name = {table.name: table for table in tables}
    for table in tables:
        for keys, there, keys_there in table.foreign_keys:
            target = by_name.get(there)
            if target is None or not (table.is_sharded or target.is_sharded):
                continue
            same = [(mine, theirs) for mine, theirs in zip(keys, keys_there, strict=True) if mine == "customer_id"]
            if not (table.is_sharded and target.is_sharded and same == [("customer_id", "customer_id")]):
                yield f"{table.name}: foreign key {keys} to {there} {keys_there} crosses customers"


def indexed_and_changed_by_debits(tables: list[Table]) -> Iterator[str]:
    """An index on, or a predicate over, what each debit changes ends HOT updates: every debit would write every index."""
    for table in tables:
        for column in sorted(DEBIT_CHANGES.get(table.name, set())):
            for index in table.indexes:
                if re.search(rf"\b{column}\b", index.whole.partition(" USING ")[2]):
                    yield f"{table.name}: {index.name} is about {column}, which every debit changes"


def inexact_or_local(tables: list[Table]) -> Iterator[str]:
    """Law 5: binary fractions lose money. And a timestamp without its zone means another moment on another machine."""
    for table in tables:
        for column, kind in table.columns.items():
            if re.match(r"real|double precision|money|timestamp(\(\d\))? without|time\b", kind):
                yield f"{table.name}.{column} is {kind}"


RULES = [
    without_customer_in_the_primary_key,
    unique_without_customer,
    without_plain_index_on_id,
    foreign_keys_across_customers,
    indexed_and_changed_by_debits,
    inexact_or_local,
]


async def test_the_migrated_schema_keeps_every_rule(pool: asyncpg.Pool[asyncpg.Record]) -> None:
    tables = await read_schema(pool)
    assert sum(table.is_sharded for table in tables) >= 10
    assert [problem for rule in RULES for problem in rule(tables)] == []


async def test_the_lists_of_this_file_name_what_exists(pool: asyncpg.Pool[asyncpg.Record]) -> None:
    """A renamed column would silently be watched no longer."""
    tables = {table.name: table for table in await read_schema(pool)}
    assert set(DIRECTORY) - set(tables) == set()
    assert {name: columns - set(tables[name].columns) for name, columns in DEBIT_CHANGES.items()} == {
        name: set() for name in DEBIT_CHANGES
    }


VIOLATIONS = [
    ("create table rebel (customer_id uuid not null, id uuid primary key)", "not (customer_id, id)"),
    (
        "create table rebel (customer_id uuid, key text, primary key (key, customer_id))",
        "does not begin with customer_id",
    ),
    ("create table rebel (customer_id uuid, key text)", "does not begin with customer_id"),
    ("alter table lots add column code text unique", "unique without customer_id"),
    ("create unique index on top_ups (workspace_id, number)", "unique without customer_id"),
    ("create table rebel (customer_id uuid, id uuid, primary key (customer_id, id))", "no plain index on id"),
    ("drop index wallets_id_idx; create index on wallets (id) where frozen_at is null", "no plain index on id"),
    ("alter table lots add column parent_id uuid references customers", "crosses customers"),
    (
        "alter table lots add foreign key (wallet_id, source_id) references wallets (customer_id, id)",
        "crosses customers",
    ),
    ("create index on wallets (customer_id, available)", "is about available"),
    ("create index on lots (customer_id) where remaining > 0", "is about remaining"),
    ("create index on lots (customer_id) include (held)", "is about held"),
    ("create index on wallets ((issued - spent))", "is about spent"),
    ("alter table lots add column ratio double precision", "lots.ratio is double precision"),
    ("alter table lots add column seen timestamp", "lots.seen is timestamp without time zone"),
]


@pytest.mark.parametrize(("statement", "says"), VIOLATIONS, ids=[row[0][:60] for row in VIOLATIONS])
async def test_a_statement_that_breaks_a_rule_is_caught(
    pool: asyncpg.Pool[asyncpg.Record], statement: str, says: str
) -> None:
    await pool.execute(statement)
    found = [problem for rule in RULES for problem in rule(await read_schema(pool))]
    assert any(says in problem for problem in found), found


async def test_a_foreign_key_within_a_customer_is_allowed(pool: asyncpg.Pool[asyncpg.Record]) -> None:
    await pool.execute("alter table lots add foreign key (customer_id, wallet_id) references wallets (customer_id, id)")
    assert list(foreign_keys_across_customers(await read_schema(pool))) == []
