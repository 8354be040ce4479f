"""A hold reserves what its capture will cost: by the same rate, from the same tier, together with what is added."""

from decimal import Decimal

import pytest
from tests.flows.rating_stage import CARD, PACKAGED, TIERED, Usage, lay_usage

from replenish.catalog.rate_terms import GraduatedTerms, RatingTerms, TierTerms
from replenish.core.db import Database
from replenish.core.errors import Conflict
from replenish.core.money import plain
from replenish.flows.hold_credits import HoldRequest, capture_hold, extend_hold, hold_credits
from replenish.reports.verify import verify
from replenish.wallets.model import InsufficientCredits

pytestmark = pytest.mark.anyio


@pytest.fixture
async def usage(db: Database) -> Usage:
    return await lay_usage(db)


async def hold(usage: Usage, value: str, **properties: str) -> object:
    rated = (await usage.names.meters(workspace_id=usage.bench.workspace_id, keys=["a"]))["a"]
    request = HoldRequest(
        customer_id=usage.bench.ann,
        currency=rated.currency,
        meter=rated.meter,
        value=Decimal(value),
        properties=properties,
    )
    hold_id, _ = await hold_credits(usage.db, workspace_id=usage.bench.workspace_id, request=request)
    return hold_id


async def held(usage: Usage) -> str:
    found = await usage.db.pool.fetchval("select held from wallets where customer_id = $1", usage.bench.ann)
    return plain(found)


async def test_a_hold_is_rated_as_its_capture_will_be(usage: Usage) -> None:
    where = {"workspace_id": usage.bench.workspace_id}
    await usage.rate(CARD)
    reserved = await hold(usage, "10", model="large")
    assert await held(usage) == "40"
    await extend_hold(usage.db, **where, hold_id=reserved, value=Decimal(5))
    assert await held(usage) == "60"
    event, _ = await capture_hold(usage.db, **where, hold_id=reserved, value=Decimal(3), properties={"team": "search"})
    assert (str(event.debit), event.properties) == ("12", {"model": "large", "team": "search"})
    same, replayed = await capture_hold(
        usage.db, **where, hold_id=reserved, value=Decimal(3), properties={"team": "search"}
    )
    assert (same, replayed) == (event, True)
    with pytest.raises(Conflict):
        await capture_hold(usage.db, **where, hold_id=reserved, value=Decimal(3))
    # What the capture says goes before what was supposed: the call went to another model after all.
    reserved = await hold(usage, "10", model="large")
    event, _ = await capture_hold(usage.db, **where, hold_id=reserved, value=Decimal(3), properties={"model": "tiny"})
    assert str(event.debit) == "2"
    assert await held(usage) == "0"
    assert (await verify(usage.db)).clean


@pytest.mark.parametrize(
    ("terms", "first", "more", "reserved"),
    [
        # Five units at 1, the rest at 3: one by one they would each begin the first tier again.
        (RatingTerms(rate=GraduatedTerms([TierTerms("5", "1"), TierTerms(None, "3")])), "5", ["1"] * 5, "20"),
        (PACKAGED, "100", ["100"] * 5, "2"),
        (PACKAGED, "900", ["101"], "4"),
        (RatingTerms(credits_per_unit="0.001"), "5", ["5"] * 5, "0.03"),
    ],
)
async def test_law_05_what_is_added_to_a_hold_is_rated_with_what_is_held(
    usage: Usage, terms: RatingTerms, first: str, more: list[str], reserved: str
) -> None:
    where = {"workspace_id": usage.bench.workspace_id}
    await usage.rate(terms)
    held_for = await hold(usage, first)
    for value in more:
        await extend_hold(usage.db, **where, hold_id=held_for, value=Decimal(value))
    assert await held(usage) == reserved
    whole = sum(map(Decimal, [first, *more]))
    event, _ = await capture_hold(usage.db, **where, hold_id=held_for, value=Decimal(whole), shortfall="reject")
    assert str(event.debit) == reserved
    assert (await verify(usage.db)).clean


async def test_a_hold_reserves_from_the_tier_that_the_month_has_reached(usage: Usage) -> None:
    await usage.rate(TIERED)
    await usage.use("95")
    reserved = await hold(usage, "10")
    assert await held(usage) == "7.5"
    await usage.use("5")
    event, _ = await capture_hold(usage.db, workspace_id=usage.bench.workspace_id, hold_id=reserved, value=Decimal(10))
    # Meanwhile the first tier was used up, so it costs less than was reserved.
    assert str(event.debit) == "5"
    with pytest.raises(InsufficientCredits):
        await hold(usage, "100000")
    assert (await verify(usage.db)).clean
