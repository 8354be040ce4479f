"""A merchant's program on one side, the real application on the other."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
import uvicorn

from replenish_client import AsyncReplenish, Replenish
from support.waiting import wait_until
from support.world import World, open_world


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with open_world(database_url) as opened:
        yield opened


@pytest.fixture
async def async_client(world: World) -> AsyncIterator[AsyncReplenish]:
    """Speaks to the application in this process."""
    async with AsyncReplenish(world.api.key, "http://127.0.0.1:8700", http_client=world.http) as client:
        yield client


class _Server(uvicorn.Server):
    """Runs in a thread, which may not take the process's signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@pytest.fixture
def client(database_url: str) -> Iterator[Replenish]:
    """Speaks over a socket to a server of its own."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    ready: list[tuple[_Server, str]] = []

    async def serve() -> None:
        async with open_world(database_url) as world:
            server = _Server(uvicorn.Config(world.app, lifespan="off", log_config=None, access_log=False))
            ready.append((server, world.api.key))
            await server.serve(sockets=[listening])

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        wait_until(lambda: bool(ready) and ready[0][0].started)
        server, key = ready[0]
        with Replenish(key, f"http://127.0.0.1:{listening.getsockname()[1]}") as made:
            yield made
    finally:
        for server, _ in ready:
            server.should_exit = True
        thread.join()
        listening.close()
