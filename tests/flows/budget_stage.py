"""Ann with 1,000 credits, and short words for limiting, using, holding and looking."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from tests.ledger.books import START, Bench, lay, set_clock

from replenish.core.db import Database
from replenish.core.ids import BudgetId, HoldId
from replenish.core.money import Credits
from replenish.flows import manage_budgets
from replenish.flows.grant_credits import grant_credits
from replenish.flows.hold_credits import HoldRequest, capture_hold, hold_credits, release_hold
from replenish.flows.manage_budgets import BudgetChanges, NewBudget
from replenish.flows.record_usage import NewUsage, Outcome, Recorded, record_usage
from replenish.wallets import budget_queries
from replenish.wallets.book import NewLot
from replenish.wallets.budget_queries import BudgetNow


class Stage(msgspec.Struct):
    """`use` answers a word an event: what was debited, or the code of the refusal."""

    db: Database
    bench: Bench
    used: int = 0

    async def limit(self, limit: str, window: Any = "day", **more: Any) -> BudgetId:
        meter = more.pop("meter", None)
        new = NewBudget(
            customer_id=self.bench.ann,
            currency_id=self.bench.currency.id,
            limit=Decimal(limit),
            window=window,
            meter_id=None if meter is None else self.bench.meters[meter].id,
            **more,
        )
        budget_id, _ = await manage_budgets.create_budget(self.db, workspace_id=self.bench.workspace_id, new=new)
        return budget_id

    async def change(self, budget_id: BudgetId, **changes: Any) -> None:
        await manage_budgets.change_budget(
            self.db, workspace_id=self.bench.workspace_id, budget_id=budget_id, changes=BudgetChanges(**changes)
        )

    async def delete(self, budget_id: BudgetId) -> None:
        await manage_budgets.delete_budget(self.db, workspace_id=self.bench.workspace_id, budget_id=budget_id)

    def event(self, value: str, *, meter: str | None = "a", shortfall: Any = None, **properties: Any) -> NewUsage:
        self.used += 1
        return NewUsage(
            workspace_id=self.bench.workspace_id,
            customer_id=self.bench.ann,
            currency=self.bench.currency,
            meter=None if meter is None else self.bench.meters[meter],
            key=f"job-{self.used}",
            value=Decimal(value),
            shortfall=shortfall,
            properties=properties or None,
        )

    async def record(self, *events: NewUsage) -> list[Outcome]:
        return await record_usage(self.db, events=list(events))

    async def use(self, *values: str, **more: Any) -> list[str]:
        return [word(each) for each in await self.record(*(self.event(value, **more) for value in values))]

    async def hold(self, value: str, *, seconds: int = 3600, **properties: Any) -> HoldId:
        request = HoldRequest(
            customer_id=self.bench.ann,
            currency=self.bench.currency,
            meter=self.bench.meters["a"],
            value=Decimal(value),
            seconds=seconds,
            properties=properties,
        )
        hold_id, _ = await hold_credits(self.db, workspace_id=self.bench.workspace_id, request=request)
        return hold_id

    async def capture(self, hold_id: HoldId, value: str, **more: Any) -> str:
        event, _ = await capture_hold(
            self.db, workspace_id=self.bench.workspace_id, hold_id=hold_id, value=Decimal(value), **more
        )
        return str(event.debit)

    async def release(self, hold_id: HoldId) -> None:
        await release_hold(self.db, workspace_id=self.bench.workspace_id, hold_id=hold_id)

    async def at(self, later: timedelta) -> datetime:
        await set_clock(self.db, self.bench, START + later)
        return START + later

    async def now(self, budget_id: BudgetId) -> BudgetNow:
        found = await budget_queries.budget(self.db, workspace_id=self.bench.workspace_id, budget_id=budget_id)
        (now,) = await budget_queries.now_of(self.db, found=[found])
        return now

    async def stands(self, budget_id: BudgetId) -> tuple[str, str]:
        """What is spent and held of its window of now."""
        standing = (await self.now(budget_id)).standing
        assert standing is not None
        return str(standing.spent), str(standing.held)

    async def labels(self, budget_id: BudgetId) -> dict[str, tuple[str, str]]:
        found = await budget_queries.budget(self.db, workspace_id=self.bench.workspace_id, budget_id=budget_id)
        rows = await budget_queries.labels(self.db, found=found, limit=100)
        return {each.label: (str(each.spent), str(each.held)) for _, each in rows}

    async def told(self) -> list[tuple[str, str | None, str, str]]:
        """Events of budgets that counting wrote: what, for which label, spent and held then."""
        rows = await self.db.fetch(
            "select type, data from events where customer_id = $1 and type in ('budget.exceeded', 'budget.alert_reached')"
            " order by number",
            self.bench.ann,
        )
        return [
            (row["type"].removeprefix("budget."), row["data"]["label"], row["data"]["spent"], row["data"]["held"])
            for row in rows
        ]


def word(outcome: Outcome) -> str:
    return str(outcome.event.debit) if isinstance(outcome, Recorded) else outcome.refusal.own_code


async def open_stage(db: Database, *, lot: str = "1000", zone: str = "UTC", **more: Any) -> Stage:
    bench = await lay(db, **more)
    await db.pool.execute("update workspaces set time_zone = $1", zone)
    if lot != "0":
        await grant_credits(db, ref=bench.ref, new=NewLot(amount=Credits(Decimal(lot)), category="paid", source="api"))
    return Stage(db, bench)
