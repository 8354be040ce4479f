"""A walk by chance through all that can happen to schedules; the books agree after every step."""

from datetime import datetime, timedelta
from random import Random

import pytest
from tests.flows.schedule_stage import Stage, set_up
from tests.ledger.books import START, set_clock

from replenish.core.db import Database
from replenish.core.errors import Conflict, Refusal
from replenish.core.ids import GrantScheduleId
from replenish.core.money import Credits
from replenish.flows import manage_grant_schedules as flow
from replenish.flows.grant_by_schedule import grant_due_schedules
from replenish.flows.grant_credits import void_grant
from replenish.flows.hold_credits import HoldRequest, hold_credits
from replenish.flows.manage_grant_schedules import Changes
from replenish.schedules.periods import start_of

pytestmark = pytest.mark.anyio
STEPS = 60


class Walk:
    def __init__(self, stage: Stage, seed: int) -> None:
        self.stage = stage
        self.chance = Random(seed)
        self.now: datetime = START
        self.schedules: list[GrantScheduleId] = []

    async def make(self) -> None:
        kinds: list[dict[str, object]] = [
            {"amount": Credits(10)},
            {"amount": Credits(10), "rollover_amount_max": Credits(4)},
            {"amount": Credits(3), "valid_duration_value": 0},
            {"amount": Credits(5), "valid_duration_value": 45, "periods_max": 4},
            {"target": Credits(20)},
            {"target": Credits(20), "valid_duration_value": 0},
        ]
        starts = self.chance.choice([None, self.now - timedelta(days=50), self.now + timedelta(days=3)])
        cadence = self.chance.choice(["weekly", "monthly"])
        self.schedules.append(await self.stage.schedule(**self.chance.choice(kinds), starts_at=starts, cadence=cadence))

    async def wait(self) -> None:
        hours = self.chance.choice([0.5, 1, 24, 24 * 7 - 0.5, 24 * 29, 24 * 70])
        self.now += timedelta(hours=hours)
        await set_clock(self.stage.db, self.stage.bench, self.now)

    async def jump_to_a_start(self) -> None:
        """Exactly to when the next period of one begins, or a second before."""
        found = await self.stage.one(self.chance.choice(self.schedules))
        at = start_of(found, found.next_number) - timedelta(seconds=self.chance.choice([0, 1]))
        if at > self.now:
            self.now = at
            await set_clock(self.stage.db, self.stage.bench, self.now)

    async def work(self) -> None:
        for _ in range(self.chance.randint(1, 5)):
            await grant_due_schedules(db=self.stage.db)

    async def act(self) -> None:
        act = self.chance.choice(
            [flow.pause_schedule, flow.resume_schedule, flow.resume_schedule, self.change, flow.cancel_schedule]
        )
        await act(
            db=self.stage.db,
            workspace_id=self.stage.bench.workspace_id,
            schedule_id=self.chance.choice(self.schedules),
        )

    async def change(self, **where: object) -> None:
        changes = self.chance.choice(
            [
                Changes(amount=Credits(self.chance.randint(1, 30))),
                Changes(rollover_amount_max=Credits(self.chance.randint(1, 9))),
                Changes(rollover_amount_max=None),
                Changes(target=Credits(self.chance.randint(1, 30))),
                Changes(ends_at=self.now + timedelta(days=self.chance.randint(-5, 60))),
                Changes(name="Pro", priority=self.chance.randint(0, 100)),
            ]
        )
        await flow.change_schedule(**where, changes=changes)  # type: ignore[arg-type] # as `act` names them

    async def use(self) -> None:
        await self.stage.use(self.chance.randint(1, 15))

    async def hold(self) -> None:
        bench = self.stage.bench
        request = HoldRequest(
            customer_id=bench.ann, currency=bench.currency, meter=None, value=Credits(2).value, seconds=24 * 3600
        )
        await hold_credits(self.stage.db, workspace_id=bench.workspace_id, request=request)

    async def void(self) -> None:
        lots = await self.stage.lots()
        if lots:
            lot = self.chance.choice(lots)
            await void_grant(self.stage.db, workspace_id=self.stage.bench.workspace_id, lot_id=lot.id)

    async def step(self) -> None:
        steps = [
            self.wait,
            self.jump_to_a_start,
            self.work,
            self.work,
            self.act,
            self.use,
            self.use,
            self.hold,
            self.void,
        ]
        try:
            await self.chance.choice(steps if self.schedules else [self.make])()
        except (Refusal, Conflict):
            return

    async def agrees(self) -> None:
        await self.stage.check()
        for schedule_id in self.schedules:
            found = await self.stage.one(schedule_id)
            starts = [each.starts_at for each in await self.stage.periods(schedule_id)]
            assert starts == [start_of(found, number) for number in range(1, len(starts) + 1)]


@pytest.mark.parametrize("seed", range(4))
async def test_law_01_to_08_whatever_happens_the_books_agree(db: Database, seed: int) -> None:
    walk = Walk(await set_up(db), seed)
    for step in range(STEPS):
        if step % 12 == 0:
            await walk.make()
        await walk.step()
        await walk.agrees()
    await walk.stage.work()
    await walk.agrees()
    assert len(await walk.stage.lots()) > 5, "a walk in which nothing happens proves nothing"
