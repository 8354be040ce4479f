"""Automatic top-up against PostgreSQL and the sandbox's bank: laws 9, 10, 12 and 13 as stories."""

import asyncio
from decimal import Decimal

import pytest
from tests.flows.recharge_stage import LATE, RETURN_URL, START, VISA, Stage, set_up

from replenish.core.db import Database
from replenish.flows.auto_recharge import recharge_due_wallet
from replenish.providers.sandbox.sandbox import Sandbox
from replenish.reports.verify import verify

pytestmark = pytest.mark.anyio


@pytest.fixture
async def stage(db: Database, sandbox: Sandbox) -> Stage:
    return await set_up(db, sandbox)


async def test_it_fires_below_the_threshold_not_at_it_and_tells_why(stage: Stage) -> None:
    await stage.give(200)
    await stage.set_rule(await stage.save_card(VISA))
    await stage.use(50)
    await stage.work()
    assert (await stage.balance(), await stage.charged()) == (150, 0)
    await stage.use("0.01")
    await stage.work()
    (attempt,) = await stage.attempts()
    assert (attempt.state, attempt.packs, attempt.amount, str(attempt.balance)) == ("succeeded", 1, 10, "149.99")
    assert attempt.detail == "200 credits were added."
    assert attempt.submitted_at == START
    assert (await stage.balance(), await stage.charged()) == (349, 10)
    assert "recharge_attempt.succeeded" in await stage.told()
    assert not (await verify(stage.db)).differences


async def test_law_10_a_burst_of_a_thousand_crossings_is_one_attempt(stage: Stage) -> None:
    await stage.give(150)
    await stage.set_rule(await stage.save_card(LATE))
    done = asyncio.Event()

    async def works() -> None:
        while not done.is_set():
            await recharge_due_wallet(db=stage.db, providers=stage.providers, return_url=RETURN_URL)

    workers = [asyncio.create_task(works()) for _ in range(3)]
    for _ in range(100):
        await asyncio.gather(*(stage.use("0.01") for _ in range(10)))
    done.set()
    await asyncio.gather(*workers)
    await stage.work()
    assert await stage.story() == ["submitted low_balance"]


async def test_law_10_a_gap_of_ten_packs_is_one_charge(stage: Stage) -> None:
    await stage.set_rule(await stage.save_card(VISA))
    await stage.work()
    await stage.use(await stage.balance() + 1_850)
    await stage.work()
    assert await stage.story() == ["succeeded 1", "succeeded 10"]
    assert (await stage.balance(), await stage.charged()) == (150, 110)


async def test_law_10_eight_workers_on_one_wallet_make_one_attempt(stage: Stage) -> None:
    await stage.set_rule(await stage.save_card(LATE))
    looks = (recharge_due_wallet(db=stage.db, providers=stage.providers, return_url=RETURN_URL) for _ in range(8))
    await asyncio.gather(*looks)
    await stage.use(100)
    await stage.db.pool.execute("update wallets set look_again_at = null")
    await stage.use(1)
    looks = (recharge_due_wallet(db=stage.db, providers=stage.providers, return_url=RETURN_URL) for _ in range(8))
    await asyncio.gather(*looks)
    assert await stage.story() == ["submitted low_balance"]


async def test_law_12_caps_hold_while_eight_workers_race(stage: Stage) -> None:
    """Each charge is cut to one pack, and every settlement leaves the wallet low: the month cap must stop it."""
    await stage.use(2_000)
    await stage.set_rule(await stage.save_card(VISA), charge_amount_max=Decimal(10), month_amount_max=Decimal(50))
    await asyncio.gather(*(stage.work() for _ in range(8)))
    assert await stage.story() == [*["succeeded 1"] * 5, "refused cap_month"]
    assert await stage.charged() == 50
