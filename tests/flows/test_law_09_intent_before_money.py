"""Law 9: intent before money, no network call in a transaction. Killed between any two steps, charged and credited once.

That no provider is called within a transaction is asserted by the shop's provider, in every test that uses it.
"""

import asyncio
import contextlib
import hashlib
from decimal import Decimal

import pytest

from replenish.access.model import RequestKey
from replenish.core.money import Credits
from replenish.flows.buy_credits import buy_with_saved_method
from replenish.flows.open_checkout import create_checkout_session
from replenish.flows.pay_checkout import pay_checkout, return_to_checkout
from replenish.flows.reconcile_payments import reconcile_payments
from replenish.payments import queries as payments
from replenish.payments.next_step import Done, NextStep, Visit
from support.shop import PACK, Killed, Shop, When

pytestmark = pytest.mark.anyio


async def buy(shop: Shop) -> NextStep:
    bought = await buy_with_saved_method(
        db=shop.db,
        providers=shop.providers,
        workspace_id=shop.workspace_id,
        customer_id=shop.ann,
        price_id=shop.price_id,
        quantity=1,
        return_url="https://shop.example/back",
        request_key=RequestKey(workspace_id=shop.workspace_id, key="once", fingerprint=hashlib.sha256().digest()),
    )
    return bought.step


# Between tx 1 and prepare, prepare and tx 2, tx 2 and submit, submit and tx 3.
STEPS: list[tuple[str, When]] = [
    ("prepare_charge", "before"),
    ("prepare_charge", "after"),
    ("submit_charge", "before"),
    ("submit_charge", "after"),
]
CARDS = ["4242424242424242", "4000000000011116", "4000000000022220", "4000000000033334"]


@pytest.mark.parametrize("number", CARDS)
@pytest.mark.parametrize(("call", "when"), STEPS, ids=[f"{when} {call}" for call, when in STEPS])
async def test_law_09_killed_between_two_steps(shop: Shop, number: str, call: str, when: When) -> None:
    await shop.save_card(shop.ann, number)
    shop.provider.kill = (call, when)
    # A card whose reply is lost ends the call by itself, so that there is no "after".
    with contextlib.suppress(Killed):
        await buy(shop)
    shop.provider.kill = None
    await shop.reconcile()
    await shop.reconcile()
    assert await shop.states("payments") == ["settled"]
    assert await shop.charged() == Decimal(10)
    assert await shop.credits(shop.ann) == Credits(PACK)
    assert await shop.grants() == 1
    # The request that died is answered with what became of it.
    assert await buy(shop) == Done()
    assert await shop.charged() == Decimal(10)
    await shop.assert_books_agree()


@pytest.mark.parametrize(("call", "when"), STEPS, ids=[f"{when} {call}" for call, when in STEPS])
async def test_law_09_a_decline_is_found_out_too(shop: Shop, call: str, when: When) -> None:
    await shop.save_card(shop.ann, "4000000000000002")
    shop.provider.kill = (call, when)
    with pytest.raises(Killed):
        await buy(shop)
    await shop.reconcile()
    assert await shop.states("payments") == ["declined"]
    assert await shop.states("top_ups") == ["failed"]
    assert await shop.charged() == 0


async def test_law_09_the_reconciler_dies_as_well(shop: Shop) -> None:
    """Ann's purchase, and then the worker that finds it, die once at every step."""
    await shop.save_card(shop.ann, "4242424242424242")
    shop.provider.kill = ("prepare_charge", "before")
    with pytest.raises(Killed):
        await buy(shop)
    looks: list[tuple[str, When]] = [("look_up_payment", "before"), ("look_up_payment", "after")]
    for step in [*STEPS[1:], *looks]:
        shop.provider.kill = step
        await shop.pool.execute("update payments set due_at = now() where due_at is not null")
        with contextlib.suppress(Killed):
            await reconcile_payments(db=shop.db, providers=shop.providers)
    shop.provider.kill = None
    await shop.reconcile()
    assert await shop.states("payments") == ["settled"]
    assert await shop.charged() == Decimal(10)
    assert await shop.grants() == 1


async def test_law_09_many_workers_at_once_charge_once(shop: Shop) -> None:
    await shop.save_card(shop.ann, "4242424242424242")
    shop.provider.kill = ("prepare_charge", "before")
    with pytest.raises(Killed):
        await buy(shop)

    async def work() -> None:
        await shop.pool.execute("update payments set due_at = now() where due_at is not null")
        await reconcile_payments(db=shop.db, providers=shop.providers)

    await asyncio.gather(*(work() for _ in range(8)))
    await shop.reconcile()
    assert shop.provider.calls.count("submit_charge") == 1
    assert await shop.charged() == Decimal(10)
    assert await shop.grants() == 1


