"""One process that debits a list of wallets again and again, forwards or backwards: `python -m tests.concurrency.hammer`.

Reads its order from standard input, writes what it did to standard output.
"""

from __future__ import annotations

import asyncio
import sys
import time
from decimal import Decimal

import msgspec

from replenish.catalog import queries as catalog
from replenish.core.db import connect
from replenish.core.ids import CurrencyId, CustomerId, MeterId, WorkspaceId
from replenish.flows.record_usage import NewUsage, Recorded, record_usage


class Order(msgspec.Struct, frozen=True):
    url: str
    name: str
    seconds: float
    backwards: bool
    workspace_id: WorkspaceId
    currency_id: CurrencyId
    meter_id: MeterId
    customers: list[CustomerId]


class Done(msgspec.Struct):
    recorded: int = 0
    refused: list[str] = []


async def hammer(order: Order) -> Done:
    db = await connect(order.url, size_max=4)
    currency = await catalog.currency(db, workspace_id=order.workspace_id, currency_id=order.currency_id)
    meter = await catalog.meter(db, workspace_id=order.workspace_id, meter_id=order.meter_id)
    customers = order.customers[::-1] if order.backwards else order.customers
    done = Done()
    end = time.monotonic() + order.seconds

    async def batches(number: int) -> None:
        turn = 0
        while time.monotonic() < end:
            turn += 1
            events = [
                NewUsage(
                    workspace_id=order.workspace_id,
                    customer_id=customer,
                    currency=currency,
                    meter=meter,
                    key=f"{order.name}-{number}-{turn}",
                    value=Decimal("0.5"),
                )
                for customer in customers
            ]
            for outcome in await record_usage(db, events=events):
                if isinstance(outcome, Recorded):
                    done.recorded += 1
                else:
                    done.refused.append(f"{outcome.refusal.own_code}: {outcome.refusal}")

    await asyncio.gather(*(batches(number) for number in range(3)))
    await db.close()
    return done


if __name__ == "__main__":
    given = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(hammer(given))))
