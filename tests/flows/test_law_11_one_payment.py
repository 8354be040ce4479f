"""Law 11: one top-up keeps at most one payment; what nothing wants goes back, or is kept unapplied and reported."""

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Literal

import msgspec
import pytest

from replenish.core import ids
from replenish.core.ids import WorkspaceId
from replenish.core.money import Credits
from replenish.core.transaction import transaction
from replenish.flows.open_checkout import create_checkout_session
from replenish.flows.pay_checkout import pay_checkout
from replenish.flows.reconcile_payments import carry_on
from replenish.payments import operations
from replenish.payments import queries as payments
from replenish.payments.model import Payment
from replenish.payments.next_step import Visit
from replenish.payments.provider import Checkout, PageOpened, Provider, Refunds, Standing
from support.shop import PACK, Killed, Shop, When

pytestmark = pytest.mark.anyio


async def two_paid_pages(shop: Shop) -> list[Payment]:
    """One purchase of Ann's with two pages, both paid before anyone here knows of either."""
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
    (first,) = await payments.payments(shop.db, workspace_id=shop.workspace_id)
    second = msgspec.structs.replace(first, id=ids.PAYMENT.new(), state="decided", outside_id=None, page_url=None)
    page = await open_page(shop, second)
    async with transaction(shop.db) as tx:
        await operations.create_payment(tx, second)
        await operations.record_page(tx, second, outside_id=page.outside_id, url=page.url)
    for url in (step.url, page.url):
        await shop.type_card(url, "4242424242424242")
    assert await shop.charged() == Decimal(20)
    return [first, second]


async def open_page(shop: Shop, payment: Payment) -> PageOpened:
    opened = await shop.provider.open_checkout(
        Checkout(
            account=payment.provider_account,
            payment_id=payment.id,
            customer_id=payment.customer_id,
            customer_email=None,
            amount=payment.money,
            merchant_name="Northwind",
            description="Pack of tokens",
            save_method=False,
            return_url="https://shop.example/back",
            cancel_url="https://shop.example/cancel",
            expires_at=payment.created_at.replace(year=payment.created_at.year + 1),
        )
    )
    assert isinstance(opened, PageOpened)
    return opened


async def test_law_11_of_two_successes_one_is_kept_and_one_refunded(shop: Shop) -> None:
    await two_paid_pages(shop)
    for message in await shop.messages():
        await shop.receive(message)
    await asyncio.gather(*(shop.act() for _ in range(4)))
    await shop.reconcile()
    assert sorted(await shop.states("payments")) == ["refunded", "settled"]
    assert await shop.charged() == Decimal(10)
    assert await shop.grants() == 1
    assert await shop.credits(shop.ann) == Credits(PACK)
    told = await shop.events(shop.ann)
    assert (told.count("payment.unapplied"), told.count("payment.refunded")) == (1, 1)
    await shop.assert_books_agree()


KILLS: list[tuple[str, When]] = [("refund_payment", "before"), ("refund_payment", "after")]


@pytest.mark.parametrize(("call", "when"), KILLS, ids=[f"{when} {call}" for call, when in KILLS])
async def test_law_11_a_refund_survives_a_kill_and_is_made_once(shop: Shop, call: str, when: When) -> None:
    tries = await two_paid_pages(shop)
    for payment in tries:
        await carry_on(db=shop.db, providers=shop.providers, ref=payment.ref)
    assert sorted(await shop.states("payments")) == ["settled", "unapplied"]
    shop.provider.kill = (call, when)
    with pytest.raises(Killed):
        await shop.reconcile()
    # More news of the same success must not call the refund off.
    for message in await shop.messages():
        await shop.receive(message)
    await shop.act()
    await shop.reconcile()
    assert sorted(await shop.states("payments")) == ["refunded", "settled"]
    assert await shop.db.fetchval("select count(*) from sandbox.refunds") == 1
    assert await shop.charged() == Decimal(10)


class WithoutRefunds:
    """The same provider, as a chain would be: nothing ever comes back."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    @property
    def name(self) -> str:
        return self._provider.name

    async def account_of(self, *, workspace_id: WorkspaceId, mode: Literal["live", "test"]) -> str | None:
        return await self._provider.account_of(workspace_id=workspace_id, mode=mode)

    def takes(self, currency: str) -> bool:
        return self._provider.takes(currency)

    async def look_up_payment(self, *, account: str, outside_id: str) -> Standing:
        return await self._provider.look_up_payment(account=account, outside_id=outside_id)

    async def close_payment(self, *, account: str, outside_id: str) -> Standing:
        return await self._provider.close_payment(account=account, outside_id=outside_id)


async def test_law_11_where_nothing_can_be_refunded_it_is_kept_and_reported(shop: Shop) -> None:
    tries = await two_paid_pages(shop)
    chain: Mapping[str, Provider] = MappingProxyType({"sandbox": WithoutRefunds(shop.provider)})
    assert not isinstance(chain["sandbox"], Refunds)
    for payment in tries:
        await carry_on(db=shop.db, providers=chain, ref=payment.ref)
    assert sorted(await shop.states("payments")) == ["settled", "unapplied"]
    (reported,) = await payments.payments(shop.db, workspace_id=shop.workspace_id, escalated=True)
    assert (reported.state, reported.due_at) == ("unapplied", None)
    assert (await shop.events(shop.ann)).count("payment.unapplied") == 1
    assert await shop.grants() == 1