async def test_law_09_an_unknown_is_looked_up_and_never_sent_again(shop: Shop) -> None:
    await shop.save_card(shop.ann, "4000000000011116")
    await buy(shop)
    await shop.reconcile()
    assert shop.provider.calls.count("prepare_charge") == 1
    assert shop.provider.calls.count("submit_charge") == 1
    assert await shop.db.fetchval("select count(*) from sandbox.intents") == 1


async def test_law_09_after_an_hour_an_operator_is_told_once(shop: Shop) -> None:
    await shop.save_card(shop.ann, "4000000000011116")
    await buy(shop)
    shop.provider.silent = True
    for _ in range(3):
        await shop.pool.execute("update payments set unknown_since = unknown_since - interval '31 min', due_at = now()")
        await reconcile_payments(db=shop.db, providers=shop.providers)
    (payment,) = await payments.payments(shop.db, workspace_id=shop.workspace_id, escalated=True)
    assert payment.state == "submitted"
    assert (await shop.events(shop.ann)).count("payment.unknown") == 1
    shop.provider.silent = False
    await shop.reconcile()
    assert await shop.states("payments") == ["settled"]
    assert await payments.payments(shop.db, workspace_id=shop.workspace_id, escalated=True) == []


async def test_law_09_an_old_decision_is_given_up_not_charged(shop: Shop) -> None:
    """A worker that was away for a day must not charge what nobody expects any more."""
    await shop.save_card(shop.ann, "4242424242424242")
    shop.provider.kill = ("prepare_charge", "after")
    with pytest.raises(Killed):
        await buy(shop)
    await shop.pool.execute("alter table payments drop constraint payments_pkey")
    old = "01000000-0000-7000-8000-000000000000"
    await shop.pool.execute("update payments set id = $1::uuid", old)
    await shop.reconcile()
    assert await shop.states("payments") == ["cancelled"]
    assert await shop.states("top_ups") == ["cancelled"]
    assert await shop.charged() == 0


PAGE_STEPS: list[tuple[str, When]] = [("open_checkout", "before"), ("open_checkout", "after")]


@pytest.mark.parametrize(("call", "when"), PAGE_STEPS, ids=[f"{when} {call}" for call, when in PAGE_STEPS])
async def test_law_09_killed_while_a_page_is_opened(shop: Shop, call: str, when: When) -> None:
    """Nobody has seen the page: Ann presses "Pay" again and gets one, or the reconciler ends what she left."""
    session_id, _ = await create_checkout_session(
        db=shop.db, workspace_id=shop.workspace_id, customer_id=shop.ann, price_id=shop.price_id
    )
    session = await payments.session(shop.db, workspace_id=shop.workspace_id, session_id=session_id)

    async def press_pay() -> NextStep:
        return await pay_checkout(
            db=shop.db,
            providers=shop.providers,
            slug=session.slug,
            quantity=1,
            return_url="https://shop.example/back",
            cancel_url="https://shop.example/cancel",
        )

    shop.provider.kill = (call, when)
    with pytest.raises(Killed):
        await press_pay()
    step = await press_pay()
    assert isinstance(step, Visit)
    await shop.type_card(step.url, "4242424242424242")
    assert await return_to_checkout(db=shop.db, providers=shop.providers, slug=session.slug) == Done()
    assert await shop.charged() == Decimal(10)
    assert await shop.grants() == 1


async def test_law_09_a_broken_provider_keeps_the_payment_open_and_others_moving(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.save_card(shop.ann, "4000000000011116")
    await buy(shop)

    async def break_down(**_: object) -> None:
        raise RuntimeError("not an expected answer")

    with monkeypatch.context() as broken:
        broken.setattr(shop.provider, "look_up_payment", break_down)
        await shop.pool.execute("update payments set due_at = now()")
        assert await reconcile_payments(db=shop.db, providers=shop.providers) == 1
    (payment,) = await payments.payments(shop.db, workspace_id=shop.workspace_id)
    assert (payment.state, payment.unknown_since is not None) == ("submitted", True)
    await shop.reconcile()
    assert await shop.states("payments") == ["settled"]
