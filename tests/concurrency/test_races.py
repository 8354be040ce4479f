"""What may happen at one instant happens in some order, and the books show one: no deadlock, nothing lost, nothing twice."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from tests.concurrency.hammer import Done, Order
from tests.concurrency.stage import doors, give, in_the_books, used
from tests.ledger.books import START, Bench, lay, set_clock

from replenish.core import ids
from replenish.core.db import Database
from replenish.core.money import Credits
from replenish.flows.expire_credits import book_due_wallets
from replenish.flows.grant_credits import grant_credits, void_grant
from replenish.flows.hold_credits import HoldRequest, capture_hold, hold_credits
from replenish.flows.record_usage import Recorded, record_usage
from replenish.reports.verify import verify
from replenish.wallets.book import NewLot
from support.long import LONG

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
ROUNDS = 40 if LONG else 6


async def _run(order: Order) -> Done:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.concurrency.hammer"), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    answer, _ = await process.communicate(msgspec.json.encode(order))
    assert process.returncode == 0
    return msgspec.json.decode(answer, type=Done)


@pytest.mark.timeout(600)
async def test_law_06_two_processes_over_the_same_wallets_in_opposite_order_never_deadlock(
    db: Database, database_url: str
) -> None:
    """Half of the wallets run dry on the way, so that both ways of debiting meet: the statement and the books in memory."""
    bench = await lay(db)
    customers = [bench.ann, *(ids.CUSTOMER.new() for _ in range(39))]
    await db.pool.executemany(
        "insert into customers (id, workspace_id, external_id) values ($1, $2, $3)",
        [(customer, bench.workspace_id, f"customer {n}") for n, customer in enumerate(customers) if n],
    )
    for number, customer in enumerate(customers):
        mine = Bench(bench.workspace_id, bench.currency, bench.meters, customer)
        await give(db, mine, "10", "1000000") if number % 2 else await give(db, mine, "20")
    order = Order(
        url=database_url,
        name="forwards",
        seconds=60 if LONG else 4,
        backwards=False,
        workspace_id=bench.workspace_id,
        currency_id=bench.currency.id,
        meter_id=bench.meters["a"].id,
        customers=customers,
    )
    found = await asyncio.gather(_run(order), _run(msgspec.structs.replace(order, name="backwards", backwards=True)))
    # A deadlock would be an error of the database: its event would be refused as `unavailable`.
    assert {reason.partition(":")[0] for done in found for reason in done.refused} <= {"insufficient_credits"}
    assert all(done.recorded for done in found)
    assert sum(done.recorded for done in found) == await db.pool.fetchval("select count(*) from usage_events")
    assert (await verify(db)).clean


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_law_04_expiry_races_debits(db: Database, database_url: str, number: int) -> None:
    """The clock passes a lot's end while 40 debits are on their way and a worker books what is due."""
    bench = await lay(db)
    end = START + timedelta(hours=1)
    await grant_credits(
        db,
        ref=bench.ref,
        new=NewLot(amount=Credits(Decimal(30)), category="promotional", source="api", expires_at=end),
    )
    await give(db, bench, "15")
    await set_clock(db, bench, end - timedelta(microseconds=1))

    async def pass_the_end() -> None:
        await asyncio.sleep(0.002 * number)
        await set_clock(db, bench, end)
        await book_due_wallets(db)

    async with doors(database_url, count=2) as made:
        asked = [made[n % 2].submit(used(bench, f"job-{n}")) for n in range(40)]
        outcomes, _ = await asyncio.gather(asyncio.gather(*asked), pass_the_end())
    events, debited, left = await in_the_books(db, bench)
    recorded = [outcome.event for outcome in outcomes if isinstance(outcome, Recorded)]
    assert events == len(recorded) == debited
    # Nothing was taken from the first lot at its end or after it.
    first = await db.pool.fetchval("select id from lots where expires_at is not null")
    assert all(event.booked_at < end for event in recorded if first in event.lot_ids)
    spent_of_first = sum(1 for event in recorded if first in event.lot_ids)
    expired = await db.pool.fetchval("select expired from wallets")
    assert expired == 30 - spent_of_first
    assert left == 15 - (len(recorded) - spent_of_first)
    assert (await verify(db)).clean


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_law_04_a_capture_races_its_holds_end(db: Database, number: int) -> None:
    """Captured before its end, it takes from what was held; after it, from what is there: once either way."""
    bench = await lay(db)
    await give(db, bench, "100")
    request = HoldRequest(customer_id=bench.ann, currency=bench.currency, meter=None, value=Decimal(60), seconds=60)
    hold_id = (await hold_credits(db, workspace_id=bench.workspace_id, request=request))[0]

    async def pass_the_end() -> None:
        await asyncio.sleep(0.001 * number)
        await set_clock(db, bench, START + timedelta(seconds=60))
        await book_due_wallets(db)

    captures = [capture_hold(db, workspace_id=bench.workspace_id, hold_id=hold_id, value=Decimal(40)) for _ in range(5)]
    *captured, _ = await asyncio.gather(*captures, pass_the_end())
    assert len({event.id for event, _ in captured}) == 1
    assert sorted(replayed for _, replayed in captured) == [False, True, True, True, True]
    assert await in_the_books(db, bench) == (1, 40, 60)
    assert await db.pool.fetchval("select held from wallets") == 0
    assert (await verify(db)).clean


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_law_04_a_void_races_debits(db: Database, number: int) -> None:
    """What was spent before the void stays spent, what was left is taken back, and the sum is the grant."""
    bench = await lay(db)
    lot_id, _ = await grant_credits(
        db, ref=bench.ref, new=NewLot(amount=Credits(Decimal(50)), category="promotional", source="api")
    )

    async def take_back() -> Credits | None:
        await asyncio.sleep(0.002 * number)
        return await void_grant(db, workspace_id=bench.workspace_id, lot_id=lot_id)

    async def debit(n: int) -> bool:
        (outcome,) = await record_usage(db, events=[used(bench, f"job-{n}")])
        return isinstance(outcome, Recorded)

    *debited, taken = await asyncio.gather(*(debit(n) for n in range(40)), take_back())
    assert isinstance(taken, Credits)
    assert taken.value == 50 - sum(debited)
    assert await in_the_books(db, bench) == (sum(debited), sum(debited) or None, 0)
    assert (await verify(db)).clean
