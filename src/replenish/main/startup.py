"""What every process that serves does before it begins."""

from replenish.core import db as database
from replenish.core.db import Database
from replenish.core.errors import Unavailable
from replenish.core.migrate import missing
from replenish.core.settings import Settings


async def open_database(settings: Settings, *, application: str) -> Database:
    """The pool of a process that serves. Raises Unavailable when the database lacks a migration of this version."""
    db = await database.connect(settings.database_url, size_max=settings.pool_size, application=application)
    lacking = await missing(db)
    if lacking:
        await db.close()
        raise Unavailable(f"The database lacks {', '.join(lacking)}. Run `replenish migrate` first.")
    return db
