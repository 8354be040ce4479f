"""The usage check answers what the debit would answer at the same instant, and touches nothing (laws 2, 4, 5, 6)."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from asyncpg import Record
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.flows.budget_stage import Stage
from tests.ledger.books import START, Bench, lay, set_clock
from tests.ledger.twins import PACKAGE, TIERS, rated

from replenish.catalog.model import Meter
from replenish.catalog.rates import RateCard, RateCardEntry
from replenish.core.db import Database, Reads
from replenish.core.errors import NotFound, Refusal
from replenish.core.money import Credits
from replenish.flows.check_usage import UsageCheck, check_usage
from replenish.flows.grant_credits import grant_credits
from replenish.flows.hold_credits import HoldRequest, hold_credits
from replenish.flows.record_usage import NewUsage, Outcome, Recorded, record_usage
from replenish.flows.reverse_usage import reverse_usage
from replenish.reports.verify import verify
from replenish.wallets.book import NewLot
from replenish.wallets.budget import BudgetExceeded
from support.contents import contents

pytestmark = pytest.mark.anyio

LOTS = st.lists(
    st.fixed_dictionaries(
        {
            "amount": st.sampled_from(["5", "20", "100"]),
            "priority": st.sampled_from([10, 50]),
            "hours": st.sampled_from([None, None, 1, 2, 24]),
            "starts": st.sampled_from([None, None, 1, 2]),
            "scope": st.sampled_from(["", "", "", "a", "b"]),
        }
    ),
    max_size=4,
)
BUDGETS = st.lists(
    st.fixed_dictionaries(
        {
            "limit": st.sampled_from(["0", "7", "25", "1000"]),
            "window": st.sampled_from(["day", "week", "month", "none"]),
            "label_property": st.sampled_from([None, "user"]),
            "meter": st.sampled_from([None, None, "a"]),
            "hard": st.sampled_from([True, True, False]),
        }
    ),
    max_size=3,
)
STEPS = st.lists(
    st.fixed_dictionaries(
        {
            "do": st.sampled_from(["use", "use", "use", "hold", "reverse", "freeze", "thaw", "limit"]),
            "meter": st.sampled_from(["a", "a", "b", None, "packaged", "carded", "tiered"]),
            "value": st.sampled_from(["0", "0.004", "1", "2.517", "6", "20", "60"]),
            "shortfall": st.sampled_from([None, "owe", "reject"]),
            "user": st.sampled_from([None, "u_1", "u_2"]),
            # Hours and microseconds since the start: at, just before and after what falls due.
            "hour": st.sampled_from([0, 1, 1, 2, 2, 3, 24, 25]),
            "microseconds": st.sampled_from([-1, 0, 0, 1]),
        }
    ),
    min_size=1,
    max_size=8,
)
POLICIES = st.sampled_from([("none", None), ("unlimited", None), ("limited", Decimal(10)), ("limited", Decimal(50))])


def meter_of(bench: Bench, name: str) -> Meter:
    """A card that refuses events that it does not name, beside the rates of the twins."""
    if name != "carded":
        return rated(bench, name)
    entries = [RateCardEntry({"user": ["u_1"]}, TIERS), RateCardEntry({"user": ["u_2"]}, PACKAGE)]
    return msgspec.structs.replace(bench.meters["a"], rate_card=RateCard(entries), unmatched="reject")


def reported(bench: Bench, key: int, step: dict[str, Any]) -> NewUsage:
    return NewUsage(
        workspace_id=bench.workspace_id,
        customer_id=bench.ann,
        currency=bench.currency,
        meter=None if step["meter"] is None else meter_of(bench, step["meter"]),
        key=f"job-{key}",
        value=Decimal(step["value"]),
        shortfall=step["shortfall"],
        properties=None if step["user"] is None else {"user": step["user"]},
    )


def agrees(before: UsageCheck, after: Outcome) -> None:
    if isinstance(after, Recorded):
        assert before.refusal is None, before.refusal
        assert before.required == after.event.debit
        assert before.balance - after.event.debit == after.event.balance_after
        assert before.as_of == after.event.booked_at
        counted = [counter for _, counter in before.budgets]
        assert len(after.event.counter_ids) == (len(counted) if after.event.debit else 0)
        return
    assert before.refusal is not None
    assert before.refusal.own_code == after.refusal.own_code
    told = {name: str(each) for name, each in after.refusal.numbers.items()}
    assert {name: str(each) for name, each in before.refusal.numbers.items()} == told
    if "available" in told:
        numbers = before.required, before.available, before.balance, before.owed
        assert [str(each) for each in numbers] == [told[name] for name in ("required", "available", "balance", "owed")]


async def prepare(db: Database, bench: Bench, lots: Sequence[dict[str, Any]]) -> None:
    for lot in lots:
        starts = lot["starts"] or 0
        new = NewLot(
            amount=Credits(Decimal(lot["amount"])),
            category="paid",
            source="api",
            priority=lot["priority"],
            effective_at=None if lot["starts"] is None else START + timedelta(hours=starts),
            expires_at=None if lot["hours"] is None else START + timedelta(hours=lot["hours"] + starts),
            scope=tuple(bench.meters[name].id for name in lot["scope"]),
        )
        await grant_credits(db, ref=bench.ref, new=new)


async def act(db: Database, bench: Bench, step: dict[str, Any]) -> None:
    """What is done to the wallet between two debits."""
    customer = bench.ann
    match step["do"]:
        case "hold":
            request = HoldRequest(
                customer_id=customer,
                currency=bench.currency,
                meter=None if step["meter"] is None else meter_of(bench, step["meter"]),
                value=max(Decimal(step["value"]), Decimal(1)),
                seconds=3600,
                properties={} if step["user"] is None else {"user": step["user"]},
            )
            with contextlib.suppress(Refusal):
                await hold_credits(db, workspace_id=bench.workspace_id, request=request)
        case "reverse":
            event = await db.fetchrow(
                "select id from usage_events e where customer_id = $1 and not exists (select from usage_reversals r"
                " where r.customer_id = e.customer_id and r.event_id = e.id) order by line limit 1",
                customer,
            )
            if event is not None:
                await reverse_usage(db, workspace_id=bench.workspace_id, event_id=event["id"], reason="wrong")
        case "freeze" | "thaw":
            frozen = START if step["do"] == "freeze" else None
            await db.pool.execute("update wallets set customer_frozen_at = $2 where customer_id = $1", customer, frozen)
            await db.pool.execute("update customers set frozen_at = $2 where id = $1", customer, frozen)
        case "limit":
            await Stage(db, bench).limit(
                str(int(Decimal(step["value"]))), label_property="user" if step["user"] else None
            )
        case _:
            pass


@given(lots=LOTS, budgets=BUDGETS, steps=STEPS, policy=POLICIES)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_laws_02_04_05_06_a_check_answers_what_the_debit_answers(
    db: Database,
    lots: list[dict[str, Any]],
    budgets: list[dict[str, Any]],
    steps: list[dict[str, Any]],
    policy: tuple[Any, Decimal | None],
) -> None:
    bench = await lay(db, overdraft_policy=policy[0], overdraft_limit=policy[1])
    await prepare(db, bench, lots)
    for budget in budgets:
        await Stage(db, bench).limit(**budget)
    now = START
    for key, step in enumerate(steps):
        now = max(now, START + timedelta(hours=step["hour"], microseconds=step["microseconds"]))
        await set_clock(db, bench, now)
        await act(db, bench, step)
        usage = reported(bench, key, step)
        asked = await check_usage(db, usage=usage)
        (outcome,) = await record_usage(db, events=[usage])
        agrees(asked, outcome)


async def test_random_wallets_leave_clean_books(db: Database) -> None:
    """One fixed life of the kind above, to see that the walk leaves what `verify` accepts."""
    bench = await lay(db)
    await prepare(db, bench, [{"amount": "100", "priority": 50, "hours": 24, "starts": None, "scope": ""}])
    await Stage(db, bench).limit("25", "day", label_property="user")
    base = {"meter": "a", "value": "6", "shortfall": None, "user": "u_1"}
    for key, do in enumerate(["use", "hold", "reverse", "use", "limit", "use", "hold"]):
        await act(db, bench, base | {"do": do})
        await record_usage(db, events=[reported(bench, key, base)])
    assert (await verify(db)).clean


class Counting(Database):
    """Counts the statements that a reader sends."""

    def __init__(self, db: Database) -> None:
        super().__init__(db.pool)
        self.statements: list[str] = []

    async def fetch(self, query: str, *args: object) -> Sequence[Record]:
        self.statements.append(query)
        return await super().fetch(query, *args)

    async def fetchrow(self, query: str, *args: object) -> Record | None:
        self.statements.append(query)
        return await super().fetchrow(query, *args)

    async def fetchval(self, query: str, *args: object) -> object:
        self.statements.append(query)
        return await super().fetchval(query, *args)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Reads]:
        async with super().snapshot() as reads:
            yield _Counted(reads, self.statements)


class _Counted:
    def __init__(self, reads: Reads, statements: list[str]) -> None:
        self.reads, self.statements = reads, statements

    def __getattr__(self, name: str) -> Any:
        def counted(query: str, *args: object) -> Any:
            self.statements.append(query)
            return getattr(self.reads, name)(query, *args)

        return counted


async def asked(db: Database, bench: Bench, value: str = "1") -> int:
    """How many statements a check takes."""
    counting = Counting(db)
    base = {"meter": "a", "value": value, "shortfall": None, "user": "u_1"}
    await check_usage(counting, usage=reported(bench, 0, base))
    return len(counting.statements)


async def test_in_the_common_case_one_row_answers(db: Database) -> None:
    lot = {"amount": "100", "priority": 50, "hours": None, "starts": None, "scope": ""}
    bench = await lay(db)
    await prepare(db, bench, [lot, lot | {"hours": 1}])
    assert [await asked(db, bench, value) for value in ("1", "200", "0", "201")] == [1, 1, 1, 1]
    await set_clock(db, bench, START + timedelta(hours=1) - timedelta(microseconds=1))
    assert await asked(db, bench) == 1
    await set_clock(db, bench, START + timedelta(hours=1))
    assert await asked(db, bench) > 1, "a lot has ended"
    await record_usage(db, events=[reported(bench, 1, {"meter": "a", "value": "1", "shortfall": None, "user": None})])
    assert await asked(db, bench) == 1, "and was booked"
    budget = await Stage(db, bench).limit("10")
    assert 1 < await asked(db, bench) <= 6
    await Stage(db, bench).delete(budget)
    assert await asked(db, bench) == 1
    await prepare(db, bench, [lot | {"amount": "5", "priority": 10, "scope": "a"}])
    assert 1 < await asked(db, bench) <= 5
    await record_usage(db, events=[reported(bench, 2, {"meter": "a", "value": "5", "shortfall": None, "user": None})])
    assert await asked(db, bench) == 1, "no open lot has a scope any more"


async def test_a_check_writes_nothing_and_waits_for_nobody(db: Database) -> None:
    bench = await lay(db)
    lot = {"amount": "10", "priority": 50, "hours": 1, "starts": None, "scope": "a"}
    await prepare(db, bench, [lot])
    await Stage(db, bench).limit("5", alert_percent=50)
    await set_clock(db, bench, START + timedelta(hours=1))
    before = await contents(db)
    stranger = msgspec.structs.replace(bench, ann=(await lay(db)).ann)
    async with db.pool.acquire() as connection, connection.transaction():
        await connection.execute("select * from wallets for update")
        for value in ("1", "5", "6"):
            found = await check_usage(
                db, usage=reported(bench, 0, {"meter": "a", "value": value, "shortfall": None, "user": None})
            )
            assert isinstance(found.refusal, BudgetExceeded) == (value == "6")
    assert {
        name: each for name, each in (await contents(db)).items() if name in {"wallets", "events", "usage_keys"}
    } == {name: before[name] for name in ("wallets", "events", "usage_keys")}
    with pytest.raises(NotFound):
        await check_usage(
            db, usage=reported(stranger, 0, {"meter": "a", "value": "1", "shortfall": None, "user": None})
        )
