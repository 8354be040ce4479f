"""The real application on a database of the test's own, and two merchants: Ann and Ben."""

from collections.abc import AsyncIterator

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from replenish.core.db import Database
from support.api_shop import Shop, open_shop, serving


@pytest.fixture
async def client(database_url: str) -> AsyncIterator[AsyncTestClient[Litestar]]:
    async with serving(database_url) as made:
        yield made


@pytest.fixture
async def ann(db: Database, client: AsyncTestClient[Litestar]) -> Shop:
    """Ann's shop, with one of everything."""
    return await (await open_shop(db, client, "Ann's maps")).stock()


@pytest.fixture
async def ben(db: Database, client: AsyncTestClient[Litestar]) -> Shop:
    """Ben's shop, new and empty."""
    return await open_shop(db, client, "Ben's tiles")
