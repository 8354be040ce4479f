"""Budgets where windows, zones, carries and other doors meet: nothing is counted twice, lost, or counted in a window that is over."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.flows.budget_stage import Stage, open_stage
from tests.ledger.books import START

from replenish.core.db import Database
from replenish.flows.record_usage import Recorded, Refused
from replenish.reports.verify import verify

pytestmark = pytest.mark.anyio


async def zone(ann: Stage, name: str) -> None:
    await ann.db.pool.execute("update workspaces set time_zone = $1", name)


async def test_a_window_that_ends_later_in_another_time_zone_goes_on(db: Database) -> None:
    """March begins at the same instant in London and in UTC, and ends an hour earlier in London."""
    ann = await open_stage(db, zone="Europe/London")
    budget = await ann.limit("10", "month")
    await ann.at(datetime(2027, 3, 20, tzinfo=UTC) - START)
    assert await ann.use("6") == ["6"]
    await zone(ann, "UTC")
    await ann.at(datetime(2027, 3, 31, 23, 30, tzinfo=UTC) - START)
    refused, recorded = await ann.record(ann.event("5"), ann.event("4"))
    assert isinstance(refused, Refused)
    assert refused.refusal.numbers["window_ends_at"] == "2027-04-01T00:00:00+00:00"
    assert isinstance(recorded, Recorded)
    assert await ann.stands(budget) == ("10", "0")
    verdict = await verify(db)
    assert verdict.clean, verdict.differences
