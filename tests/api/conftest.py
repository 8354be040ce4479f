"""The real application on a database of the test's own, and two merchants: Ann and Ben."""

from collections.abc import AsyncIterator

import pytest

from replenish.core.db import Database
from support.api_shop import Client, Shop, open_shop, serving
from support.trade import trade


@pytest.fixture
async def client(database_url: str) -> AsyncIterator[Client]:
    async with serving(database_url) as made:
        yield made


@pytest.fixture
async def ann(db: Database, client: Client) -> Shop:
    """Ann's shop, with a catalog and a customer."""
    return await (await open_shop(db, client, "Ann's maps")).stock()


@pytest.fixture
async def trading(ann: Shop) -> Shop:
    """Ann's shop, whose customer has bought, spent and been charged."""
    return await trade(ann)


@pytest.fixture
async def ben(db: Database, client: Client) -> Shop:
    """Ben's shop, new and empty."""
    return await open_shop(db, client, "Ben's tiles")
