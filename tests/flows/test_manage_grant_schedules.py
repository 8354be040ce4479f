"""Pausing, resuming, cancelling and changing what comes by itself."""

from datetime import timedelta

import pytest
from msgspec import UNSET
from tests.flows.schedule_stage import Stage, month, set_up

from replenish.core.db import Database
from replenish.core.errors import Invalid
from replenish.core.ids import GrantScheduleId
from replenish.core.money import Credits
from replenish.flows import manage_grant_schedules as flow
from replenish.flows.grant_credits import void_grant
from replenish.flows.manage_grant_schedules import Changes
from replenish.schedules.model import ScheduleOver

pytestmark = pytest.mark.anyio
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def stage(db: Database) -> Stage:
    return await set_up(db)


def named(stage: Stage, schedule_id: GrantScheduleId) -> dict[str, object]:
    return {"db": stage.db, "workspace_id": stage.bench.workspace_id, "schedule_id": schedule_id}


async def test_what_begins_during_a_pause_is_skipped(stage: Stage) -> None:
    monthly = await stage.schedule()
    await stage.at(month(1, day=20))
    await flow.pause_schedule(**named(stage, monthly))
    await flow.pause_schedule(**named(stage, monthly))
    assert await stage.available() == Credits(10), "what was granted stays"
    await stage.at(month(2, day=10))
    await stage.at(month(3, day=10))
    assert await stage.available() == Credits(0)
    await flow.resume_schedule(**named(stage, monthly))
    await flow.resume_schedule(**named(stage, monthly))
    assert await stage.available() == Credits(0), "the period that runs was skipped"
    await stage.at(month(4))
    assert await stage.told(monthly) == [(1, "10"), (2, "paused"), (3, "paused"), (4, "10")]
    assert [each for each in await stage.events() if each.startswith("grant_schedule")] == [
        "grant_schedule.created",
        "grant_schedule.paused",
        "grant_schedule.skipped",
        "grant_schedule.skipped",
        "grant_schedule.resumed",
    ]
    await stage.check()


@pytest.mark.parametrize("worker_runs", [True, False])
async def test_a_pause_begins_and_ends_when_it_says_whenever_the_worker_comes(stage: Stage, worker_runs: bool) -> None:
    """What was due before the pause is granted, what began during it is not, though no worker came meanwhile."""
    monthly = await stage.schedule()
    for moment, act in (
        (month(2, day=10), flow.pause_schedule),
        (month(3, day=10), flow.resume_schedule),
        (month(4, day=10), flow.cancel_schedule),
    ):
        await stage.db.pool.execute("update workspaces set test_clock = $1", moment)
        if worker_runs:
            await stage.work()
        await act(**named(stage, monthly))
    assert await stage.told(monthly) == [(1, "10"), (2, "10"), (3, "paused"), (4, "10")]
    await stage.at(month(6))
    assert len(await stage.periods(monthly)) == 4
    await stage.check()


async def test_a_pause_calls_off_what_was_granted_ahead(stage: Stage) -> None:
    monthly = await stage.schedule()
    await stage.at(month(2) - MINUTE)
    assert await stage.told(monthly) == [(1, "10"), (2, "10")]
    await flow.pause_schedule(**named(stage, monthly))
    assert await stage.told(monthly) == [(1, "10")]
    await flow.resume_schedule(**named(stage, monthly))
    assert await stage.told(monthly) == [(1, "10"), (2, "10")], "resumed in time"
    await flow.pause_schedule(**named(stage, monthly))
    await stage.at(month(2))
    assert await stage.available() == Credits(0)
    assert await stage.told(monthly) == [(1, "10"), (2, "paused")]
    await stage.check()


async def test_cancelling_is_for_good_and_takes_nothing_back(stage: Stage) -> None:
    monthly = await stage.schedule()
    await stage.at(month(2) - MINUTE)
    await flow.cancel_schedule(**named(stage, monthly))
    await flow.cancel_schedule(**named(stage, monthly))
    assert await stage.available() == Credits(10)
    await stage.at(month(4))
    assert await stage.told(monthly) == [(1, "10")]
    assert await stage.available() == Credits(0)
    for act in (flow.pause_schedule, flow.resume_schedule):
        with pytest.raises(ScheduleOver):
            await act(**named(stage, monthly))
    with pytest.raises(ScheduleOver):
        await flow.change_schedule(**named(stage, monthly), changes=Changes(name="x"))
    found = await stage.one(monthly)
    assert (found.state, found.due_at, found.ended_at) == ("cancelled", None, month(2) - MINUTE)
    await stage.check()


