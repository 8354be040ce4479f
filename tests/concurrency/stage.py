"""What many callers at once stand on: gatherers with pools of their own, and one customer's books."""

from __future__ import annotations

import collections
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal

from tests.ledger.books import Bench

from replenish.core.db import Database, connect
from replenish.core.gather import Gatherer
from replenish.core.money import Credits
from replenish.flows.grant_credits import grant_credits
from replenish.flows.record_usage import NewUsage, Outcome, Recorded
from replenish.main.app import gather_usage
from replenish.wallets import queries as wallets
from replenish.wallets.book import NewLot

Doors = Sequence[Gatherer[NewUsage, Outcome]]


@asynccontextmanager
async def doors(url: str, *, count: int) -> AsyncIterator[Doors]:
    """As many processes as the database sees: each has a pool and a gatherer of its own."""
    pools = [await connect(url, size_max=4) for _ in range(count)]
    made = [gather_usage(pool) for pool in pools]
    try:
        yield made
    finally:
        for door in made:
            await door.close()
        for pool in pools:
            await pool.close()


async def give(db: Database, bench: Bench, *amounts: str) -> None:
    for amount in amounts:
        await grant_credits(
            db, ref=bench.ref, new=NewLot(amount=Credits(Decimal(amount)), category="paid", source="api")
        )


def used(bench: Bench, key: str, value: str = "1", *, meter: str | None = "a") -> NewUsage:
    return NewUsage(
        workspace_id=bench.workspace_id,
        customer_id=bench.ann,
        currency=bench.currency,
        meter=None if meter is None else bench.meters[meter],
        key=key,
        value=Decimal(value),
    )


def counted(outcomes: Sequence[Outcome]) -> dict[str, int]:
    return dict(
        collections.Counter(
            ("replayed" if outcome.replayed else "recorded")
            if isinstance(outcome, Recorded)
            else outcome.refusal.own_code
            for outcome in outcomes
        )
    )


async def in_the_books(db: Database, bench: Bench) -> tuple[int, Decimal, Decimal]:
    """Events, what they debited, and what is left."""
    events = await db.pool.fetchval("select count(*) from usage_events where customer_id = $1", bench.ann)
    debited = await db.pool.fetchval("select sum(debit) from usage_events where customer_id = $1", bench.ann)
    found = await wallets.balance(db, ref=bench.ref, now=bench.currency.created_at)
    return events, debited, found.available.value
