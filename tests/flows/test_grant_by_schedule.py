"""Credits that come by themselves: months and years of them, with a clock that is moved."""

from datetime import timedelta

import pytest
from tests.flows.schedule_stage import SECOND, Stage, month, set_up
from tests.ledger.books import START

from replenish.core.db import Database
from replenish.core.money import Credits
from replenish.flows.grant_credits import void_grant

pytestmark = pytest.mark.anyio
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def stage(db: Database) -> Stage:
    return await set_up(db)


async def test_a_year_of_months(stage: Stage) -> None:
    gold = await stage.schedule(name="Gold", periods_max=12, metadata={"plan": "gold"}, scope=[])
    assert await stage.available() == Credits(10)
    for number in range(2, 13):
        await stage.at(month(number, day=1) + MINUTE)
        assert await stage.available() == Credits(10), "what was left lapsed, and ten came"
    lots = await stage.lots()
    assert [lot.effective_at for lot in lots] == [month(number) for number in range(1, 13)]
    assert [lot.expires_at for lot in lots] == [month(number) for number in range(2, 14)]
    assert {(lot.source, lot.source_id, lot.name, lot.category) for lot in lots} == {
        ("schedule", gold, "Gold", "promotional")
    }
    assert lots[0].metadata == {"plan": "gold"}
    assert (await stage.one(gold)).state == "ended"
    await stage.at(month(13))
    assert await stage.available() == Credits(0)
    assert await stage.told(gold) == [(number, "10") for number in range(1, 13)]
    events = await stage.events()
    assert (events[0], events[-1], events.count("credit_grant.created")) == (
        "grant_schedule.created",
        "grant_schedule.ended",
        12,
    )
    await stage.check()


async def test_law_04_no_debit_falls_between_two_periods(stage: Stage) -> None:
    """The next lot is there before its period, and opens by itself: no worker runs at the change of the month."""
    await stage.schedule()
    await stage.at(month(2) - MINUTE)
    assert await stage.available() == Credits(10), "it has not started"
    await stage.use(3)
    await stage.db.pool.execute("update workspaces set test_clock = $1", month(2))
    assert await stage.use(10)
    assert not await stage.use(1)
    assert (await stage.balance()).available == Credits(0)
    await stage.work()
    await stage.check()


async def test_what_has_a_duration_of_its_own_outlives_its_period(stage: Stage) -> None:
    ninety = await stage.schedule(valid_duration_value=2, valid_duration_unit="months")
    never = await stage.schedule(valid_duration_value=0)
    await stage.at(month(2) + MINUTE)
    assert await stage.available() == Credits(40)
    await stage.at(month(3) + MINUTE)
    assert await stage.available() == Credits(10 + 10 + 30)
    assert len(await stage.periods(ninety)) == len(await stage.periods(never)) == 3
    await stage.check()


async def test_a_target_lifts_its_own_lots_only(stage: Stage) -> None:
    bought = await stage.give(500)
    refill = await stage.schedule(target=Credits(100), valid_duration_value=0, priority=10)
    other = await stage.schedule(amount=Credits(7), valid_duration_value=0, priority=90)
    assert await stage.available() == Credits(607)
    await stage.use(30)
    await stage.at(month(2))
    await stage.use(100)
    await stage.at(month(3))
    await stage.at(month(4))
    assert await stage.told(refill) == [(1, "100"), (2, "30"), (3, "100"), (4, "full")]
    assert await stage.told(other) == [(number, "7") for number in range(1, 5)]
    lots = {lot.id: lot for lot in await stage.lots()}
    assert lots[bought].remaining == Credits(500)
    await stage.check()


async def test_a_target_whose_lots_end_with_their_periods_is_reset(stage: Stage) -> None:
    refill = await stage.schedule(target=Credits(100))
    await stage.use(99)
    await stage.at(month(2) - MINUTE)
    await stage.at(month(2))
    assert await stage.available() == Credits(100)
    assert await stage.told(refill) == [(1, "100"), (2, "100")]
    await stage.check()


async def test_a_rest_is_carried_over_up_to_its_limit(stage: Stage) -> None:
    rolling = await stage.schedule(amount=Credits(100), rollover_amount_max=Credits(30))
    bought = await stage.give(500, expires_at=month(20), priority=90)
    await stage.use(95)
    await stage.at(month(2))  # 5 left
    await stage.at(month(3))  # 105 left
    await stage.use(130)
    await stage.use(1)  # a bought one
    await stage.at(month(4))  # nothing left
    periods = await stage.periods(rolling)
    assert [(str(each.amount), str(each.carried_amount)) for each in periods] == [
        ("100", "0"),
        ("100", "5"),
        ("100", "30"),
        ("100", "0"),
    ]
    lots = {lot.id: lot for lot in await stage.lots()}
    assert lots[bought].remaining == Credits(499)
    carried = lots[periods[2].carried_lot_id]
    assert (carried.amount, carried.name, carried.effective_at, carried.expires_at) == (
        Credits(30),
        "Carried over",
        month(3),
        month(4),
    )
    await stage.check()


async def test_nothing_is_carried_out_of_a_grant_that_was_taken_back(stage: Stage) -> None:
    rolling = await stage.schedule(rollover_amount_max=Credits(10))
    (lot,) = await stage.lots()
    await void_grant(stage.db, workspace_id=stage.bench.workspace_id, lot_id=lot.id)
    await stage.at(month(2))
    assert await stage.told(rolling) == [(1, "10"), (2, "10")]
    await stage.check()


