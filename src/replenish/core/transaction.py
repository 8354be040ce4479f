"""The one place where transactions are opened; only flows import it.

Below a flow, functions take a `Tx` and never commit. Transactions do not nest: a flow inside a flow would commit or roll
back half of its caller's work. No network call belongs inside one (law 9).
"""

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar
from typing import Final, cast

from asyncpg import Record
from asyncpg.pool import PoolConnectionProxy

from replenish.core.db import Database

_open: Final[ContextVar[bool]] = ContextVar("replenish_transaction_open", default=False)


class Tx:
    """An open transaction."""

    __slots__ = ("_connection",)

    def __init__(self, connection: "PoolConnectionProxy[Record]") -> None:
        self._connection = connection

    async def fetch(self, query: str, *args: object) -> Sequence[Record]:
        return await self._connection.fetch(query, *args)

    async def fetchrow(self, query: str, *args: object) -> Record | None:
        return await self._connection.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: object) -> object:
        return cast("object", await self._connection.fetchval(query, *args))

    async def execute(self, query: str, *args: object) -> int:
        """Run a write; returns how many rows it touched."""
        status = await self._connection.execute(query, *args)
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    def nested(self) -> AbstractAsyncContextManager[object]:
        """For `savepoint` below."""
        return self._connection.transaction()

    async def copy(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Add many rows by COPY: a third of the cost of INSERT from arrays, and arrays may hold arrays."""
        await self._connection.copy_records_to_table(table, columns=list(columns), records=rows)


@asynccontextmanager
async def savepoint(tx: Tx) -> AsyncGenerator[None]:
    """Part of a transaction that may fail alone: an exception undoes it and goes on; what came before is kept."""
    async with tx.nested():
        yield


@asynccontextmanager
async def single_statement(db: Database) -> AsyncGenerator[Tx]:
    """For a flow whose write is one statement: the server commits it by itself, which saves two of three round trips.

    A second statement would be a second transaction. Raises RuntimeError when one is open already.
    """
    if _open.get():
        raise RuntimeError("a transaction is open already; transactions do not nest")
    async with db.pool.acquire() as connection:
        yield Tx(connection)


@asynccontextmanager
async def transaction(db: Database) -> AsyncGenerator[Tx]:
    """READ COMMITTED; commits at the end, rolls back on any exception. Raises RuntimeError when one is open already."""
    if _open.get():
        raise RuntimeError("a transaction is open already; transactions do not nest")
    token = _open.set(True)
    try:
        async with db.pool.acquire() as connection, connection.transaction():
            yield Tx(connection)
    finally:
        _open.reset(token)
