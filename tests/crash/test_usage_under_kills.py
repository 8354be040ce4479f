"""Law 7 when machines die: usage under load, everything killed again and again, each acknowledged event there exactly once."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
from decimal import Decimal

import asyncpg
import msgspec
import pytest
from tests.crash.line import API_KEY, Line, Unanswered
from tests.crash.machine import Machine, machine, verify
from tests.main.conftest import home, place

from replenish.core.ids import USAGE_EVENT
from support.long import LONG

__all__ = ["home", "machine", "place"]

ROUNDS = int(os.environ.get("REPLENISH_CRASH_ROUNDS", "50" if LONG else "3"))
CALLERS = 12
CUSTOMERS = ("demo-customer", "ben", "eve")
PLENTY = "1000000"
pytestmark = [pytest.mark.anyio, pytest.mark.timeout(1800)]


class Said(msgspec.Struct, frozen=True):
    """An acknowledged event: the id and the debit that the answer named."""

    event: str
    debit: str


class Load:
    """Callers that report usage without a pause, and remember what they were told; an unanswered event is sent again."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.over = False
        self.acknowledged: dict[tuple[str, str], Said] = {}
        self.sent_again = 0

    async def caller(self, number: int) -> None:
        async with self.line.client({"Authorization": f"Bearer {API_KEY}"}) as http:
            turn = 0
            while not self.over:
                turn += 1
                customer = CUSTOMERS[turn % len(CUSTOMERS)]
                body = {
                    "customer_id": customer,
                    "meter_id": "api_calls",
                    "idempotency_key": f"{number}-{turn}",
                    "value": str(1 + turn % 3),
                }
                while True:
                    try:
                        answer = await http.post("/v1/usage", json=body)
                    except Unanswered:
                        self.sent_again += 1
                        continue
                    break
                assert answer.status_code == 201, answer.text
                event = answer.json()["event"]
                self.acknowledged[customer, body["idempotency_key"]] = Said(event["id"], event["debit"])


async def test_law_07_usage_under_load_survives_kills_of_everything(machine: Machine) -> None:
    seed = int(os.environ.get("REPLENISH_CRASH_SEED") or secrets.randbelow(1_000_000))
    print(f"to see the same kills again: REPLENISH_CRASH_SEED={seed}")  # noqa: T201 - pytest shows it with a failure
    dice = random.Random(seed)
    line = Line(f"http://127.0.0.1:{machine.port}")
    load = Load(line)
    await asyncio.to_thread(machine.start)
    line.is_up()
    await _open_books(line)
    async with asyncio.TaskGroup() as running:
        for number in range(CALLERS):
            running.create_task(load.caller(number))
        for _ in range(ROUNDS):
            await asyncio.sleep(dice.uniform(0.1, 1.5))
            await _kill(machine, line, dice)
            await asyncio.to_thread(machine.start)
            line.is_up()
        await asyncio.sleep(0.5)
        load.over = True
    assert load.sent_again >= ROUNDS, "the kills fell between the requests"
    dev = machine.dev
    assert dev is not None
    connection = await dev.connect()
    try:
        assert await connection.fetchval("show fsync") == "on"
        await _check(connection, load)
    finally:
        await connection.close()
    verified = await asyncio.to_thread(verify, dev)
    assert verified.returncode == 0, verified.stdout + verified.stderr


async def _open_books(line: Line) -> None:
    async with line.client({"Authorization": f"Bearer {API_KEY}"}) as http:
        meter = await http.post("/v1/meters", json={"name": "Calls", "event_name": "api_calls", "unit": "call"})
        assert meter.status_code in {201, 409}, meter.text
        found = (await http.get("/v1/meters/api_calls")).json()
        for customer in CUSTOMERS:
            await http.post("/v1/customers", json={"external_id": customer})
            grant = {"customer_id": customer, "currency_id": found["currency_id"], "amount": PLENTY}
            given = await http.post("/v1/credit_grants", json=grant)
            assert given.status_code == 201, given.text


async def _kill(machine: Machine, line: Line, dice: random.Random) -> None:
    """Everything, or at first only a part of it: the database under living processes, or those over a living database."""
    pids = await asyncio.to_thread(machine.targets)
    dice.shuffle(pids)
    line.fails_from_now_on()
    first = pids[: dice.randrange(len(pids))]
    await asyncio.to_thread(machine.kill_only, first)
    await asyncio.sleep(dice.uniform(0, 0.05))
    # Those found before, too: who lost its parent is found below it no more.
    await asyncio.to_thread(machine.kill, [*pids, *await asyncio.to_thread(machine.targets)])
    line.is_dead()


async def _check(connection: asyncpg.Connection[asyncpg.Record], load: Load) -> None:
    rows = await connection.fetch(
        "select c.external_id, e.key, e.debit, e.id from usage_events e join customers c on c.id = e.customer_id"
    )
    assert rows, "nothing was recorded"
    stored = {(row["external_id"], row["key"]): row for row in rows}
    assert len(stored) == len(rows), "a key was recorded twice"
    # Every caller sent its last event again until it was answered: what is stored is what was acknowledged, no more, no less.
    assert stored.keys() == load.acknowledged.keys()
    for name, said in load.acknowledged.items():
        assert USAGE_EVENT.text(stored[name]["id"]) == said.event
        assert stored[name]["debit"] == Decimal(said.debit)
    spent = await connection.fetch(
        "select c.external_id, w.spent from wallets w join customers c on c.id = w.customer_id where w.spent > 0"
    )
    for row in spent:
        mine = [
            Decimal(said.debit) for (customer, _), said in load.acknowledged.items() if customer == row["external_id"]
        ]
        assert row["spent"] == sum(mine)
