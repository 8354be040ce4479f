"""The real application behind a real socket."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from replenish.core.db import connect
from replenish.main.app import create_app
from support.api_shop import Shop, open_shop, serving, settings_for
from support.trade import trade


@contextmanager
def live(database_url: str) -> Iterator[str]:
    """Serve on a free port of 127.0.0.1; gives the base URL."""
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(settings_for(database_url)), host="127.0.0.1", port=0, log_level="error", access_log=False
        )
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(timeout=20)


def stocked_shop(database_url: str) -> Shop:
    """Ann's shop with one of everything, made before anybody serves; its key and ids are good over the socket, too."""

    async def make() -> Shop:
        db = await connect(database_url)
        try:
            async with serving(database_url) as client:
                return await trade(await (await open_shop(db, client, "Ann's maps")).stock())
        finally:
            await db.close()

    return asyncio.run(make())
