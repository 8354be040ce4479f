"""Forward-only SQL migrations: numbered files, one transaction each, under an advisory lock.

Lock and statement timeouts make a migration wait briefly or fail, so that it can never queue in front of the traffic.
"""

from importlib.resources import files
from typing import Final

import asyncpg
import msgspec

from replenish.core.db import Reads
from replenish.core.errors import Unavailable
from replenish.core.rows import value

_LOCK: Final = 7_305_808_601_004_321
_PACKAGE: Final = "replenish.migrations"


class Migration(msgspec.Struct, frozen=True):
    number: int
    name: str
    sql: str


def migrations() -> list[Migration]:
    """All migrations that ship with this version, in order. Raises ValueError on a gap or a repeated number."""
    found = [
        Migration(number=int(entry.name.partition("_")[0]), name=entry.name.removesuffix(".sql"), sql=entry.read_text())
        for entry in sorted(files(_PACKAGE).iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".sql")
    ]
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise ValueError("migrations must be numbered 0001, 0002, … without gaps")
    return found


async def missing(db: Reads) -> list[str]:
    """The names of the migrations that this version ships and the database lacks."""
    made = await db.fetchval("select to_regclass('public.schema_migrations') is not null")
    rows = await db.fetch("select number from schema_migrations") if made else ()
    done = {value(row, "number", int) for row in rows}
    return [migration.name for migration in migrations() if migration.number not in done]


async def migrate(url: str) -> list[str]:
    """Bring the database up to this version; returns the names applied.

    Raises Unavailable when the database is newer than this program: an old version must not write to a new schema.
    """
    shipped = migrations()
    connection = await asyncpg.connect(url, server_settings={"application_name": "replenish migrate"})
    try:
        await connection.execute("select pg_advisory_lock($1)", _LOCK)
        await connection.execute(
            "create table if not exists schema_migrations (number int primary key, name text not null,"
            " applied_at timestamptz not null default now())"
        )
        rows = await connection.fetch("select number, name from schema_migrations order by number")
        done: set[int] = {value(row, "number", int) for row in rows}
        if done and max(done) > shipped[-1].number:
            raise Unavailable("This database was made by a newer version of Replenish; upgrade the program first.")
        applied: list[str] = []
        for migration in shipped:
            if migration.number in done:
                continue
            async with connection.transaction():
                await connection.execute("set local lock_timeout = '5s'; set local statement_timeout = '10min'")
                await connection.execute(migration.sql)
                await connection.execute(
                    "insert into schema_migrations (number, name) values ($1, $2)", migration.number, migration.name
                )
            applied.append(migration.name)
        return applied
    finally:
        await connection.close()
