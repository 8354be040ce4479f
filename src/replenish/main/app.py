"""The web application: everything the edges serve, wired to one pool."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

import structlog
from litestar import Litestar, Response, get
from litestar.datastructures import State

from replenish.core import settings as environment
from replenish.core.db import Database, DatabaseError
from replenish.core.settings import Settings
from replenish.main.startup import open_database

log = structlog.stdlib.get_logger(__name__)


def create_app(settings: Settings | None = None) -> Litestar:
    """Build the application; without `settings` from the environment, as uvicorn's factory does."""
    known = environment.from_environment() if settings is None else settings

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncGenerator[None]:
        db = await open_database(known.database_url, size_max=known.pool_size, application="replenish web")
        app.state.db = db
        try:
            yield
        finally:
            await db.close()

    return Litestar(
        route_handlers=[healthz], lifespan=[lifespan], openapi_config=None, state=State({"settings": known})
    )


@get("/healthz")
async def healthz(state: State) -> Response[dict[str, str]]:
    """200 when a request that needs the database can be served, else 503."""
    db = cast("Database", state.db)
    try:
        await db.fetchval("select 1")
    except (OSError, TimeoutError, *DatabaseError) as error:
        log.warning("healthz", error=repr(error))
        return Response({"status": "database unavailable"}, status_code=503)
    return Response({"status": "ok"})
