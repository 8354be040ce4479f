"""Hosted checkout: session, provider's page, and the way back."""

from __future__ import annotations

from decimal import Decimal

import pytest

from replenish.catalog import queries as catalog
from replenish.core.errors import Conflict, Gone, Invalid
from replenish.core.ids import CheckoutSessionId, CurrencyId
from replenish.core.money import Credits
from replenish.customers import queries as customers
from replenish.flows.manage_payment_links import create_payment_link
from replenish.flows.open_checkout import create_checkout_session, name_buyer, open_payment_link
from replenish.flows.pay_checkout import expire_checkout_session, expire_sessions, pay_checkout, return_to_checkout
from replenish.payments import queries as payments
from replenish.payments.model import CheckoutSession
from replenish.payments.next_step import Done, NextStep, Refused, TakenBack, Visit, Wait
from support.shop import PACK, Shop

pytestmark = pytest.mark.anyio


async def start(shop: Shop, *, quantity: int = 1) -> CheckoutSession:
    session_id, _ = await create_checkout_session(
        db=shop.db,
        workspace_id=shop.workspace_id,
        customer_id=shop.ann,
        price_id=shop.price_id,
        quantity=quantity,
        success_url="https://shop.example/thanks",
    )
    return await seen(shop, session_id)


async def seen(shop: Shop, session_id: CheckoutSessionId) -> CheckoutSession:
    return await payments.session(shop.db, workspace_id=shop.workspace_id, session_id=session_id)


async def press_pay(
    shop: Shop,
    session: CheckoutSession,
    *,
    quantity: int = 1,
    currency_id: CurrencyId | None = None,
    save_method: bool = False,
) -> NextStep:
    return await pay_checkout(
        db=shop.db,
        providers=shop.providers,
        slug=session.slug,
        quantity=quantity,
        currency_id=currency_id,
        save_method=save_method,
        return_url="https://shop.example/back",
        cancel_url="https://shop.example/cancel",
    )


async def page_of(step: NextStep) -> str:
    assert isinstance(step, Visit)
    return step.url


async def come_back(shop: Shop, session: CheckoutSession) -> NextStep:
    return await return_to_checkout(db=shop.db, providers=shop.providers, slug=session.slug)


async def test_ann_buys_on_the_page_and_saves_her_card(shop: Shop) -> None:
    session = await start(shop)
    url = await page_of(await press_pay(shop, session, quantity=2, save_method=True))
    assert await come_back(shop, session) == Visit(url)
    assert await shop.credits(shop.ann) == Credits(0)
    await shop.type_card(url, "4000000000000002")
    assert await come_back(shop, session) == Visit(url)
    await shop.type_card(url, "5555555555554444")
    assert await come_back(shop, session) == Done()
    assert await come_back(shop, session) == Done()
    assert await shop.credits(shop.ann) == Credits(2 * PACK)
    (method,) = await payments.methods(shop.db, workspace_id=shop.workspace_id, customer_id=shop.ann)
    assert (method.last4, method.is_default) == ("4444", True)
    done = await seen(shop, session.id)
    assert (done.state, done.payment_method_id, done.quantity) == ("complete", method.id, 2)
    assert await press_pay(shop, session) == Done()
    assert await shop.charged() == Decimal(20)
    await shop.assert_books_agree()


async def test_pressing_pay_twice_leads_to_one_page(shop: Shop) -> None:
    session = await start(shop)
    assert await press_pay(shop, session) == await press_pay(shop, session)
    assert await shop.states("payments") == ["needs_customer"]


async def test_another_choice_closes_the_first_page(shop: Shop) -> None:
    session = await start(shop)
    first = await page_of(await press_pay(shop, session))
    second = await page_of(await press_pay(shop, session, quantity=3, currency_id=shop.eur))
    await shop.reconcile()
    assert "nothing was charged" in (await shop.type_card(first, "4242424242424242")).text
    await shop.type_card(second, "4242424242424242")
    assert await come_back(shop, session) == Done()
    assert await shop.states("payments") == ["cancelled", "settled"]
    assert await shop.states("top_ups") == ["cancelled", "settled"]
    assert await shop.charged() == Decimal(27)


async def test_law_11_a_success_for_a_cancelled_purchase_goes_back(shop: Shop) -> None:
    """Ann changes her mind and, faster than the page is closed, pays on the old one as well."""
    session = await start(shop)
    first = await page_of(await press_pay(shop, session))
    second = await page_of(await press_pay(shop, session, quantity=3))
    await shop.type_card(first, "4242424242424242")
    await shop.type_card(second, "4242424242424242")
    assert await come_back(shop, session) == Done()
    assert await shop.charged() == Decimal(40)
    await shop.reconcile()
    assert await shop.states("payments") == ["refunded", "settled"]
    assert await shop.charged() == Decimal(30)
    assert await shop.credits(shop.ann) == Credits(3 * PACK)
    assert "payment.refunded" in await shop.events(shop.ann)
    await shop.assert_books_agree()


