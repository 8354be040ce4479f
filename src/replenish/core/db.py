"""The database: one pool, JSON as msgspec writes it, no session state left behind."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Final, Protocol, cast

import asyncpg
import msgspec
from asyncpg import Record

# What the driver raises when the server refuses or has gone, beside OSError and TimeoutError.
DatabaseError = (asyncpg.PostgresError, asyncpg.InterfaceError)


class Reads(Protocol):
    """What a query needs: a `Database` or a `core.transaction.Tx`.

    Writes ask for a Tx, so that a write outside a transaction is a type error.
    """

    async def fetch(self, query: str, *args: object) -> Sequence[Record]: ...
    async def fetchrow(self, query: str, *args: object) -> Record | None: ...
    async def fetchval(self, query: str, *args: object) -> object: ...


class Database:
    """A pool of connections. Reads run on any of them; writes go through `core.transaction.transaction`."""

    __slots__ = ("pool",)

    def __init__(self, pool: "asyncpg.Pool[Record]") -> None:
        self.pool = pool

    async def fetch(self, query: str, *args: object) -> Sequence[Record]:
        return await self.pool.fetch(query, *args)

    async def fetchrow(self, query: str, *args: object) -> Record | None:
        return await self.pool.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: object) -> object:
        return cast("object", await self.pool.fetchval(query, *args))

    @asynccontextmanager
    async def snapshot(self) -> AsyncGenerator[Reads]:
        """Several reads of one instant: a read-only snapshot that no concurrent write can tear."""
        async with (
            self.pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield connection

    async def close(self) -> None:
        await self.pool.close()


async def connect(
    url: str,
    *,
    size_max: int = 10,
    size_min: int = 1,
    application: str = "replenish",
    statement_seconds_max: float | None = 60,
) -> Database:
    """Open a pool on `postgresql://…`. Raises the driver's error when the server cannot be reached.

    A statement that takes longer than `statement_seconds_max` raises TimeoutError; None: it may take as long as it takes.
    """
    pool = await asyncpg.create_pool(
        url,
        min_size=size_min,
        max_size=size_max,
        init=_prepare,
        reset=_leave,
        command_timeout=statement_seconds_max,
        server_settings={"application_name": application, "timezone": "UTC", "jit": "off"},
    )
    return Database(pool)


# In its binary form jsonb is a version byte before the text; COPY knows no other form.
_JSONB_VERSION: Final = b"\x01"


def _to_jsonb(value: object) -> bytes:
    return _JSONB_VERSION + msgspec.json.encode(value)


def _from_jsonb(raw: bytes) -> object:
    return cast("object", msgspec.json.decode(raw[1:]))


async def _prepare(connection: "asyncpg.Connection[Record]") -> None:
    await connection.set_type_codec(
        "jsonb", encoder=_to_jsonb, decoder=_from_jsonb, schema="pg_catalog", format="binary"
    )


async def _leave(_connection: "asyncpg.Connection[Record]") -> None:
    """Asyncpg's own reset costs a round trip per statement; we never set session state, so nothing needs resetting."""
