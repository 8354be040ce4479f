"""A shop with its own database and bank for each test."""

from collections.abc import AsyncIterator

import pytest
from litestar import Litestar
from tests.portal.shop import SECRET, Shop, open_shop

from replenish.core.db import Database
from replenish.core.settings import Settings
from replenish.main.app import create_app
from replenish.providers.sandbox.sandbox import Sandbox, open_sandbox

BASE_URL = "http://127.0.0.1:8700"


@pytest.fixture
async def sandbox(database_url: str) -> AsyncIterator[Sandbox]:
    opened = await open_sandbox(
        database_url=database_url, base_url=BASE_URL, secret=SECRET, allow_live=False, settle_seconds=3600
    )
    yield opened
    await opened.close()


@pytest.fixture
async def app(database_url: str) -> AsyncIterator[Litestar]:
    """The program itself, as it is served."""
    made = create_app(Settings(database_url=database_url, secret_key=SECRET, base_url=BASE_URL))
    async with made.lifespan():
        yield made


@pytest.fixture
async def shop(db: Database, sandbox: Sandbox, app: Litestar) -> Shop:
    return await open_shop(db, sandbox, app, BASE_URL)
