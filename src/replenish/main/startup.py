"""What every process does before it begins."""

from replenish.core import db as database
from replenish.core.db import Database
from replenish.core.errors import Unavailable
from replenish.core.migrate import missing


async def open_database(
    url: str, *, size_max: int, application: str, statement_seconds_max: float | None = 60
) -> Database:
    """The pool of a process that relies on the schema. Raises Unavailable when the database lacks a migration of this version."""
    db = await database.connect(
        url, size_max=size_max, application=application, statement_seconds_max=statement_seconds_max
    )
    lacking = await missing(db)
    if lacking:
        await db.close()
        raise Unavailable(f"The database lacks {', '.join(lacking)}. Run `replenish migrate` first.")
    return db
