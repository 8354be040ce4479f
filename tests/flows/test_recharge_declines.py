"""Law 13 by the workspace's own clock: pauses, suspension, authentication, and what the customer reads."""

from datetime import timedelta
from decimal import Decimal

import pytest
from tests.flows.recharge_stage import ASKS, DECLINES, LOST, MASTERCARD, START, VISA, Stage, set_up

from replenish.core.db import Database
from replenish.core.errors import Invalid
from replenish.flows import manage_recharge_rules as rules
from replenish.providers.sandbox.sandbox import Sandbox

SUSPENDED = "Declined 3 times in a row, so automatic top-up is suspended: save another payment method, or resume it."
pytestmark = pytest.mark.anyio


@pytest.fixture
async def stage(db: Database, sandbox: Sandbox) -> Stage:
    return await set_up(db, sandbox)


async def test_law_13_after_an_hour_after_six_and_then_never(stage: Stage) -> None:
    await stage.set_rule(await stage.save_card(DECLINES))
    timeline: list[tuple[str, int, bool]] = []
    for minutes in (0, 59, 1, 359, 1, 60 * 24 * 30):
        await stage.wait(minutes=minutes)
        await stage.use("0.01")
        await stage.work()
        rule = await stage.rule()
        at = await stage.db.pool.fetchval("select test_clock from workspaces where id = $1", stage.workspace_id)
        timeline.append((str(at - START), len(await stage.attempts()), rule.suspended_at is not None))
    assert timeline == [
        ("0:00:00", 1, False),
        ("0:59:00", 1, False),
        ("1:00:00", 2, False),
        ("6:59:00", 2, False),
        ("7:00:00", 3, True),
        ("30 days, 7:00:00", 3, True),
    ]
    assert await stage.story() == ["declined card_declined"] * 3
    assert [attempt.detail for attempt in await stage.attempts()] == [
        "Your payment was declined. The next try is in 1 hour.",
        "Your payment was declined. The next try is in 6 hours.",
        f"Your payment was declined. {SUSPENDED}",
    ]
    assert await stage.told() == [
        "recharge_rule.enabled",
        "recharge_attempt.declined",
        "recharge_attempt.declined",
        "recharge_attempt.declined",
        "recharge_rule.suspended",
    ]


async def test_law_13_the_pause_ends_without_any_usage(stage: Stage) -> None:
    await stage.set_rule(await stage.save_card(DECLINES))
    await stage.work()
    await stage.wait(hours=1)
    await stage.work()
    assert len(await stage.attempts()) == 2


async def test_law_13_a_hard_decline_suspends_at_once_until_another_card(stage: Stage) -> None:
    lost = await stage.save_card(LOST)
    await stage.set_rule(lost)
    await stage.work()
    rule = await stage.rule()
    assert (rule.suspended_reason, rule.declines_in_a_row, rule.reason) == ("declined", 1, "suspended")

    # The same card, saved again under a new id, is the same card.
    await stage.set_rule(await stage.save_card(LOST), threshold=rule.threshold)
    await stage.work()
    assert (await stage.rule()).suspended_at is not None
    await stage.set_rule(await stage.save_card(VISA))
    await stage.work()
    assert await stage.story() == ["declined lost_card", "succeeded 1"]
    assert (await stage.rule()).declines_in_a_row == 0


async def test_law_13_a_resume_by_hand_tries_again_at_once(stage: Stage) -> None:
    await stage.set_rule(await stage.save_card(LOST))
    await stage.work()
    rule = await stage.rule()
    where = {"db": stage.db, "workspace_id": stage.workspace_id, "rule_id": rule.id}
    assert await rules.resume_rule(**where, customer_id=stage.ann)
    await stage.work()
    assert await stage.story() == ["declined lost_card"] * 2
    assert "recharge_rule.resumed" in await stage.told()


async def test_only_the_merchant_ends_the_merchant_s_suspension(stage: Stage) -> None:
    await stage.give(500)
    rule = await stage.set_rule(await stage.save_card(VISA))
    where = {"db": stage.db, "workspace_id": stage.workspace_id, "rule_id": rule.id}
    await rules.suspend_rule(**where, reason="dispute")
    await stage.use(500)
    await stage.set_rule(await stage.save_card(MASTERCARD))
    await stage.work()
    assert await stage.story() == ["refused suspended"]
    with pytest.raises(Invalid):
        await rules.resume_rule(**where, customer_id=stage.ann)
    assert await rules.resume_rule(**where)
    await stage.work()
    assert await stage.story() == ["refused suspended", "succeeded 1"]


