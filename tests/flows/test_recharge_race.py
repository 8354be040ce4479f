"""Everybody at once on one wallet: usage, purchases, changed rules, reconcilers and workers. No deadlock, no cent too much."""

import asyncio
from decimal import Decimal
from random import Random

import pytest
from tests.flows.recharge_stage import LATE, MASTERCARD, RETURN_URL, VISA, Stage, set_up

from replenish.core.db import Database
from replenish.core.money import Credits
from replenish.flows import manage_recharge_rules as rules
from replenish.flows.auto_recharge import recharge_due_wallet
from replenish.flows.reconcile_payments import reconcile_payments
from replenish.providers.sandbox.sandbox import Sandbox
from replenish.reports.verify import verify

pytestmark = pytest.mark.anyio


@pytest.fixture
async def stage(db: Database, sandbox: Sandbox) -> Stage:
    return await set_up(db, sandbox)


@pytest.mark.parametrize("seed", range(3))
async def test_law_12_caps_hold_and_the_books_agree_whoever_comes_first(stage: Stage, seed: int) -> None:
    chance = Random(seed)
    visa, late, by_hand = [await stage.save_card(number) for number in (VISA, LATE, MASTERCARD)]
    caps = {"charge_amount_max": Decimal(20), "month_amount_max": Decimal(100)}
    rule = await stage.set_rule(visa, **caps)
    busy = 5

    async def uses() -> None:
        nonlocal busy
        for _ in range(40):
            await stage.use(chance.randint(1, 40))
        busy -= 1

    async def changes() -> None:
        nonlocal busy
        for step in range(15):
            if step % 5 == 4:
                await rules.disable_rule(db=stage.db, workspace_id=stage.workspace_id, rule_id=rule.id)
            else:
                threshold = Credits(chance.randint(50, 199))
                await stage.agree(stage.draft(chance.choice([visa, late]), threshold=threshold, **caps))
        busy -= 1

    async def buys() -> None:
        nonlocal busy
        for _ in range(5):
            await stage.buy(by_hand)
        busy -= 1

    async def works() -> None:
        while busy:
            await recharge_due_wallet(db=stage.db, providers=stage.providers, return_url=RETURN_URL)
            await stage.db.pool.execute("update payments set due_at = now() where due_at is not null")
            await stage.db.pool.execute("update sandbox.intents set settles_at = now() where settles_at is not null")
            await stage.sandbox.bank.settle_due()
            await reconcile_payments(db=stage.db, providers=stage.providers)

    await asyncio.gather(uses(), uses(), uses(), changes(), buys(), *(works() for _ in range(5)))
    await stage.agree(stage.draft(visa, **caps))
    await stage.reconcile()
    await stage.work()
    await stage.reconcile()

    assert not (await verify(stage.db)).differences
    automatic = sum(attempt.amount for attempt in await stage.attempts() if attempt.state == "succeeded")
    assert automatic <= 100
    assert await stage.charged() == automatic + 50
    assert all(attempt.amount <= 20 for attempt in await stage.attempts())
