"""A life that leaves a row of every kind in every table that `replenish verify` looks at."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
from tests.flows.recharge_stage import DECLINES, RETURN_URL, START, VISA, Stage, set_up

from replenish.access import queries as workspaces
from replenish.catalog import queries as catalog
from replenish.catalog.model import Meter
from replenish.catalog.rate_terms import GraduatedTerms, RatingTerms, TierTerms
from replenish.core.db import Database
from replenish.core.ids import BudgetId, CustomerId, LotId, UsageEventId
from replenish.core.money import Credits, Money
from replenish.flows.adjust_credits import NewAdjustment, adjust_credits
from replenish.flows.expire_credits import book_due_wallets
from replenish.flows.grant_by_schedule import grant_due_schedules
from replenish.flows.grant_credits import grant_credits, void_grant
from replenish.flows.hold_credits import HoldRequest, capture_hold, hold_credits, release_hold
from replenish.flows.manage_budgets import NewBudget, create_budget
from replenish.flows.manage_customers import create_customer
from replenish.flows.manage_grant_schedules import create_schedule, pause_schedule
from replenish.flows.manage_meters import create_meter
from replenish.flows.record_usage import NewUsage, Recorded, record_usage
from replenish.flows.refund_topup import refund_topup
from replenish.flows.reverse_usage import reverse_usage
from replenish.providers.sandbox.sandbox import Sandbox
from replenish.schedules.model import Draft
from replenish.topups import queries as topups
from replenish.wallets.book import NewLot
from replenish.wallets.budget import WindowKind

TIERED = RatingTerms(rate=GraduatedTerms([TierTerms("5", "1"), TierTerms(None, "0.5")]))


class Life(msgspec.Struct):
    stage: Stage
    meter: Meter
    used: int = 0

    async def grant(self, amount: str, *, starts: int = 0, ends: int | None = None, scoped: bool = False) -> LotId:
        """`starts` and `ends` in hours from START."""
        new = NewLot(
            amount=Credits(Decimal(amount)),
            category="promotional",
            source="api",
            effective_at=START + timedelta(hours=starts) if starts else None,
            expires_at=None if ends is None else START + timedelta(hours=ends),
            scope=(self.meter.id,) if scoped else (),
        )
        lot_id, _ = await grant_credits(self.stage.db, ref=self.stage.ref, new=new)
        return lot_id

    async def use(self, *values: str, metered: bool = True, team: str = "search") -> list[UsageEventId]:
        """One batch."""
        self.used += 1
        events = [
            NewUsage(
                workspace_id=self.stage.workspace_id,
                customer_id=self.stage.ann,
                currency=self.stage.currency,
                meter=self.meter if metered else None,
                key=f"life {self.used} {number}",
                value=Decimal(value),
                properties={"team": team},
            )
            for number, value in enumerate(values)
        ]
        recorded = await record_usage(self.stage.db, events=events)
        return [outcome.event.id for outcome in recorded if isinstance(outcome, Recorded)]

    async def hold(self, value: str, *, seconds: int = 24 * 3600):
        request = HoldRequest(
            customer_id=self.stage.ann,
            currency=self.stage.currency,
            meter=self.meter,
            value=Decimal(value),
            seconds=seconds,
            properties={"team": "search"},
        )
        hold_id, _ = await hold_credits(self.stage.db, workspace_id=self.stage.workspace_id, request=request)
        return hold_id

    async def limit(self, limit: str, window: WindowKind, **more: Any) -> BudgetId:
        new = NewBudget(
            customer_id=self.stage.ann,
            currency_id=self.stage.currency.id,
            limit=Decimal(limit),
            window=window,
            **more,
        )
        budget_id, _ = await create_budget(self.stage.db, workspace_id=self.stage.workspace_id, new=new)
        return budget_id

    async def adjust(self, amount: str) -> None:
        new = NewAdjustment(amount=Decimal(amount), reason="Sorry", actor="ben")
        await adjust_credits(self.stage.db, ref=self.stage.ref, new=new)


async def live(db: Database, sandbox: Sandbox) -> Stage:
    """Ann is given, buys, spends, owes, holds, is refunded and charged by herself, well and not; Ben only owes.

    Cleo is given credits by schedule.
    """
    stage = await set_up(db, sandbox)
    where = {"db": db, "workspace_id": stage.workspace_id}
    meter_id = await create_meter(**where, name="calls", event_name="call", unit="call", currency_id=stage.currency.id)
    life = Life(stage, await catalog.meter(db, workspace_id=stage.workspace_id, meter_id=meter_id))
    await life.limit("1000000", "none", alert_percent=1)
    await life.limit("5", "day", label_property="team", hard=False)
    await life.limit("1", "month", label_property="team", label="ads")
    await life.grant("30", scoped=True)
    await life.grant("20", ends=1)
    await life.grant("7", starts=1000)
    void = await life.grant("9")
    await life.use("1.2345", "2.5", "0.0001")
    wrong, _ = await life.use("3.333", "1")
    await reverse_usage(db, workspace_id=stage.workspace_id, event_id=wrong, reason="wrong")
    await void_grant(db, workspace_id=stage.workspace_id, lot_id=void)
    await life.use("1", "0.75", "0.5", team="ads")
    captured, released = await life.hold("4"), await life.hold("3")
    await capture_hold(db, workspace_id=stage.workspace_id, hold_id=captured, value=Decimal("2.5"), shortfall="reject")
    await release_hold(db, workspace_id=stage.workspace_id, hold_id=released)
    await life.hold("2", seconds=60)
    await stage.wait(hours=2)
    await book_due_wallets(db)
    await life.adjust("5")
    await life.adjust("-1.5")
    # More than there is: the second of these is owed, and taken back later.
    _, owed = await life.use("10", "90", metered=False)
    await reverse_usage(db, workspace_id=stage.workspace_id, event_id=owed, reason="wrong")
    await life.use("60")
    card = await stage.save_card(VISA)
    await stage.buy(card)
    (bought,) = await topups.top_ups(db, workspace_id=stage.workspace_id)
    await life.use("120")
    await refund_topup(
        **where, providers=stage.providers, top_up_id=bought.id, amount=Money(Decimal("9.99"), "USDC"), reason="Sorry"
    )
    await stage.set_rule(card)
    await life.use("1")
    await stage.work()
    await life.use("100")
    await stage.set_rule(await stage.save_card(DECLINES))
    await stage.work()
    await life.hold("12.34")
    tiers = await create_meter(
        **where, name="words", event_name="word", unit="word", currency_id=stage.currency.id, rating=TIERED
    )
    tiered = Life(stage, await catalog.meter(db, workspace_id=stage.workspace_id, meter_id=tiers), life.used)
    await life.adjust("40")
    wrong, _, _ = await tiered.use("3", "4.5", "2")
    await reverse_usage(db, workspace_id=stage.workspace_id, event_id=wrong, reason="wrong")
    ben = msgspec.structs.replace(stage, ann=await create_customer(**where, external_id="ben"))
    await Life(ben, life.meter).use("5", "0.12345")
    await live_by_schedule(stage, await create_customer(**where, external_id="cleo"))
    return stage


async def live_by_schedule(stage: Stage, cleo: CustomerId) -> None:
    """A week was missed, one runs and leaves a rest, one is granted ahead and called off; a pause skips one."""
    ref = msgspec.structs.replace(stage.ref, customer_id=cleo)
    now = await workspaces.now(stage.db, stage.workspace_id)
    draft = Draft(cadence="weekly", starts_at=now - timedelta(days=8), amount=Credits(10))
    rolling = msgspec.structs.replace(draft, amount=Credits(7), rollover_amount_max=Credits(5))
    plain, _ = await create_schedule(db=stage.db, ref=ref, draft=draft)
    await create_schedule(db=stage.db, ref=ref, draft=rolling)
    for wait in ({"days": 5, "hours": 23, "minutes": 30}, {"hours": 1}, {"days": 6, "hours": 23}):
        await stage.wait(**wait)
        await grant_all(stage.db)
    await pause_schedule(db=stage.db, workspace_id=stage.workspace_id, schedule_id=plain)
    await stage.wait(hours=1)
    await grant_all(stage.db)


async def grant_all(db: Database) -> None:
    while await grant_due_schedules(db=db):
        pass


__all__ = ["RETURN_URL", "live"]