async def test_law_13_authentication_waits_for_the_customer_and_for_nothing_else(stage: Stage) -> None:
    await stage.set_rule(await stage.save_card(ASKS))
    await stage.work()
    (attempt,) = await stage.attempts()
    assert (attempt.state, attempt.expires_at) == ("needs_customer", START + timedelta(hours=24))
    await stage.wait(hours=12)
    await stage.use(10)
    await stage.work()
    assert await stage.story() == ["needs_customer authentication_required"]

    await stage.authenticate(approved=True)
    await stage.reconcile()
    assert await stage.story() == ["succeeded 1"]
    assert (await stage.balance(), await stage.charged()) == (190, 10)
    assert await stage.told("recharge_attempt") == ["recharge_attempt.needs_customer", "recharge_attempt.succeeded"]


async def test_law_13_a_link_that_nobody_followed_is_a_decline_without_money(stage: Stage) -> None:
    await stage.set_rule(await stage.save_card(ASKS))
    await stage.work()
    await stage.wait(hours=23, minutes=59)
    await stage.work()
    assert await stage.story() == ["needs_customer authentication_required"]
    await stage.wait(minutes=1)
    await stage.work()
    rule = await stage.rule()
    assert await stage.story() == ["expired authentication_required"]
    assert (rule.declines_in_a_row, rule.paused_until) == (1, START + timedelta(hours=25))
    assert await stage.charged() == 0
    assert await stage.db.pool.fetchval("select state from sandbox.intents") == "cancelled"
    await stage.wait(hours=1)
    await stage.work()
    assert await stage.story() == ["expired authentication_required", "needs_customer authentication_required"]


async def test_law_08_who_authenticates_at_the_last_moment_keeps_the_credits(stage: Stage) -> None:
    await stage.set_rule(await stage.save_card(ASKS))
    await stage.work()
    await stage.authenticate(approved=True)
    await stage.wait(hours=24)
    await stage.work()
    assert await stage.story() == ["succeeded 1"]
    assert (await stage.balance(), await stage.charged()) == (200, 10)


async def test_law_13_a_refused_authentication_is_a_decline(stage: Stage) -> None:
    await stage.set_rule(await stage.save_card(ASKS))
    await stage.work()
    await stage.authenticate(approved=False)
    await stage.reconcile()
    assert await stage.story() == ["declined authentication_failed"]


async def test_law_10_a_purchase_by_hand_calls_off_an_attempt_that_waits(stage: Stage) -> None:
    await stage.set_rule(await stage.save_card(ASKS))
    await stage.work()
    await stage.buy(await stage.save_card(VISA))
    assert await stage.story() == ["cancelled authentication_required"]
    await stage.reconcile()
    assert await stage.db.pool.fetchval("select state from sandbox.intents where not customer_present") == "cancelled"
    assert (await stage.balance(), await stage.charged()) == (200, 10)
    rule = await stage.rule()
    assert (rule.declines_in_a_row, rule.reason) == (0, None)


async def test_law_12_declines_count_for_the_day_s_number_and_not_for_its_money(stage: Stage) -> None:
    declining = await stage.save_card(DECLINES)
    caps = {"day_count_max": 2, "day_amount_max": Decimal(10)}
    await stage.set_rule(declining, **caps)
    await stage.work()
    await stage.set_rule(await stage.save_card(VISA), **caps)
    await stage.work()
    await stage.use(100)
    await stage.work()
    assert await stage.story() == ["declined card_declined", "succeeded 1", "refused cap_day_amount"]
    await stage.set_rule(await stage.save_card(MASTERCARD), day_count_max=2)
    await stage.work()
    assert (await stage.story())[3:] == ["refused cap_day_count"]
    await stage.clock(START.replace(day=25, hour=0, minute=0))
    await stage.work()
    assert (await stage.story())[4:] == ["succeeded 1"]
