"""Ann's wallet and what schedules grant to it, with a clock to move."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import msgspec
from tests.ledger.books import START, Bench, lay, set_clock

from replenish.core.db import Database
from replenish.core.ids import GrantScheduleId, LotId
from replenish.core.money import Credits
from replenish.flows.expire_credits import book_due_wallets
from replenish.flows.grant_by_schedule import grant_due_schedules
from replenish.flows.grant_credits import grant_credits
from replenish.flows.manage_grant_schedules import create_schedule
from replenish.flows.record_usage import NewUsage, Outcome, Recorded, record_usage
from replenish.reports.verify import verify
from replenish.schedules import queries
from replenish.schedules.model import Draft, Period, Schedule
from replenish.wallets import queries as wallets
from replenish.wallets.book import NewLot
from replenish.wallets.model import Balance, Lot


class Stage(msgspec.Struct):
    db: Database
    bench: Bench
    used: int = 0

    async def schedule(self, **facts: object) -> GrantScheduleId:
        """Ten credits a month, from now, unless said."""
        draft = Draft(**({"cadence": "monthly"} | ({} if "target" in facts else {"amount": Credits(10)}) | facts))
        schedule_id, _ = await create_schedule(db=self.db, ref=self.bench.ref, draft=draft)
        return schedule_id

    async def at(self, moment: datetime) -> None:
        """It becomes `moment`, and the worker does all that is due."""
        await set_clock(self.db, self.bench, moment)
        await self.work()

    async def work(self) -> None:
        while await grant_due_schedules(db=self.db):
            pass
        await book_due_wallets(self.db)

    async def give(self, amount: int, **facts: object) -> LotId:
        new = NewLot(**({"amount": Credits(amount), "category": "paid", "source": "api"} | facts))
        return (await grant_credits(self.db, ref=self.bench.ref, new=new))[0]

    async def use(self, value: int | str, *, shortfall: str = "reject") -> bool:
        """Whether it was taken."""
        self.used += 1
        event = NewUsage(
            workspace_id=self.bench.workspace_id,
            customer_id=self.bench.ann,
            currency=self.bench.currency,
            meter=self.bench.meters["a"],
            key=f"job-{self.used}",
            value=Decimal(value),
            shortfall=shortfall,  # type: ignore[arg-type] # one of the two
        )
        outcome: Outcome = (await record_usage(self.db, events=[event]))[0]
        return isinstance(outcome, Recorded)

    async def balance(self) -> Balance:
        return await wallets.balance(self.db, ref=self.bench.ref, now=START)

    async def available(self) -> Credits:
        return (await self.balance()).available

    async def one(self, schedule_id: GrantScheduleId) -> Schedule:
        return await queries.schedule(self.db, workspace_id=self.bench.workspace_id, schedule_id=schedule_id)

    async def periods(self, schedule_id: GrantScheduleId) -> list[Period]:
        """The first one first."""
        return (await queries.periods(self.db, schedule=await self.one(schedule_id), limit=1000))[::-1]

    async def told(self, schedule_id: GrantScheduleId) -> list[tuple[int, str]]:
        """What became of each period: its number, and how much was granted or why nothing was."""
        return [
            (each.number, each.reason or str(each.amount + each.carried_amount))
            for each in await self.periods(schedule_id)
        ]

    async def lots(self) -> list[Lot]:
        """The first one first."""
        return (await wallets.lots(self.db, workspace_id=self.bench.workspace_id, limit=1000))[::-1]

    async def events(self) -> list[str]:
        rows = await self.db.pool.fetch(
            "select type from events where customer_id = $1 order by number", self.bench.ann
        )
        return [row["type"] for row in rows]

    async def check(self) -> None:
        assert (await verify(self.db)).differences == []


async def set_up(db: Database, **facts: object) -> Stage:
    return Stage(db, await lay(db, **facts))  # type: ignore[arg-type] # each test knows which it sets


def month(number: int, *, day: int = 1) -> datetime:
    """A first of the month, counted from January 2027 = 1, at midnight in UTC."""
    return datetime(2027 + (number - 1) // 12, (number - 1) % 12 + 1, day, tzinfo=START.tzinfo)


SECOND = timedelta(seconds=1)