async def test_law_04_with_a_rollover_the_next_credits_are_there_before_the_worker(stage: Stage) -> None:
    """Only what is carried over waits for it."""
    rolling = await stage.schedule(name="Pro", rollover_amount_max=Credits(4))
    await stage.use(3)
    await stage.at(month(2) - MINUTE)
    await stage.db.pool.execute("update workspaces set test_clock = $1", month(2))
    assert await stage.use(9)
    await stage.work()
    assert await stage.available() == Credits(1 + 4)
    assert await stage.told(rolling) == [(1, "10"), (2, "14")]
    assert [lot.name for lot in await stage.lots()] == ["Pro", "Pro", "Pro (carried over)"]
    await stage.check()


async def test_nothing_is_carried_over_a_period_that_was_missed(stage: Stage) -> None:
    rolling = await stage.schedule(rollover_amount_max=Credits(4))
    await stage.at(month(2) - MINUTE)  # the second is granted ahead, and then no worker comes until it is over
    await stage.at(month(4, day=2))
    assert await stage.told(rolling) == [(1, "10"), (2, "10"), (3, "missed"), (4, "10")]
    await stage.at(month(5))
    assert await stage.told(rolling) == [(1, "10"), (2, "10"), (3, "missed"), (4, "10"), (5, "14")]
    await stage.check()


async def test_law_06_what_is_owed_is_repaid_by_a_scheduled_grant(db: Database) -> None:
    stage = await set_up(db, overdraft_policy="unlimited")
    await stage.schedule(starts_at=month(2))
    assert await stage.use(4, shortfall="owe")
    assert (await stage.balance()).owed == Credits(4)
    await stage.at(month(2) - MINUTE)
    assert (await stage.balance()).owed == Credits(4), "it is there, and has not started"
    await stage.at(month(2))
    found = await stage.balance()
    assert (found.owed, found.available) == (Credits(0), Credits(6))
    await stage.check()


async def test_bought_credits_and_other_gifts_are_never_touched(stage: Stage) -> None:
    bought, gift = await stage.give(50), await stage.give(5, category="promotional")
    await stage.schedule()
    for number in range(2, 6):
        await stage.at(month(number))
    lots = {lot.id: lot for lot in await stage.lots()}
    assert (lots[bought].remaining, lots[gift].remaining) == (Credits(50), Credits(5))
    assert await stage.available() == Credits(65)
    await stage.check()


async def test_after_a_downtime_only_what_can_still_be_spent_is_granted(stage: Stage) -> None:
    ending, lasting = await stage.schedule(), await stage.schedule(valid_duration_value=0)
    await stage.at(month(13) + timedelta(days=3))
    assert await stage.told(ending) == [(1, "10"), *((number, "missed") for number in range(2, 13)), (13, "10")]
    assert await stage.told(lasting) == [(number, "10") for number in range(1, 14)]
    assert [lot.effective_at for lot in await stage.lots() if lot.source_id == lasting] == [
        month(number) for number in range(1, 14)
    ]
    assert (await stage.events()).count("grant_schedule.skipped") == 11
    assert await stage.available() == Credits(140)
    await stage.check()


async def test_a_long_downtime_is_made_up_for_in_several_transactions(stage: Stage) -> None:
    weekly = await stage.schedule(cadence="weekly")
    await stage.at(START + timedelta(weeks=250))
    told = await stage.told(weekly)
    assert (len(told), told[249], told[250]) == (251, (250, "missed"), (251, "10"))
    await stage.check()


async def test_a_schedule_may_have_begun_before_it_was_made(stage: Stage) -> None:
    """A customer who pays on the 31st."""
    monthly = await stage.schedule(starts_at=month(0, day=1) + timedelta(days=30), amount=Credits(3))
    assert await stage.told(monthly) == [(1, "3")]
    assert (await stage.periods(monthly))[0].ends_at == month(1, day=31)
    await stage.at(month(1, day=31))
    await stage.at(month(2, day=28))
    assert [lot.effective_at.day for lot in await stage.lots()] == [31, 31, 28]
    await stage.check()


async def test_a_schedule_that_begins_later_grants_later(stage: Stage) -> None:
    later = await stage.schedule(starts_at=month(3), ends_at=month(5))
    assert await stage.told(later) == []
    await stage.at(month(3) - timedelta(hours=2))
    assert await stage.told(later) == []
    await stage.at(month(3) - MINUTE)
    assert await stage.told(later) == [(1, "10")]
    assert await stage.available() == Credits(0)
    await stage.at(month(3))
    assert await stage.available() == Credits(10)
    await stage.at(month(4))
    await stage.at(month(5))
    assert await stage.told(later) == [(1, "10"), (2, "10")]
    assert (await stage.one(later)).state == "ended"
    assert await stage.available() == Credits(0)
    await stage.check()


async def test_the_calendar_is_that_of_the_workspaces_zone_when_it_was_made(stage: Stage) -> None:
    await stage.db.pool.execute("update workspaces set time_zone = 'Europe/Berlin'")
    monthly = await stage.schedule(starts_at=month(3) - timedelta(hours=1))  # midnight, 1 March
    await stage.db.pool.execute("update workspaces set time_zone = 'America/New_York'")
    for moment in (month(3) - timedelta(hours=1), month(4) - timedelta(hours=2), month(5) - timedelta(hours=2)):
        await stage.at(moment - SECOND)
        await stage.at(moment)
    assert [each.starts_at for each in await stage.periods(monthly)] == [
        month(3) - timedelta(hours=1),
        month(4) - timedelta(hours=2),
        month(5) - timedelta(hours=2),
    ]
    await stage.check()
