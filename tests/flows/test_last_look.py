"""The last look before money can move: whatever was taken back since the decision is not charged, however late that look is.

A charge that was decided lives on when its process dies, for up to an hour. Until it has been sent it is only an intention.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable

import pytest
from tests.flows.recharge_crashes import Interrupted, Killed, Moment, die
from tests.flows.recharge_stage import ASKS, MASTERCARD, RETURN_URL, START, VISA, Stage, set_up

from replenish.access.model import RequestKey
from replenish.core.db import Database
from replenish.core.errors import Invalid
from replenish.core.ids import PaymentMethodId
from replenish.flows import manage_recharge_rules as rules
from replenish.flows.buy_credits import buy_with_saved_method
from replenish.flows.manage_customers import freeze_customer
from replenish.flows.save_method import detach_method
from replenish.payments import queries as payments
from replenish.providers.sandbox.sandbox import Sandbox
from replenish.reports.verify import verify
from replenish.wallets import queries as wallet_queries

pytestmark = pytest.mark.anyio


@pytest.fixture
async def stage(db: Database, sandbox: Sandbox) -> Stage:
    return await set_up(db, sandbox)


async def detach(stage: Stage, card: PaymentMethodId) -> None:
    """Ann removes her card; its provider never hears of it."""
    where = {"workspace_id": stage.workspace_id, "customer_id": stage.ann, "method_id": card}
    await detach_method(db=stage.db, providers={}, **where)


async def freeze(stage: Stage, _: PaymentMethodId) -> None:
    await freeze_customer(db=stage.db, workspace_id=stage.workspace_id, customer_id=stage.ann, frozen=True)


async def switch_off(stage: Stage, _: PaymentMethodId) -> None:
    await rules.disable_rule(db=stage.db, workspace_id=stage.workspace_id, rule_id=(await stage.rule()).id)


async def suspend(stage: Stage, _: PaymentMethodId) -> None:
    await rules.suspend_rule(db=stage.db, workspace_id=stage.workspace_id, rule_id=(await stage.rule()).id)


TakesBack = Callable[[Stage, PaymentMethodId], Awaitable[None]]
UNSENT: tuple[Moment, ...] = ("before_prepare", "after_prepare", "before_submit")


@pytest.mark.parametrize("moment", UNSENT)
@pytest.mark.parametrize("takes_back", [detach, freeze, switch_off, suspend], ids=lambda it: it.__name__)
async def test_law_12_an_automatic_charge_that_a_crash_left_behind(
    stage: Stage, moment: Moment, takes_back: TakesBack
) -> None:
    card = await stage.save_card(VISA)
    await stage.give(200)
    await stage.set_rule(card)
    await stage.use(100)
    dying = {"sandbox": Interrupted(stage.sandbox, at=moment, what=die)}
    with contextlib.suppress(Killed):
        await stage.work(dying)
    await takes_back(stage, card)
    await stage.reconcile()
    await stage.work()
    assert await stage.charged() == 0
    (attempt,) = [one for one in await stage.attempts() if one.top_up_id is not None]
    assert attempt.state == "cancelled"
    assert [one.state for one in await payments.payments(stage.db, workspace_id=stage.workspace_id)] == ["cancelled"]
    assert (await verify(stage.db)).clean


async def test_law_12_a_charge_that_a_crash_left_behind_is_decided_anew_when_the_rule_has_changed(stage: Stage) -> None:
    """Ann names another card, and the old one is not charged any more."""
    old, new = await stage.save_card(VISA), await stage.save_card(MASTERCARD)
    await stage.give(200)
    await stage.set_rule(old)
    await stage.use(100)
    dying = {"sandbox": Interrupted(stage.sandbox, at="before_submit", what=die)}
    with contextlib.suppress(Killed):
        await stage.work(dying)
    await stage.wait(minutes=1)
    await stage.agree(stage.draft(new))
    await stage.reconcile()
    await stage.work()
    assert [(one.state, one.payment_method_id) for one in await stage.attempts()] == [
        ("cancelled", old),
        ("succeeded", new),
    ]
    assert (await stage.charged(), await stage.balance()) == (10, 300)


@pytest.mark.parametrize("moment", UNSENT)
@pytest.mark.parametrize("takes_back", [detach, freeze], ids=lambda it: it.__name__)
async def test_law_11_a_purchase_that_a_crash_left_behind(stage: Stage, moment: Moment, takes_back: TakesBack) -> None:
    card = await stage.save_card(VISA)
    alive = stage.providers
    stage.providers = {"sandbox": Interrupted(stage.sandbox, at=moment, what=die)}
    with contextlib.suppress(Killed):
        await stage.buy(card)
    stage.providers = alive
    await takes_back(stage, card)
    await stage.reconcile()
    assert await stage.charged() == 0
    assert [one.state for one in await payments.payments(stage.db, workspace_id=stage.workspace_id)] == ["cancelled"]
    assert (await verify(stage.db)).clean


async def test_law_11_a_charge_that_was_sent_counts_though_its_card_is_gone(stage: Stage) -> None:
    card = await stage.save_card(VISA)
    alive = stage.providers
    stage.providers = {"sandbox": Interrupted(stage.sandbox, at="after_submit", what=die)}
    with contextlib.suppress(Killed):
        await stage.buy(card)
    stage.providers = alive
    await detach(stage, card)
    await freeze(stage, card)
    await stage.reconcile()
    assert (await stage.charged(), await stage.balance()) == (10, 200)
    assert (await verify(stage.db)).clean


async def test_law_07_a_rule_saved_with_a_key_is_answered_again_though_its_card_is_gone(stage: Stage) -> None:
    card = await stage.save_card(VISA)
    key = RequestKey(workspace_id=stage.workspace_id, key="rule", fingerprint=hashlib.sha256().digest())

    async def save(draft_card: PaymentMethodId, request_key: RequestKey) -> rules.Saved:
        return await rules.save_rule(
            db=stage.db,
            providers=stage.providers,
            workspace_id=stage.workspace_id,
            customer_id=stage.ann,
            currency_id=stage.currency.id,
            draft=stage.draft(draft_card),
            consent=rules.GivenConsent(actor="key_", wording="Ann ticked the box on our page."),
            request_key=request_key,
        )

    first = await save(card, key)
    await detach(stage, card)
    again = await save(card, key)
    assert (again.rule_id, again.replayed) == (first.rule_id, True)
    other = RequestKey(workspace_id=stage.workspace_id, key="another", fingerprint=hashlib.sha256().digest())
    with pytest.raises(Invalid) as refused:
        await save(card, other)
    assert refused.value.field == "payment_method_id"


async def test_a_wallet_that_is_born_while_its_customer_is_frozen_is_frozen(stage: Stage) -> None:
    """Whoever makes the wallet waits for the freeze: none slips through."""
    connection = await stage.db.pool.acquire()
    try:
        freezing = connection.transaction()
        await freezing.start()
        await connection.execute("update customers set frozen_at = now() where id = $1", stage.ann)
        await connection.execute("update wallets set customer_frozen_at = now() where customer_id = $1", stage.ann)
        giving = asyncio.create_task(stage.give(100))
        await until_somebody_waits_or_is_done(stage, giving)
        await freezing.commit()
    finally:
        await stage.db.pool.release(connection)
    await giving
    assert (await wallet_queries.balance(stage.db, ref=stage.ref, now=START)).frozen


async def until_somebody_waits_or_is_done(stage: Stage, task: asyncio.Task[None]) -> None:
    waiting = "select count(*) from pg_locks l join pg_database d on d.oid = l.database or l.database is null"
    waiting += " where not l.granted and d.datname = current_database()"
    while not task.done() and not await stage.db.fetchval(waiting):
        await asyncio.sleep(0.01)


async def test_law_10_a_purchase_that_waits_for_its_customer_is_no_longer_pending(stage: Stage) -> None:
    """The wallet was looked at while a purchase seemed on its way; then the bank asked for Ann, who is not there."""
    asks, visa = await stage.save_card(ASKS), await stage.save_card(VISA)
    await stage.give(200)
    await stage.set_rule(visa)

    async def meanwhile() -> None:
        await stage.use(100)
        await stage.work()
        assert (await stage.rule()).reason == "covered"

    interrupted = {"sandbox": Interrupted(stage.sandbox, at="before_submit", what=meanwhile)}
    await buy_with_saved_method(
        db=stage.db,
        providers=interrupted,
        workspace_id=stage.workspace_id,
        customer_id=stage.ann,
        price_id=stage.price_id,
        quantity=1,
        return_url=RETURN_URL,
        payment_method_id=asks,
        customer_present=False,
    )
    await stage.work()
    assert await stage.story() == ["refused covered", "succeeded 1"]
    assert (await stage.charged(), await stage.balance()) == (10, 300)
