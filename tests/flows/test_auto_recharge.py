"""Automatic top-up against PostgreSQL and the sandbox's bank: laws 9, 10, 12 and 13 as stories."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from tests.flows.recharge_crashes import MOMENTS, Interrupted, Killed, Moment, die
from tests.flows.recharge_stage import LATE, MASTERCARD, REPLY_LOST, RETURN_URL, START, VISA, Stage, set_up

from replenish.core.db import Database
from replenish.core.money import Credits
from replenish.flows import manage_recharge_rules as rules
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


async def test_law_12_the_month_cap_refuses_the_third_once_and_says_why(stage: Stage) -> None:
    await stage.give(200)
    await stage.set_rule(await stage.save_card(VISA), month_amount_max=Decimal(20))
    for _ in range(8):
        await stage.use(100)
        await stage.work()
    assert await stage.story() == ["succeeded 1", "succeeded 1", "refused cap_month"]
    rule = await stage.rule()
    detail = "Monthly cap of 20 USDC reached: 20 USDC charged, one purchase costs 10 USDC; it resets on 1 Dec 2031."
    assert (rule.reason, rule.reason_detail, rule.reason_until) == (
        "cap_month",
        detail,
        datetime(2031, 12, 1, tzinfo=UTC),
    )
    assert (await stage.told()).count("recharge_attempt.refused") == 1

    # A purchase by hand neither counts nor makes the same reason news; the new month charges without any usage.
    await stage.buy(await stage.save_card(MASTERCARD), quantity=4)
    await stage.use(500)
    await stage.work()
    assert len(await stage.attempts()) == 3
    await stage.clock(datetime(2031, 12, 1, tzinfo=UTC))
    await stage.work()
    assert (await stage.story())[3:] == ["succeeded 1"]


async def test_law_10_what_is_on_its_way_by_hand_counts_as_arrived(stage: Stage) -> None:
    await stage.give(160)
    rule = await stage.set_rule(await stage.save_card(VISA))
    await stage.buy(await stage.save_card(LATE))
    await stage.use(100)
    await stage.work()
    assert await stage.story() == ["refused covered"]
    assert (await stage.rule()).reason_detail == "200 credits are on their way."
    # It fails: nothing is on its way any more.
    await stage.db.pool.execute("update sandbox.intents set state = 'declined', decline_code = 'card_declined'")
    await stage.reconcile()
    await stage.work()
    assert await stage.story() == ["refused covered", "succeeded 1"]
    assert rule.enabled


async def test_law_09_a_lost_reply_is_looked_up_and_never_charged_again(stage: Stage) -> None:
    await stage.set_rule(await stage.save_card(REPLY_LOST))
    await stage.work()
    await stage.use(1_000)
    await stage.work()
    assert await stage.story() == ["submitted low_balance"]
    await stage.reconcile()
    assert (await stage.story())[0] == "succeeded 1"
    assert await stage.db.pool.fetchval("select count(*) from sandbox.intents") == 1


@pytest.mark.parametrize("moment", MOMENTS)
async def test_law_09_killed_between_any_two_steps_another_worker_charges_once(stage: Stage, moment: Moment) -> None:
    await stage.set_rule(await stage.save_card(VISA))
    with pytest.raises(Killed):
        await stage.work({"sandbox": Interrupted(stage.sandbox, at=moment, what=die)})
    await stage.work()
    assert len(await stage.attempts()) == 1
    await stage.reconcile()
    await stage.work()
    assert await stage.story() == ["succeeded 1"]
    assert (await stage.balance(), await stage.charged()) == (200, 10)
    assert await stage.db.pool.fetchval("select count(*) from sandbox.intents") == 1


@pytest.mark.parametrize("moment", ["before_prepare", "after_prepare"])
async def test_law_10_switched_off_before_it_is_submitted_nothing_is_charged(stage: Stage, moment: Moment) -> None:
    rule = await stage.set_rule(await stage.save_card(VISA))

    async def switch_off() -> None:
        await rules.disable_rule(db=stage.db, workspace_id=stage.workspace_id, rule_id=rule.id, customer_id=stage.ann)

    await stage.work({"sandbox": Interrupted(stage.sandbox, at=moment, what=switch_off)})
    await stage.reconcile()
    assert await stage.story() == ["cancelled low_balance"]
    assert (await stage.charged(), (await stage.rule()).enabled) == (0, False)
    await stage.use(100)
    await stage.work()
    assert len(await stage.attempts()) == 1


async def test_a_charge_that_is_submitted_settles_though_the_rule_is_switched_off(stage: Stage) -> None:
    rule = await stage.set_rule(await stage.save_card(VISA))

    async def switch_off() -> None:
        await rules.disable_rule(db=stage.db, workspace_id=stage.workspace_id, rule_id=rule.id)

    await stage.work({"sandbox": Interrupted(stage.sandbox, at="before_submit", what=switch_off)})
    assert await stage.story() == ["succeeded 1"]
    await stage.use(200)
    await stage.work()
    assert len(await stage.attempts()) == 1


async def test_law_10_a_threshold_lowered_mid_flight_calls_the_attempt_off(stage: Stage) -> None:
    card = await stage.save_card(VISA)
    await stage.give(100)
    rule = await stage.set_rule(card)

    async def lower() -> None:
        await stage.agree(stage.draft(card, threshold=Credits(50)))

    await stage.work({"sandbox": Interrupted(stage.sandbox, at="after_prepare", what=lower)})
    await stage.reconcile()
    assert await stage.story() == ["cancelled low_balance"]
    assert (await stage.balance(), await stage.charged()) == (100, 0)
    await stage.use(51)
    await stage.work()
    assert (await stage.story())[1:] == ["succeeded 1"]
    assert rule.enabled


async def test_law_10_a_purchase_by_hand_calls_off_an_attempt_that_is_not_submitted(stage: Stage) -> None:
    await stage.set_rule(await stage.save_card(VISA))
    other = await stage.save_card(MASTERCARD)

    async def buy() -> None:
        await stage.buy(other)

    await stage.work({"sandbox": Interrupted(stage.sandbox, at="after_prepare", what=buy)})
    await stage.reconcile()
    assert await stage.story() == ["cancelled low_balance"]
    assert (await stage.balance(), await stage.charged()) == (200, 10)


async def test_law_11_an_attempt_and_a_purchase_are_two_top_ups_and_both_are_kept(stage: Stage) -> None:
    await stage.set_rule(await stage.save_card(VISA))
    other = await stage.save_card(MASTERCARD)

    async def buy() -> None:
        await stage.buy(other)

    await stage.work({"sandbox": Interrupted(stage.sandbox, at="before_submit", what=buy)})
    assert await stage.story() == ["succeeded 1"]
    assert (await stage.balance(), await stage.charged()) == (400, 20)


@pytest.mark.parametrize(
    ("break_it", "mend_it", "reason"),
    [
        (
            "update payment_methods set detached_at = now()",
            "update payment_methods set detached_at = null",
            "no_payment_method",
        ),
        ("update prices set active = false", "update prices set active = true", "price_inactive"),
        ("update wallets set frozen_at = now()", "update wallets set frozen_at = null", "frozen"),
        ("update prices set unit_amount = 9", "update prices set unit_amount = 10", "consent_outdated"),
        ("update payment_methods set expires_year = 2031, expires_month = 10",
         "update payment_methods set expires_year = 2070", "method_expired"),
        ("update payment_methods set provider = 'gone'",
         "update payment_methods set provider = 'sandbox'", "provider_unavailable"),
    ],
)  # fmt: skip
async def test_law_13_what_stands_in_the_way_is_told_once_and_looked_at_again(
    stage: Stage, break_it: str, mend_it: str, reason: str
) -> None:
    await stage.give(150)
    await stage.set_rule(await stage.save_card(VISA))
    await stage.use(1)
    await stage.db.pool.execute(break_it)
    for _ in range(3):
        await stage.work()
        await stage.wait(minutes=61)
    assert await stage.story() == [f"refused {reason}"]
    await stage.db.pool.execute(mend_it)
    await stage.work()
    assert await stage.story() == [f"refused {reason}", "succeeded 1"]
