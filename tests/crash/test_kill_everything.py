"""Every process is killed, PostgreSQL too, 20 times in the middle of the story; each start goes on where the last one ended."""

from __future__ import annotations

import asyncio
import os
import random
import secrets

import asyncpg
import pytest
from tests.crash import books
from tests.crash.line import API_KEY, Api, Line
from tests.crash.machine import Machine, machine, verify
from tests.crash.story import Story
from tests.main.conftest import home, place

from support.dev import Dev

__all__ = ["home", "machine", "place"]

KILLS = int(os.environ.get("REPLENISH_CRASH_KILLS", "20"))
pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]


async def test_killed_20_times_nothing_is_lost_and_nobody_is_charged_twice(machine: Machine) -> None:
    seed = int(os.environ.get("REPLENISH_CRASH_SEED") or secrets.randbelow(1_000_000))
    print(f"to see the same kills again: REPLENISH_CRASH_SEED={seed}")  # noqa: T201 - pytest shows it with a failure
    line = Line(f"http://127.0.0.1:{machine.port}")
    async with line.client({"Authorization": f"Bearer {API_KEY}"}) as http:
        await _play_and_check(machine, line, Story(line, Api(http), seed))


async def _play_and_check(machine: Machine, line: Line, story: Story) -> None:
    await asyncio.to_thread(machine.start)
    line.is_up()
    async with asyncio.TaskGroup() as running:
        playing = running.create_task(story.play())
        await _kill_again_and_again(machine, line, story.dice("kills"))
        assert machine.dev is not None
        await _play_to_the_end(machine.dev, story)
        story.over = True
        await playing
    dev = machine.dev
    assert dev is not None
    connection = await dev.connect()
    try:
        assert await connection.fetchval("show fsync") == "on"
        await _calm_down(connection)
        await books.check_bank(connection)
        await books.check_said(connection, story)
    finally:
        await connection.close()
    verified = await asyncio.to_thread(verify, dev)
    assert verified.returncode == 0, verified.stdout + verified.stderr


async def _kill_again_and_again(machine: Machine, line: Line, dice: random.Random) -> None:
    for _ in range(KILLS):
        await asyncio.sleep(dice.uniform(0.2, 2.2))
        pids = await asyncio.to_thread(machine.targets)
        # In no particular order: who dies first has others still working for an instant.
        dice.shuffle(pids)
        line.fails_from_now_on()
        await asyncio.to_thread(machine.kill, pids)
        line.is_dead()
        dev = await asyncio.to_thread(machine.start)
        connection = await dev.connect()
        await books.let_time_pass(connection)
        await connection.close()
        line.is_up()
    assert line.unanswered >= KILLS // 4, "the kills fell between the requests"


async def _calm_down(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    for _ in range(300):
        await books.let_time_pass(connection)
        if not await connection.fetchval(books.PENDING):
            return
        await asyncio.sleep(0.2)
    raise AssertionError("something is still pending after a minute of quiet")


async def _play_to_the_end(dev: Dev, story: Story) -> None:
    """A story in which nothing happens would prove nothing: on a slow machine it goes on until all of it was played."""
    connection = await dev.connect()
    try:
        for _ in range(240):
            missing = await _not_played_yet(connection, story)
            if not missing:
                return
            await books.let_time_pass(connection)
            await asyncio.sleep(0.5)
    finally:
        await connection.close()
    raise AssertionError(f"in the whole story there was not: {', '.join(missing)}")


async def _not_played_yet(connection: asyncpg.Connection[asyncpg.Record], story: Story) -> list[str]:
    row = await connection.fetchrow(
        "select count(*) filter (where state = 'succeeded') as charged,"
        " count(*) filter (where state = 'refused' and starts_with(reason, 'cap_')) as capped,"
        " count(distinct customer_id) filter (where state = 'succeeded') as customers from recharge_attempts"
    )
    assert row is not None
    played = {
        "enough automatic charges": row["charged"] >= KILLS // 2,
        "an automatic charge by each card but one": row["customers"] >= 3,
        "a refusal by a cap": row["capped"],
        "a paid payment link": story.said.paid,
        "usage refused for want of credits": story.said.refused,
    }
    return [what for what, happened in played.items() if not happened]
