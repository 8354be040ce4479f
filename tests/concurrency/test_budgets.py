"""Law 6 for budgets with real connections: what a budget has left is checked and taken in one step."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import msgspec
import pytest
from tests.concurrency.stage import counted, doors, give, in_the_books, used
from tests.flows.budget_stage import Stage
from tests.ledger.books import Bench, lay

from replenish.core.db import Database
from replenish.flows.record_usage import record_usage
from replenish.reports.verify import verify
from replenish.wallets.budget import BudgetExceeded

pytestmark = pytest.mark.anyio


async def budgeted(db: Database) -> Stage:
    """Ann with 1,000 credits, of which usage may take 100 a day."""
    bench = await lay(db)
    await give(db, bench, "1000")
    stage = Stage(db, bench)
    await stage.limit("100")
    return stage


@pytest.mark.parametrize("processes", [1, 3])
async def test_law_06_of_200_parallel_debits_on_a_budget_of_100_exactly_100_succeed(
    db: Database, database_url: str, processes: int
) -> None:
    bench = (await budgeted(db)).bench
    async with doors(database_url, count=processes) as made:
        asked = [made[number % processes].submit(used(bench, f"job-{number}")) for number in range(200)]
        outcomes = await asyncio.gather(*asked)
    assert counted(outcomes) == {"recorded": 100, "budget_exceeded": 100}
    assert await in_the_books(db, bench) == (100, 100, 900)
    assert await db.pool.fetchval("select count(*) from events where type = 'budget.exceeded'") == 1
    assert (await verify(db)).clean


async def test_law_06_without_a_gatherer_and_by_users_too(db: Database) -> None:
    """Ten users with 5 each, twenty tries each, all at once: 50 succeed, whoever comes first."""
    bench = await lay(db)
    await give(db, bench, "1000")
    stage = Stage(db, bench)
    users = await stage.limit("5", label_property="user")
    events = [
        msgspec.structs.replace(used(bench, f"job-{number}"), properties={"user": f"u_{number % 10}"})
        for number in range(200)
    ]
    outcomes = await asyncio.gather(*(record_usage(db, events=[event]) for event in events))
    assert counted([outcome for (outcome,) in outcomes]) == {"recorded": 50, "budget_exceeded": 150}
    assert await stage.labels(users) == {f"u_{number}": ("5", "0") for number in range(10)}
    assert (await verify(db)).clean


async def test_law_06_debits_holds_captures_and_reversals_share_one_budget(db: Database) -> None:
    """30 workers hold 10 and capture 7 of it while 100 debit 1: never above 100, and all that is free in the end is taken."""
    stage = await budgeted(db)

    async def work() -> Decimal:
        try:
            held = await stage.hold("10")
            await asyncio.sleep(0)
            return Decimal(await stage.capture(held, "7"))
        except BudgetExceeded:
            return Decimal(0)

    async def debit() -> Decimal:
        (word,) = await stage.use("1")
        return Decimal(0) if word == "budget_exceeded" else Decimal(word)

    taken = sum(await asyncio.gather(*(work() for _ in range(30)), *(debit() for _ in range(100))))
    assert taken <= 100
    while "budget_exceeded" not in await stage.use("1"):
        taken += 1
    assert taken == 100
    assert await in_the_books(db, stage.bench) == (
        await db.pool.fetchval("select count(*) from usage_events"),
        100,
        900,
    )
    assert (await verify(db)).clean


async def test_a_budget_that_is_made_while_debits_run_counts_each_of_them_or_none(
    db: Database, database_url: str
) -> None:
    """The plain way looks at the wallet's row under its lock, so that no debit slips past a budget that is there."""
    bench: Bench = await lay(db)
    await give(db, bench, "1000")
    stage = Stage(db, bench)

    async def limit() -> None:
        await asyncio.sleep(0.01)
        await stage.limit("20")

    async with doors(database_url, count=2) as made:

        async def use(number: int) -> object:
            await asyncio.sleep(0.0002 * number)
            return await made[number % 2].submit(used(bench, f"job-{number}"))

        await asyncio.gather(limit(), *(use(number) for number in range(150)))
    since = await db.pool.fetchval("select counts_from from budgets")
    after = await db.pool.fetchval("select coalesce(sum(debit), 0) from usage_events where line > $1", since)
    assert after == await db.pool.fetchval("select coalesce(sum(spent), 0) from budget_counters")
    assert after <= 20
    assert (await verify(db)).clean
