"""The program on a real port, in a thread with a loop of its own, and Chromium in front of it."""

import asyncio
import socket
import threading
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

import msgspec
import pytest
import uvicorn
from playwright.sync_api import Browser, sync_playwright
from tests.portal.shop import SECRET, Shop, open_shop

from replenish.core.db import connect
from replenish.core.settings import Settings
from replenish.main.app import create_app
from replenish.providers.sandbox.sandbox import open_sandbox
from support.chromium import launch_chromium
from support.waiting import wait_until

Answer = TypeVar("Answer")


class Site(msgspec.Struct):
    """Northwind's shop, served. `do` runs what its merchant and workers do, on the server's own loop."""

    shop: Shop
    url: str
    loop: asyncio.AbstractEventLoop

    def do(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    ready: list[tuple[Site, uvicorn.Server]] = []

    async def serve() -> None:
        db = await connect(database_url, size_max=10, application="replenish tests")
        sandbox = await open_sandbox(
            database_url=database_url, base_url=url, secret=SECRET, allow_live=False, settle_seconds=3600
        )
        app = create_app(Settings(database_url=database_url, secret_key=SECRET, base_url=url))
        try:
            async with app.lifespan():
                shop = await open_shop(db, sandbox, app, url)
                server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
                ready.append((Site(shop=shop, url=url, loop=asyncio.get_running_loop()), server))
                await server.serve([listener])
        finally:
            await sandbox.close()
            await db.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        wait_until(lambda: (ready and ready[0][1].started) or not thread.is_alive(), what="the server's start")
        yield ready[0][0]
    finally:
        for _, server in ready:
            server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture
def browser(site: Site) -> Iterator[Browser]:
    """Comes after the site and goes before it: while it runs, nothing else can run a loop in this thread."""
    assert site.url
    with sync_playwright() as playwright:
        browser = launch_chromium(playwright)
        yield browser
        browser.close()
