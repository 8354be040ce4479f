"""The sandbox's bank on the test's database."""

from collections.abc import AsyncIterator

import pytest

from replenish.providers.sandbox.sandbox import Sandbox, open_sandbox


@pytest.fixture
async def sandbox(database_url: str) -> AsyncIterator[Sandbox]:
    opened = await open_sandbox(
        database_url=database_url,
        base_url="http://127.0.0.1:8700",
        secret="a secret that only the tests know, long enough",
        allow_live=False,
        settle_seconds=3600,
    )
    yield opened
    await opened.close()
