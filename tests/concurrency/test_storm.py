"""Everything that moves credits of two wallets at once, over real connections: whatever the order, the books agree (laws 1, 2, 6, 7)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.flows.budget_stage import Stage, open_stage
from tests.ledger.books import START, set_clock

from replenish.catalog import queries as catalog
from replenish.catalog.rate_terms import EntryTerms, FlatTerms, GraduatedTerms, PackageTerms, RatingTerms, TierTerms
from replenish.core.db import Database
from replenish.core.errors import Refusal
from replenish.core.ids import BudgetId, GrantScheduleId, HoldId, UsageEventId
from replenish.core.money import Credits
from replenish.flows import manage_grant_schedules as schedules
from replenish.flows.check_usage import check_usage
from replenish.flows.expire_credits import book_due_wallets
from replenish.flows.grant_by_schedule import grant_due_schedules
from replenish.flows.grant_credits import grant_credits, void_grant
from replenish.flows.hold_credits import HoldRequest, capture_hold, extend_hold, hold_credits, release_hold
from replenish.flows.manage_customers import freeze_customer
from replenish.flows.manage_meters import change_meter
from replenish.flows.record_usage import NewUsage, Recorded, record_usage
from replenish.flows.reverse_usage import reverse_usage
from replenish.reports.verify import verify
from replenish.schedules.model import Draft
from replenish.wallets.book import NewLot

pytestmark = pytest.mark.anyio

ROUNDS, AT_ONCE = 8, 30
RATINGS = {
    # Both meters look at properties; a counts months, b has packages and refuses what it does not know.
    "a": RatingTerms(
        rate=GraduatedTerms([TierTerms("5", "1"), TierTerms(None, "0.3")]),
        rate_card=[EntryTerms({"model": "x"}, FlatTerms("0.123"))],
    ),
    "b": RatingTerms(
        rate_card=[
            EntryTerms({"model": ["x", "y"]}, PackageTerms("0.3", "0.7")),
            EntryTerms({"user": "u"}, FlatTerms("1")),
        ],
        unmatched="reject",
    ),
}
OVERDRAFTS: Sequence[dict[str, Any]] = (
    {"overdraft_policy": "none"},
    {"overdraft_policy": "unlimited", "decimals": 0},
    {"overdraft_policy": "limited", "overdraft_limit": Decimal(30)},
)
DRAFTS: Sequence[dict[str, Any]] = (
    {"amount": Credits(5), "rollover_amount_max": Credits(3)},
    {"target": Credits(9)},
    {"target": Credits(9), "valid_duration_value": 0},
    {"amount": Credits(4), "valid_duration_value": 3, "periods_max": 4},
)
# What the database could not do.
FAILURES = {"unavailable", "event_refused"}
HALF_HOUR, WEEK = timedelta(minutes=30), timedelta(days=7)


class Storm:
    """Two merchants' customers, and every act that moves their credits. An act may be refused, and never fails."""

    def __init__(self, db: Database, chance: random.Random, stages: Sequence[Stage]) -> None:
        self.db, self.chance, self.stages = db, chance, stages
        self.clock = START
        self.sent: list[NewUsage] = []
        self.events: list[tuple[Stage, UsageEventId]] = []
        self.budgets: list[tuple[Stage, BudgetId]] = []
        self.holds: list[tuple[Stage, HoldId]] = []
        self.schedules: list[tuple[Stage, GrantScheduleId]] = []
        # By how often they are done.
        self.acts: Sequence[Callable[[], Awaitable[None]]] = (
            *[self.use] * 10, *[self.reverse] * 3, self.limit, *[self.change] * 2, self.delete, *[self.hold] * 3,
            *[self.capture] * 3, self.release, *[self.extend] * 2, *[self.give] * 2, self.void, self.schedule,
            *[self.steer] * 3, *[self.grant_due] * 3, self.expire, *[self.tick] * 2, self.move, self.freeze,
        )  # fmt: skip

    def event(self, stage: Stage) -> NewUsage:
        one = self.chance.choice
        labels = {"model": one(["x", "y", "z", None]), "user": one(["u", "v", None])}
        return stage.event(
            one(["0", "1", "2", "0.5", "0.3", "7", "20"]),
            meter=one(["a", "a", "b", "b", None]),
            shortfall=one([None, "reject", "owe"]),
            **{name: value for name, value in labels.items() if value},
        )

    async def use(self) -> None:
        one = self.chance.choice
        batch = [self.event(one(self.stages)) for _ in range(one([1, 1, 1, 2, 5]))]
        if self.sent and self.chance.random() < 0.3:
            batch.insert(self.chance.randrange(len(batch) + 1), one(self.sent))
        if self.chance.random() < 0.2:
            batch.append(batch[0])
        self.sent += batch
        outcomes = await record_usage(self.db, events=batch)
        for event, outcome in zip(batch, outcomes, strict=True):
            assert isinstance(outcome, Recorded) or outcome.refusal.own_code not in FAILURES, outcome
            if isinstance(outcome, Recorded) and not outcome.replayed:
                stage = next(stage for stage in self.stages if stage.bench.ann == event.customer_id)
                self.events.append((stage, outcome.event.id))

    async def reverse(self) -> None:
        stage, event_id = self.chance.choice(self.events)
        await reverse_usage(self.db, workspace_id=stage.bench.workspace_id, event_id=event_id, reason="wrong")

    async def limit(self) -> None:
        one = self.chance.choice
        stage = one(self.stages)
        budget_id = await stage.limit(
            one(["0", "5", "30", "1000"]),
            one(["day", "week", "month", "none"]),
            label_property=one([None, "user", "model"]),
            hard=one([True, True, False]),
            alert_percent=one([None, 50]),
            meter=one([None, "a"]),
        )
        self.budgets.append((stage, budget_id))

    async def change(self) -> None:
        stage, budget_id = self.chance.choice(self.budgets)
        changes = self.chance.choice([{"limit": Decimal(10)}, {"active": False}, {"active": True}, {"hard": False}])
        await stage.change(budget_id, **changes)

    async def delete(self) -> None:
        stage, budget_id = self.chance.choice(self.budgets)
        await stage.delete(budget_id)

    async def hold(self) -> None:
        stage = self.chance.choice(self.stages)
        event = self.event(stage)
        request = HoldRequest(
            customer_id=event.customer_id,
            currency=event.currency,
            meter=event.meter,
            value=event.value,
            seconds=self.chance.choice([1, 60, 3600, 90_000]),
            properties=event.properties or {},
        )
        held, _ = await hold_credits(self.db, workspace_id=event.workspace_id, request=request)
        self.holds.append((stage, held))

    async def capture(self) -> None:
        one = self.chance.choice
        stage, held = one(self.holds)
        event, _ = await capture_hold(
            self.db,
            workspace_id=stage.bench.workspace_id,
            hold_id=held,
            value=Decimal(one(["0", "1", "3", "30"])),
            shortfall=one([None, "reject", "owe"]),
            properties=one([None, {"user": "w"}]),
        )
        self.events.append((stage, event.id))

    async def release(self) -> None:
        stage, held = self.chance.choice(self.holds)
        await release_hold(self.db, workspace_id=stage.bench.workspace_id, hold_id=held)

    async def extend(self) -> None:
        stage, held = self.chance.choice(self.holds)
        seconds, value = self.chance.choice([60, 90_000, None]), self.chance.choice([None, Decimal("0.7")])
        await extend_hold(self.db, workspace_id=stage.bench.workspace_id, hold_id=held, seconds=seconds, value=value)

    async def give(self) -> None:
        one = self.chance.choice
        bench = one(self.stages).bench
        new = NewLot(
            amount=Credits(one([1, 5, 40])),
            category="paid",
            source="api",
            scope=one([(), (), (bench.meters["a"].id,), (bench.meters["b"].id,)]),
            priority=one([10, 50]),
            effective_at=one([None, self.clock + timedelta(hours=2)]),
            expires_at=one([None, self.clock + timedelta(hours=30)]),
        )
        await grant_credits(self.db, ref=bench.ref, new=new)

    async def void(self) -> None:
        row = await self.db.fetchrow("select workspace_id, id from lots order by random() limit 1")
        if row is not None:
            await void_grant(self.db, workspace_id=row["workspace_id"], lot_id=row["id"])

    async def schedule(self) -> None:
        one = self.chance.choice
        stage = one(self.stages)
        # Now, or so that a period begins in half an hour: granted ahead.
        starts_at = one([None, self.clock + HALF_HOUR, self.clock - WEEK + HALF_HOUR])
        draft = Draft(cadence=one(["weekly", "monthly"]), starts_at=starts_at, **one(DRAFTS))
        schedule_id, _ = await schedules.create_schedule(db=self.db, ref=stage.bench.ref, draft=draft)
        self.schedules.append((stage, schedule_id))

    async def steer(self) -> None:
        one = self.chance.choice
        stage, schedule_id = one(self.schedules)
        where = {"db": self.db, "workspace_id": stage.bench.workspace_id, "schedule_id": schedule_id}
        verb = one([schedules.pause_schedule, schedules.resume_schedule, schedules.cancel_schedule, None, None])
        if verb is not None:
            await verb(**where)
            return
        changes = [{"rollover_amount_max": None}, {"priority": 7}, {"ends_at": self.clock + WEEK}, {"periods_max": 2}]
        await schedules.change_schedule(**where, changes=schedules.Changes(**one(changes)))

    async def grant_due(self) -> None:
        await grant_due_schedules(db=self.db)

    async def expire(self) -> None:
        await book_due_wallets(self.db)

    async def tick(self) -> None:
        self.clock += self.chance.choice([timedelta(minutes=1), timedelta(minutes=31), timedelta(days=1), WEEK])
        for stage in self.stages:
            await set_clock(self.db, stage.bench, self.clock)

    async def move(self) -> None:
        zone = self.chance.choice(["UTC", "Europe/London", "Pacific/Apia", "America/Sao_Paulo"])
        await self.db.pool.execute("update workspaces set time_zone = $1", zone)

    async def freeze(self) -> None:
        bench = self.chance.choice(self.stages).bench
        for frozen in (True, False):
            await freeze_customer(db=self.db, workspace_id=bench.workspace_id, customer_id=bench.ann, frozen=frozen)

    async def act(self) -> None:
        try:
            await self.chance.choice(self.acts)()
        except Refusal as refusal:
            assert refusal.own_code not in FAILURES, refusal.detail  # noqa: PT017 - most refusals are right
        except IndexError:
            # Nothing to choose from yet.
            pass

    async def agree(self) -> None:
        """At rest, the books are clean, and the check answers what the debit does."""
        verdict = await verify(self.db)
        assert verdict.clean, verdict.differences
        assert await self.db.fetchval("select deadlocks from pg_stat_database where datname = current_database()") == 0
        event = self.event(self.chance.choice(self.stages))
        checked = await check_usage(self.db, usage=event)
        (outcome,) = await record_usage(self.db, events=[event])
        if isinstance(outcome, Recorded):
            assert (checked.refusal, checked.required) == (None, outcome.event.debit)
        else:
            assert checked.refusal is not None
            assert checked.refusal.detail == outcome.refusal.detail


async def merchant(db: Database, **terms: Any) -> Stage:
    stage = await open_stage(db, lot="200", **terms)
    meters = stage.bench.meters
    for name, rating in RATINGS.items():
        where = {"db": db, "workspace_id": stage.bench.workspace_id}
        await change_meter(**where, meter_id=meters[name].id, rating=rating)
        meters[name] = await catalog.meter(db, workspace_id=stage.bench.workspace_id, meter_id=meters[name].id)
    return stage


@pytest.mark.parametrize("seed", [1, 2])
async def test_law_01_02_whatever_happens_at_once_the_books_agree(db: Database, seed: int) -> None:
    chance = random.Random(seed)
    stages = [await merchant(db, **chance.choice(OVERDRAFTS)) for _ in range(2)]
    storm = Storm(db, chance, stages)
    for _ in range(ROUNDS):
        await asyncio.gather(*(storm.act() for _ in range(AT_ONCE)))
        await storm.agree()