async def test_a_schedule_that_has_ended_is_not_cancelled(stage: Stage) -> None:
    once = await stage.schedule(periods_max=1)
    assert (await stage.one(once)).state == "ended"
    with pytest.raises(ScheduleOver):
        await flow.cancel_schedule(**named(stage, once))


async def test_a_change_holds_from_the_next_period_on(stage: Stage) -> None:
    monthly = await stage.schedule()
    await stage.at(month(2) - MINUTE)
    await flow.change_schedule(
        **named(stage, monthly), changes=Changes(amount=Credits(25), name="Gold", priority=5, metadata={"plan": "gold"})
    )
    assert await stage.told(monthly) == [(1, "10"), (2, "25")], "the one that was ready is changed, too"
    await stage.at(month(2))
    assert await stage.available() == Credits(25)
    lots = await stage.lots()
    assert [(lot.status(month(2)), lot.name, lot.priority) for lot in lots] == [
        ("expired", "", 50),
        ("voided", "", 50),
        ("granted", "Gold", 5),
    ]
    await flow.change_schedule(**named(stage, monthly), changes=Changes(name="Gold", ends_at=UNSET))
    assert (await stage.events())[-1] != "grant_schedule.changed", "nothing changed"
    await stage.check()


async def test_a_change_of_the_end_ends_it(stage: Stage) -> None:
    monthly = await stage.schedule(periods_max=12)
    await stage.at(month(3) - MINUTE)
    await flow.change_schedule(**named(stage, monthly), changes=Changes(ends_at=month(3)))
    assert (await stage.one(monthly)).state == "ended"
    assert await stage.told(monthly) == [(1, "10"), (2, "10")], "the third was called off"
    endless = await stage.schedule(ends_at=month(4))
    await flow.change_schedule(**named(stage, endless), changes=Changes(ends_at=None, periods_max=None))
    await stage.at(month(6))
    assert (await stage.one(endless)).state == "active"
    await stage.check()


async def test_a_rollover_that_begins_takes_along_what_is_left(stage: Stage) -> None:
    monthly = await stage.schedule()
    await stage.at(month(2) - MINUTE)
    await flow.change_schedule(**named(stage, monthly), changes=Changes(rollover_amount_max=Credits(4)))
    await stage.at(month(2))
    assert await stage.told(monthly) == [(1, "10"), (2, "14")]
    await flow.change_schedule(**named(stage, monthly), changes=Changes(rollover_amount_max=None))
    await stage.at(month(3))
    assert await stage.told(monthly) == [(1, "10"), (2, "14"), (3, "10")]
    await stage.check()


async def test_a_grant_that_was_voided_before_it_began_does_not_come_back(stage: Stage) -> None:
    monthly = await stage.schedule()
    await stage.at(month(2) - MINUTE)
    ready = (await stage.lots())[-1]
    await void_grant(stage.db, workspace_id=stage.bench.workspace_id, lot_id=ready.id)
    await flow.change_schedule(**named(stage, monthly), changes=Changes(amount=Credits(25)))
    await stage.at(month(2))
    assert await stage.available() == Credits(0)
    await stage.at(month(3))
    assert await stage.available() == Credits(25)
    await stage.check()


@pytest.mark.parametrize(
    ("facts", "changes", "field"),
    [
        ({}, Changes(target=Credits(5)), "target"),
        ({"target": Credits(5)}, Changes(amount=Credits(5)), "amount"),
        ({"target": Credits(5)}, Changes(rollover_amount_max=Credits(5)), "rollover_amount_max"),
        ({"valid_duration_value": 3}, Changes(rollover_amount_max=Credits(5)), "rollover_amount_max"),
        ({}, Changes(amount=Credits(0)), "amount"),
        ({}, Changes(ends_at=month(1)), "ends_at"),
        ({}, Changes(periods_max=0), "periods_max"),
        ({}, Changes(name="a\0"), "name"),
        ({}, Changes(metadata={"": 1}), "metadata"),
    ],
)
async def test_a_change_that_could_not_be_granted_is_refused(
    stage: Stage, facts: dict[str, object], changes: Changes, field: str
) -> None:
    monthly = await stage.schedule(**facts)
    before = await stage.one(monthly)
    with pytest.raises(Invalid) as refused:
        await flow.change_schedule(**named(stage, monthly), changes=changes)
    assert refused.value.field == field
    assert await stage.one(monthly) == before
