"""Every provider passes the same suite against a real counterpart: here, the sandbox's own bank on PostgreSQL."""

from collections.abc import AsyncIterator

import pytest

from replenish.providers.sandbox.sandbox import Sandbox, open_sandbox

BASE_URL = "http://127.0.0.1:8700"
SECRET = "a secret that only the tests know, long enough"


@pytest.fixture
async def sandbox(database_url: str) -> AsyncIterator[Sandbox]:
    opened = await open_sandbox(
        database_url=database_url, base_url=BASE_URL, secret=SECRET, allow_live=False, settle_seconds=3600
    )
    yield opened
    await opened.close()
