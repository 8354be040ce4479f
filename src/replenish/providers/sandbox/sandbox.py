"""Putting the sandbox together: what `main` calls."""

import asyncpg
import httpx
from asyncpg import Record
from asyncpg.pool import Pool
from litestar import Router

from replenish.providers.sandbox import pages
from replenish.providers.sandbox.bank import Bank
from replenish.providers.sandbox.client import SandboxClient
from replenish.providers.sandbox.events import Pump, http_sender
from replenish.providers.sandbox.provider import SandboxProvider

_CONNECTIONS_MAX = 5


class Sandbox:
    """The bank with its own pool, the provider that speaks to it, its pages and its event pump."""

    def __init__(
        self, *, pool: "Pool[Record]", base_url: str, secret: str, allow_live: bool, settle_seconds: float = 10
    ) -> None:
        self._pool = pool
        self._base_url = base_url
        self._secret = secret
        self.bank = Bank(pool, settle_seconds=settle_seconds)
        self.provider = SandboxProvider(
            client=SandboxClient(self.bank), base_url=base_url, secret=secret, allow_live=allow_live
        )

    def routes(self) -> Router:
        """The hosted pages, for the web process."""
        return pages.routes(self.bank)

    def pump(self, http: httpx.AsyncClient) -> Pump:
        """The event delivery, for the worker: run `settle_due` of the bank and `run_once` of this every second or so."""
        return Pump(pool=self._pool, secret=self._secret, base_url=self._base_url, send=http_sender(http))

    async def close(self) -> None:
        await self._pool.close()


async def open_sandbox(
    *, database_url: str, base_url: str, secret: str, allow_live: bool, settle_seconds: float = 10
) -> Sandbox:
    """Connect the sandbox to its books, on connections of its own."""
    pool = await asyncpg.create_pool(
        database_url,
        min_size=0,
        max_size=_CONNECTIONS_MAX,
        command_timeout=30,
        server_settings={"application_name": "replenish sandbox", "timezone": "UTC"},
    )
    return Sandbox(pool=pool, base_url=base_url, secret=secret, allow_live=allow_live, settle_seconds=settle_seconds)
