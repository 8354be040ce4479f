"""Budgets and rates where zones, tiers, carries and replays meet: a refusal moves nothing, a replay answers what was."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.flows.budget_stage import Stage, open_stage, word
from tests.ledger.books import START

from replenish.catalog import queries as catalog
from replenish.catalog.rate_terms import EntryTerms, FlatTerms, GraduatedTerms, PackageTerms, RatingTerms, TierTerms
from replenish.core.db import Database
from replenish.flows.manage_meters import change_meter
from replenish.flows.record_usage import Recorded, Refused
from replenish.reports.verify import verify
from replenish.usage.model import UsageConflict
from replenish.wallets.budget import BudgetExceeded

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
    assert refused.refusal.numbers["window_ends_at"] == "2027-04-01T00:00:00Z"
    assert isinstance(recorded, Recorded)
    assert await ann.stands(budget) == ("10", "0")
    verdict = await verify(db)
    assert verdict.clean, verdict.differences


async def rated(ann: Stage, terms: RatingTerms) -> None:
    where = {"db": ann.db, "workspace_id": ann.bench.workspace_id}
    await change_meter(**where, meter_id=ann.bench.meters["a"].id, rating=terms)
    found = await catalog.meter(ann.db, workspace_id=ann.bench.workspace_id, meter_id=ann.bench.meters["a"].id)
    ann.bench.meters["a"] = found


TIERED = RatingTerms(rate=GraduatedTerms([TierTerms("10", "1"), TierTerms(None, "0.3")]))


async def test_law_07_a_key_that_a_budget_refused_is_free_within_the_batch(db: Database) -> None:
    ann = await open_stage(db)
    await ann.limit("50")
    large = ann.event("60")
    small = msgspec.structs.replace(large, value=Decimal(20))
    outcomes = await ann.record(large, small, large, small)
    assert [word(each) for each in outcomes] == ["budget_exceeded", "20", "idempotency_mismatch", "20"]
    last = outcomes[-1]
    assert isinstance(last, Recorded)
    assert last.replayed
    assert (await verify(db)).clean


async def test_law_05_07_what_a_budget_refuses_moves_neither_tiers_nor_carry(db: Database) -> None:
    ann = await open_stage(db, decimals=0)
    budget = await ann.limit("12")
    await rated(ann, TIERED)
    assert await ann.use("12") == ["10"]
    before = await db.fetch("select carry, available from wallets"), await db.fetch("select * from usage_months")
    assert await ann.use("20", "11") == ["budget_exceeded", "budget_exceeded"]
    with pytest.raises(BudgetExceeded):
        await ann.hold("20")
    assert (await db.fetch("select carry, available from wallets"), await db.fetch("select * from usage_months")) == (
        before
    )
    assert await ann.stands(budget) == ("10", "0")
    # 0.6 was carried; 2.4 more are 3.
    assert await ann.use("8") == ["budget_exceeded"]
    assert await ann.use("4") == ["1"]
    assert (await verify(db)).clean


@pytest.mark.parametrize(
    "changed",
    [
        {"status": "inactive"},
        {"rating": RatingTerms(rate_card=[EntryTerms({"model": "x"}, FlatTerms("1"))], unmatched="reject")},
        {"rating": TIERED},
    ],
)
async def test_law_07_what_is_recorded_is_answered_whatever_became_of_its_meter(
    db: Database, changed: dict[str, Any]
) -> None:
    ann = await open_stage(db)
    event, held = ann.event("7", team="search"), await ann.hold("5", team="search")
    (first,) = await ann.record(event)
    assert await ann.capture(held, "3") == "3"
    where = {"db": db, "workspace_id": ann.bench.workspace_id}
    await change_meter(**where, meter_id=ann.bench.meters["a"].id, **changed)
    meter = await catalog.meter(db, workspace_id=ann.bench.workspace_id, meter_id=ann.bench.meters["a"].id)
    (again,) = await ann.record(msgspec.structs.replace(event, meter=meter))
    assert isinstance(first, Recorded)
    assert isinstance(again, Recorded)
    assert (again.replayed, again.event) == (True, first.event)
    assert await ann.capture(held, "3") == "3"
    for other in ({"properties": {"team": "ads"}}, {"shortfall": "owe"}):
        with pytest.raises(UsageConflict):
            await ann.capture(held, "3", **other)
    (other,) = await ann.record(msgspec.structs.replace(event, properties={"team": "ads"}))
    assert word(other) == "idempotency_mismatch"
    assert (await verify(db)).clean


async def test_law_05_packages_smaller_than_one_round_up_exactly(db: Database) -> None:
    ann = await open_stage(db)
    await rated(ann, RatingTerms(rate=PackageTerms("0.3", "2")))
    assert await ann.use("0.9", "0.900000000000000001", "0.1", "0") == ["6", "8", "2", "0"]
    assert (await verify(db)).clean


async def test_law_04_a_budget_made_after_a_hold_counts_its_capture_and_refuses_only_what_is_above(
    db: Database,
) -> None:
    ann = await open_stage(db)
    asleep = await ann.limit("3", "none", active=False)
    first, second = await ann.hold("10"), await ann.hold("10")
    young = await ann.limit("5", "none")
    await ann.change(asleep, active=True)
    with pytest.raises(BudgetExceeded):
        await ann.capture(first, "10.01")
    assert await ann.capture(first, "10") == "10", "the work is done"
    assert [await ann.stands(each) for each in (asleep, young)] == [("10", "0")] * 2
    assert await ann.use("1") == ["budget_exceeded"]
    teams = await ann.limit("5", "none", label_property="team")
    with pytest.raises(BudgetExceeded):
        await ann.capture(second, "10", properties={"team": "ads"})
    assert await ann.capture(second, "10") == "10"
    assert await ann.labels(teams) == {"ads": ("0", "0")}, "told of, and nothing is counted"
    assert (await verify(db)).clean
