"""Law 15: a customer's events are numbered in the order in which they happened, and a feed never passes one that is late."""

import asyncio

import pytest
from tests.ledger.books import Bench, lay

from replenish.core.db import Database
from replenish.core.ids import USAGE_EVENT
from replenish.core.money import Credits
from replenish.core.transaction import transaction
from replenish.flows.grant_credits import grant_credits
from replenish.notifications import operations as notifications
from replenish.notifications import queries
from replenish.notifications.model import NewEvent
from replenish.wallets.book import NewLot


def told(bench: Bench, name: str) -> NewEvent:
    return NewEvent(
        workspace_id=bench.workspace_id,
        customer_id=bench.ann,
        type=name,
        object_type="usage_event",
        object_id=USAGE_EVENT.new(),
        data={},
    )


async def feed(db: Database, bench: Bench) -> list[str]:
    found = await queries.feed(db, workspace_id=bench.workspace_id, order="oldest")
    return [event.type for event in found]


async def feed_of(db: Database, bench: Bench, count: int) -> list[str]:
    """The feed once it has `count` events: transactions of other databases on this server hold it up, too."""
    while len(await feed(db, bench)) < count:
        await asyncio.sleep(0.01)
    return await feed(db, bench)


async def test_law_15_parallel_writers_leave_no_hole_and_no_double_number(db: Database) -> None:
    bench = await lay(db, clock=None)
    new = NewLot(amount=Credits(1), category="paid", source="api")
    await asyncio.gather(*(grant_credits(db, ref=bench.ref, new=new) for _ in range(40)))
    rows = await db.fetch("select number, data from events where customer_id = $1 order by number", bench.ann)
    assert [row["number"] for row in rows] == list(range(1, 41))
    # The number's order is the books' order: each event tells the balance that its grant left.
    assert [row["data"]["balance"] for row in rows] == [str(balance) for balance in range(1, 41)]


async def test_law_15_an_event_and_what_it_tells_of_are_there_together_or_not_at_all(db: Database) -> None:
    bench = await lay(db, clock=None)

    async def fail() -> None:
        async with transaction(db) as tx:
            await notifications.emit(tx, [told(bench, "first")])
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    async with transaction(db) as tx:
        await notifications.emit(tx, [told(bench, "second")])
    assert await feed_of(db, bench, 1) == ["second"]
    assert await db.fetchval("select number from events where customer_id = $1", bench.ann) == 1


async def test_law_15_a_feed_waits_for_a_transaction_that_could_still_come_before(db: Database) -> None:
    bench, other = await lay(db, clock=None), await lay(db, clock=None)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        async with transaction(db) as tx:
            await notifications.emit(tx, [told(bench, "slow")])
            begun.set()
            await go_on.wait()

    slow_one = asyncio.create_task(slow())
    await begun.wait()
    async with transaction(db) as tx:
        # Another customer of the same workspace: nothing makes it wait for the slow one.
        event = told(other, "quick")
        await notifications.emit(
            tx,
            [
                NewEvent(
                    workspace_id=bench.workspace_id,
                    customer_id=other.ann,
                    type=event.type,
                    object_type=event.object_type,
                    object_id=event.object_id,
                    data={},
                )
            ],
        )
    # Whoever read "quick" now and went on from there would never see "slow".
    assert await feed(db, bench) == []
    go_on.set()
    await slow_one
    assert await feed_of(db, bench, 2) == ["slow", "quick"]
