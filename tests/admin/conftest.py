"""The real application on a database of the test's own, and browsers without a screen that go through its admin."""

from collections.abc import AsyncIterator

import pytest

from support.admin import Admin
from support.world import World, open_world


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with open_world(database_url) as world:
        yield world


@pytest.fixture
async def admin(world: World) -> AsyncIterator[Admin]:
    """Olga, who owns Acme, signed in and looking at the test workspace."""
    async with Admin.of(world) as olga:
        await olga.hire("olga@acme.example")
        await olga.enter(mode="test")
        yield olga
