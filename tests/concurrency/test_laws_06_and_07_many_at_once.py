"""Laws 6 and 7 with real connections: what is true of one caller is true of two hundred, whichever process they reach."""

from __future__ import annotations

import asyncio

import pytest
from tests.concurrency.stage import counted, doors, give, in_the_books, used
from tests.ledger.books import Bench, lay

from replenish.core.db import Database
from replenish.flows.record_usage import Recorded, record_usage
from replenish.reports.verify import verify

pytestmark = pytest.mark.anyio

# One lot pays as one statement; three lots run out one after the other, which the books in memory decide.
LOTS = [("100",), ("30", "30", "40")]


@pytest.mark.parametrize("lots", LOTS)
@pytest.mark.parametrize("processes", [1, 3])
async def test_law_06_of_200_parallel_debits_on_100_credits_exactly_100_succeed(
    db: Database, database_url: str, lots: tuple[str, ...], processes: int
) -> None:
    bench = await lay(db)
    await give(db, bench, *lots)
    async with doors(database_url, count=processes) as made:
        asked = [made[number % processes].submit(used(bench, f"job-{number}")) for number in range(200)]
        outcomes = await asyncio.gather(*asked)
    assert counted(outcomes) == {"recorded": 100, "insufficient_credits": 100}
    assert await in_the_books(db, bench) == (100, 100, 0)
    assert (await verify(db)).clean


async def test_law_06_without_a_gatherer_too(db: Database) -> None:
    """Each debit in a transaction of its own, on as many connections as the pool has."""
    bench = await lay(db)
    await give(db, bench, "100")
    outcomes = await asyncio.gather(*(record_usage(db, events=[used(bench, f"job-{n}")]) for n in range(200)))
    assert counted([outcome for (outcome,) in outcomes]) == {"recorded": 100, "insufficient_credits": 100}
    assert (await verify(db)).clean


@pytest.mark.parametrize("processes", [1, 4])
async def test_law_07_the_same_key_50_times_in_parallel_is_one_event(
    db: Database, database_url: str, processes: int
) -> None:
    bench = await lay(db)
    await give(db, bench, "100")
    async with doors(database_url, count=processes) as made:
        same = [made[number % processes].submit(used(bench, "job-1")) for number in range(50)]
        other = [made[number % processes].submit(used(bench, "job-1", "2")) for number in range(10)]
        outcomes = await asyncio.gather(*same)
        others = await asyncio.gather(*other)
    assert counted(outcomes) == {"recorded": 1, "replayed": 49}
    assert len({outcome.event.id for outcome in outcomes if isinstance(outcome, Recorded)}) == 1
    assert counted(others) == {"idempotency_mismatch": 10}
    assert await in_the_books(db, bench) == (1, 1, 99)
    assert (await verify(db)).clean


async def test_law_07_one_key_on_two_wallets_at_once_is_used_once(db: Database, database_url: str) -> None:
    """Keys are per customer and wallets are locked one by one: the key's own row decides."""
    bench = await lay(db)
    await give(db, bench, "100")
    second = await _second_currency(db, bench)
    async with doors(database_url, count=2) as made:
        outcomes = await asyncio.gather(
            *(
                made[number % 2].submit(used(bench if number % 2 else second, "job-1", meter=None))
                for number in range(20)
            )
        )
    results = counted(outcomes)
    assert (results["recorded"], results["idempotency_mismatch"]) == (1, 10)
    assert await db.pool.fetchval("select count(*) from usage_events") == 1
    assert (await verify(db)).clean


async def _second_currency(db: Database, bench: Bench) -> Bench:
    other = await lay(db)
    await db.pool.execute(
        "update payment_currencies set workspace_id = $1 where id = $2", bench.workspace_id, other.currency.id
    )
    second = Bench(bench.workspace_id, other.currency, {}, bench.ann)
    await give(db, second, "100")
    return second
