"""Each period is granted once: two workers at once, a lease that ran out, a kill in between, usage all the while."""

import asyncio
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest
from tests.flows.schedule_stage import Stage, month, set_up

from replenish.core.db import Database
from replenish.core.ids import GRANT_PERIOD
from replenish.core.money import Credits
from replenish.core.settings import Settings
from replenish.flows import _schedule_parts as parts
from replenish.flows import grant_by_schedule
from replenish.flows import manage_grant_schedules as flow
from replenish.flows.grant_by_schedule import grant_due_schedules, grant_periods
from replenish.flows.manage_grant_schedules import Changes
from replenish.notifications import operations as notifications
from replenish.schedules import operations
from replenish.schedules.model import ScheduleOver
from replenish.worker.jobs import jobs

pytestmark = pytest.mark.anyio


@pytest.fixture
async def stage(db: Database) -> Stage:
    return await set_up(db)


async def be(stage: Stage, moment: object) -> None:
    await stage.db.pool.execute("update workspaces set test_clock = $1", moment)


async def test_law_08_many_workers_grant_each_period_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "BATCH", 2)
    schedules = [await stage.schedule(valid_duration_value=0) for _ in range(8)]
    for number in range(2, 6):
        await be(stage, month(number))

        async def work() -> int:
            done = 0
            while found := await grant_due_schedules(db=stage.db):
                done += found
            return done

        assert sum(await asyncio.gather(*(work() for _ in range(6)))) == len(schedules)
    assert await stage.available() == Credits(10 * 8 * 5)
    for schedule_id in schedules:
        assert await stage.told(schedule_id) == [(number, "10") for number in range(1, 6)]
    await stage.check()


async def test_law_08_two_workers_with_the_same_lease_grant_once(stage: Stage) -> None:
    """The first was so slow that its lease ran out: both are at the second transaction."""
    monthly = await stage.schedule(valid_duration_value=0)
    await be(stage, month(4))
    due = await stage.one(monthly)
    await asyncio.gather(*(grant_periods(db=stage.db, due=due) for _ in range(6)))
    assert await stage.told(monthly) == [(number, "10") for number in range(1, 5)]
    assert await stage.available() == Credits(40)
    await stage.check()


async def test_law_08_the_database_itself_refuses_a_period_twice(stage: Stage) -> None:
    monthly = await stage.schedule()
    (first,) = await stage.periods(monthly)
    columns = ", ".join(name for name in first.__struct_fields__ if name not in {"id", "number"})
    for number, id_ in ((2, GRANT_PERIOD.new()), (1, GRANT_PERIOD.new())):
        with pytest.raises(asyncpg.UniqueViolationError):
            await stage.db.pool.execute(
                f"insert into grant_periods (id, number, {columns}) select $1, $2, {columns} from grant_periods",  # noqa: S608 - names of fields
                UUID(str(id_)),
                number,
            )


class Killed(Exception):
    """The process ends here."""


@pytest.mark.parametrize("place", ["after the lease", "before the commit"])
async def test_law_08_a_worker_that_is_killed_grants_nothing_and_the_next_one_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monthly = await stage.schedule(valid_duration_value=0)
    await be(stage, month(2))

    async def killed(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        if place == "after the lease":
            patched.setattr(grant_by_schedule, "grant_periods", killed)
        else:
            patched.setattr(notifications, "emit", killed)
        with pytest.raises(Killed):
            await grant_due_schedules(db=stage.db)
    assert await stage.told(monthly) == [(1, "10")]
    assert not await grant_due_schedules(db=stage.db), "its lease still stands, so that others are not kept waiting"
    await stage.db.pool.execute("update grant_schedules set leased_until = now()")
    assert await grant_due_schedules(db=stage.db)
    assert await stage.told(monthly) == [(1, "10"), (2, "10")]
    assert await stage.available() == Credits(20)
    await stage.check()


async def test_a_schedule_that_fails_does_not_keep_the_others_waiting(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = await stage.schedule(valid_duration_value=0)
    good = await stage.schedule(valid_duration_value=0)
    await be(stage, month(2))
    decide = parts.decide_periods

    async def fails(*args: object, **named: object) -> object:
        if named["schedule"].id == bad:  # type: ignore[attr-defined] # a schedule
            raise Killed
        return await decide(*args, **named)  # type: ignore[arg-type] # as given

    monkeypatch.setattr(grant_by_schedule, "decide_periods", fails)
    with pytest.raises(Killed):
        await grant_due_schedules(db=stage.db)
    assert await grant_due_schedules(db=stage.db) == 0
    assert (len(await stage.periods(bad)), len(await stage.periods(good))) == (1, 2)


async def test_the_worker_has_it_among_its_jobs(stage: Stage) -> None:
    monthly = await stage.schedule()
    settings = Settings(database_url="", secret_key="x" * 32, base_url="http://127.0.0.1:8700")
    (job,) = [each for each in jobs(stage.db, providers={}, settings=settings) if each.name == "grant by schedule"]
    assert await job.run() == 0
    await be(stage, month(2) - timedelta(minutes=59))
    assert (await job.run(), await job.run()) == (1, 0)
    assert await stage.told(monthly) == [(1, "10"), (2, "10")]


async def test_law_08_pauses_changes_usage_and_workers_at_once(stage: Stage) -> None:
    schedules = [
        await stage.schedule(),
        await stage.schedule(rollover_amount_max=Credits(5)),
        await stage.schedule(target=Credits(50), valid_duration_value=0),
    ]
    where = {"db": stage.db, "workspace_id": stage.bench.workspace_id}

    async def works() -> None:
        for _ in range(12):
            await grant_due_schedules(db=stage.db)

    async def uses() -> None:
        for value in range(1, 9):
            await stage.use(value)

    async def changes() -> None:
        for schedule_id in schedules:
            await flow.pause_schedule(**where, schedule_id=schedule_id)
            await flow.change_schedule(**where, schedule_id=schedule_id, changes=Changes(priority=7))
            await flow.resume_schedule(**where, schedule_id=schedule_id)
            await flow.change_schedule(**where, schedule_id=schedule_id, changes=Changes(priority=50))

    for number in range(2, 6):
        for moment in (month(number) - timedelta(minutes=1), month(number)):
            await be(stage, moment)
            await asyncio.gather(works(), works(), uses(), changes(), changes())
            await stage.check()
    await stage.work()
    for schedule_id in schedules:
        assert [each.number for each in await stage.periods(schedule_id)] == list(range(1, 6))
        await flow.cancel_schedule(**where, schedule_id=schedule_id)
        with pytest.raises(ScheduleOver):
            await flow.resume_schedule(**where, schedule_id=schedule_id)
    await stage.check()
