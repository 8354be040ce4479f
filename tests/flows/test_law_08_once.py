"""Law 8: a payment becomes credits exactly once, through whichever doors its success comes, however often."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable

import pytest

from replenish.core.errors import Unauthenticated
from replenish.core.money import Credits
from replenish.flows.open_checkout import create_checkout_session
from replenish.flows.pay_checkout import pay_checkout, return_to_checkout
from replenish.payments import queries as payments
from replenish.payments.next_step import Done, NextStep, Visit
from support.shop import PACK, Message, Shop

pytestmark = pytest.mark.anyio


async def paid_page(shop: Shop) -> tuple[str, Message]:
    """Ann has paid on the page; nobody here knows yet. Returns the session's slug and the provider's message."""
    session_id, _ = await create_checkout_session(
        db=shop.db, workspace_id=shop.workspace_id, customer_id=shop.ann, price_id=shop.price_id
    )
    session = await payments.session(shop.db, workspace_id=shop.workspace_id, session_id=session_id)
    step = await pay_checkout(
        db=shop.db,
        providers=shop.providers,
        slug=session.slug,
        quantity=1,
        return_url="https://shop.example/back",
        cancel_url="https://shop.example/cancel",
    )
    assert isinstance(step, Visit)
    await shop.type_card(step.url, "4242424242424242")
    (message,) = await shop.messages()
    return session.slug, message


async def assert_credited_once(shop: Shop) -> None:
    assert await shop.grants() == 1
    assert await shop.credits(shop.ann) == Credits(PACK)
    assert await shop.charged() == 10
    assert await shop.states("payments") == ["settled"]
    told = await shop.events(shop.ann)
    assert told.count("top_up.settled") == told.count("credit_grant.created") == 1
    await shop.assert_books_agree()


async def test_law_08_the_same_event_twenty_times_at_once(shop: Shop) -> None:
    slug, message = await paid_page(shop)

    async def receive_and_act() -> None:
        await shop.receive(message)
        await shop.act()

    async def come_back() -> NextStep:
        return await return_to_checkout(db=shop.db, providers=shop.providers, slug=slug)

    await asyncio.gather(*(receive_and_act() for _ in range(20)), *(come_back() for _ in range(5)))
    assert await shop.db.fetchval("select count(*) from inbox") == 1
    assert await come_back() == Done()
    await assert_credited_once(shop)


DOORS = ("event", "customer", "reconciler", "event again")


@pytest.mark.parametrize("order", list(itertools.permutations(DOORS)), ids=" > ".join)
async def test_law_08_in_any_order(shop: Shop, order: tuple[str, ...]) -> None:
    slug, message = await paid_page(shop)

    async def by_event() -> None:
        await shop.receive(message)
        await shop.act()

    async def by_customer() -> None:
        await return_to_checkout(db=shop.db, providers=shop.providers, slug=slug)

    doors: dict[str, Callable[[], Awaitable[None]]] = {
        "event": by_event,
        "customer": by_customer,
        "reconciler": shop.reconcile,
        "event again": by_event,
    }
    for door in order:
        await doors[door]()
    await assert_credited_once(shop)


async def test_law_08_a_forged_event_is_not_stored(shop: Shop) -> None:
    _, (headers, body) = await paid_page(shop)
    for forged in (
        Message((headers, body.replace(b"payment.settled", b"payment.declined"))),
        Message(({**headers, "webhook-id": "other"}, body)),
        Message(({**headers, "webhook-signature": ""}, body)),
        Message(({}, body)),
    ):
        with pytest.raises(Unauthenticated):
            await shop.receive(forged)
    assert await shop.db.fetchval("select count(*) from inbox") == 0


async def test_an_event_about_nothing_of_ours_is_given_up(shop: Shop) -> None:
    _, message = await paid_page(shop)
    await shop.receive(message)
    await shop.pool.execute("delete from outside_objects")
    for _ in range(8):
        await shop.act()
        await shop.pool.execute("update inbox set due_at = now() where done_at is null")
    row = await shop.pool.fetchrow("select done_at is not null as done, failure, tries from inbox")
    assert row is not None
    assert (row["done"], row["failure"], row["tries"]) == (True, "about no object of ours", 8)
    assert await shop.grants() == 0
