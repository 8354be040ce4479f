"""The sandbox's bank on the test's database, alone and with a whole shop around it."""

from collections.abc import AsyncIterator

import pytest

from replenish.core.db import Database
from replenish.providers.sandbox.sandbox import Sandbox, open_sandbox
from support.shop import BASE_URL, SECRET, Shop, close_shop, open_shop


@pytest.fixture
async def sandbox(database_url: str) -> AsyncIterator[Sandbox]:
    opened = await open_sandbox(
        database_url=database_url, base_url=BASE_URL, secret=SECRET, allow_live=False, settle_seconds=3600
    )
    yield opened
    await opened.close()


@pytest.fixture
async def shop(db: Database, database_url: str) -> AsyncIterator[Shop]:
    opened = await open_shop(db, database_url)
    yield opened
    await close_shop(opened)
