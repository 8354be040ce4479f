"""Migrations are applied once, in order, and never over a newer schema."""

import asyncpg
import pytest

from replenish.core.db import Database
from replenish.core.errors import Unavailable
from replenish.core.migrate import migrate, migrations


async def test_a_migrated_database_needs_nothing(db: Database, database_url: str) -> None:
    assert await migrate(database_url) == []
    rows = await db.fetch("select number, name from schema_migrations order by number")
    assert [tuple(row) for row in rows] == [(migration.number, migration.name) for migration in migrations()]


async def test_a_newer_schema_is_left_alone(pool: "asyncpg.Pool[asyncpg.Record]", database_url: str) -> None:
    await pool.execute("insert into schema_migrations (number, name) values (9999, '9999_from_tomorrow')")
    with pytest.raises(Unavailable, match="newer version"):
        await migrate(database_url)