async def test_law_11_a_success_for_an_expired_session_goes_back(shop: Shop) -> None:
    session = await start(shop)
    url = await page_of(await press_pay(shop, session))
    await shop.pool.execute("update checkout_sessions set expires_at = now()")
    assert await expire_sessions(db=shop.db) == 1
    assert (await seen(shop, session.id)).state == "expired"
    assert await shop.states("top_ups") == ["expired"]
    await shop.type_card(url, "4242424242424242")
    await shop.reconcile()
    assert await shop.states("payments") == ["refunded"]
    assert await shop.charged() == 0
    assert await come_back(shop, session) == TakenBack()
    with pytest.raises(Gone):
        await press_pay(shop, session)


async def test_a_page_that_nobody_pays_ends_with_its_session(shop: Shop) -> None:
    session = await start(shop)
    url = await page_of(await press_pay(shop, session))
    await expire_checkout_session(db=shop.db, session_id=session.id)
    await shop.reconcile()
    assert "nothing was charged" in (await shop.type_card(url, "4242424242424242")).text
    due = await shop.db.fetchval("select count(*) from payments where due_at is not null")
    assert due == 0


async def test_a_payment_that_is_being_confirmed_survives_the_sessions_end(shop: Shop) -> None:
    session = await start(shop)
    url = await page_of(await press_pay(shop, session))
    await shop.type_card(url, "4000000000033334")
    assert await come_back(shop, session) == Wait()
    assert await press_pay(shop, session, quantity=2) == Wait()
    await expire_checkout_session(db=shop.db, session_id=session.id)
    await shop.reconcile()
    assert await come_back(shop, session) == Done()
    assert await shop.credits(shop.ann) == Credits(PACK)


async def test_after_a_late_decline_ann_tries_again(shop: Shop) -> None:
    session = await start(shop)
    url = await page_of(await press_pay(shop, session))
    await shop.type_card(url, "4000000000044448")
    await shop.reconcile()
    refused = await come_back(shop, session)
    assert isinstance(refused, Refused)
    again = await page_of(await press_pay(shop, session))
    assert again != url
    await shop.type_card(again, "4242424242424242")
    assert await come_back(shop, session) == Done()
    assert await shop.charged() == 10


async def test_a_payment_link_asks_who_buys(shop: Shop) -> None:
    link_id = await create_payment_link(
        db=shop.db, workspace_id=shop.workspace_id, price_id=shop.price_id, quantity=2, quantity_adjustable=False
    )
    link = await catalog.link(shop.db, workspace_id=shop.workspace_id, link_id=link_id)
    session = await open_payment_link(db=shop.db, slug=link.slug, quantity=7)
    assert session.quantity == 2
    with pytest.raises(Conflict) as nobody:
        await press_pay(shop, session)
    assert nobody.value.own_code == "customer_missing"
    with pytest.raises(Invalid):
        await name_buyer(db=shop.db, slug=session.slug, email="not an address")
    await name_buyer(db=shop.db, slug=session.slug, email=" Cleo@Example.com")
    url = await page_of(await press_pay(shop, session, quantity=9, save_method=True))
    await shop.type_card(url, "4242424242424242")
    assert await come_back(shop, session) == Done()
    cleo = await customers.find_customer(shop.db, workspace_id=shop.workspace_id, key="cleo@example.com")
    assert await shop.credits(cleo.id) == Credits(2 * PACK)
    # Whoever types an address has proved nothing: no card is saved on what could be another's account.
    assert await payments.methods(shop.db, workspace_id=shop.workspace_id, customer_id=cleo.id) == []


async def test_what_a_session_refuses(shop: Shop) -> None:
    session = await start(shop)
    for quantity in (0, 21, -5):
        with pytest.raises(Invalid):
            await press_pay(shop, session, quantity=quantity)
    with pytest.raises(Invalid, match="amount in that currency"):
        await press_pay(shop, session, currency_id=shop.tokens)
    with pytest.raises(Invalid):
        await start(shop, quantity=21)
    with pytest.raises(Invalid):
        await create_checkout_session(db=shop.db, workspace_id=shop.workspace_id, mode="setup")
    assert await shop.states("top_ups") == []
