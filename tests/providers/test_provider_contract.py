"""What every provider promises, by the behaviour of a card. A new provider adds its counterpart to `bench`."""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from typing import Protocol, cast

import httpx
import pytest
from litestar import Litestar

from replenish.core import ids
from replenish.core.clock import utc_now
from replenish.core.ids import CustomerId, PaymentId
from replenish.core.money import Money
from replenish.payments.provider import (
    Cancelled,
    Charge,
    ChargesSavedMethod,
    Checkout,
    Declined,
    MethodDetails,
    MethodPage,
    MethodSaved,
    NeedsCustomer,
    OpensCheckout,
    Outcome,
    PageOpened,
    Prepared,
    Refund,
    Refunded,
    RefundRefused,
    Refunds,
    ReportsEvents,
    SavesMethods,
    Settled,
    Standing,
    Unknown,
)
from replenish.providers.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.anyio

TEN = Money(Decimal(10), "USD")


class AllCapabilities(ChargesSavedMethod, OpensCheckout, SavesMethods, Refunds, ReportsEvents, Protocol):
    pass


class Bench:
    """A provider, and a person with cards who visits its pages."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.provider: AllCapabilities = sandbox.provider
        self.account = ids.WORKSPACE.text(ids.WORKSPACE.new())
        self.ann: CustomerId = ids.CUSTOMER.new()
        self._sandbox = sandbox
        self._app = Litestar([sandbox.routes()], openapi_config=None)

    async def post(self, url: str, form: dict[str, str]) -> httpx.Response:
        app = cast("Callable[..., Awaitable[None]]", self._app)  # litestar and httpx each type ASGI in their own way
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as browser:
            return await browser.post(url, data=form, follow_redirects=True)

    async def type_card(self, url: str, number: str) -> httpx.Response:
        return await self.post(url, {"number": number, "expires": "12/40", "cvc": "123"})

    async def answer(self, url: str, answer: str) -> httpx.Response:
        return await self.post(f"{url}/authentication", {"answer": answer})

    async def saved(self, number: str) -> MethodDetails:
        page = MethodPage(
            account=self.account,
            session_id=ids.CHECKOUT_SESSION.new(),
            customer_id=self.ann,
            customer_email=None,
            merchant_name="Northwind",
            return_url="https://shop.example/back",
            cancel_url="https://shop.example/cancel",
            expires_at=utc_now() + timedelta(hours=1),
        )
        opened = await self.provider.open_method_page(page)
        assert isinstance(opened, PageOpened)
        waiting = await self.provider.look_up_method_page(account=self.account, outside_id=opened.outside_id)
        assert isinstance(waiting, NeedsCustomer)
        await self.type_card(opened.url, number)
        found = await self.provider.look_up_method_page(account=self.account, outside_id=opened.outside_id)
        assert isinstance(found, MethodSaved)
        return found.method

    def charge(
        self, method: MethodDetails, *, payment_id: PaymentId | None = None, amount: Money = TEN, present: bool = False
    ) -> Charge:
        return Charge(
            account=self.account,
            payment_id=payment_id or ids.PAYMENT.new(),
            customer_id=self.ann,
            amount=amount,
            method_outside_id=method.outside_id,
            method_outside_customer_id=method.outside_customer_id,
            merchant_name="Northwind",
            description="1 pack",
            customer_present=present,
            return_url="https://shop.example/back",
        )

    def checkout(self, *, save_method: bool = False, lasts: timedelta = timedelta(hours=1)) -> Checkout:
        return Checkout(
            account=self.account,
            payment_id=ids.PAYMENT.new(),
            customer_id=self.ann,
            customer_email="ann@example.com",
            amount=TEN,
            merchant_name="Northwind",
            description="1 pack",
            save_method=save_method,
            return_url="https://shop.example/back",
            cancel_url="https://shop.example/cancel",
            expires_at=utc_now() + lasts,
        )

    async def prepared(self, charge: Charge) -> str:
        prepared = await self.provider.prepare_charge(charge)
        assert isinstance(prepared, Prepared)
        return prepared.outside_id

    async def time_passes(self) -> None:
        """Long enough for a late payment to be settled or declined."""
        await self._sandbox.bank.advance_late_payments()

    async def look_up(self, outside_id: str) -> Standing:
        return await self.provider.look_up_payment(account=self.account, outside_id=outside_id)

    async def submit(self, outside_id: str) -> Outcome:
        return await self.provider.submit_charge(account=self.account, outside_id=outside_id)


@pytest.fixture
def bench(sandbox: Sandbox) -> Bench:
    return Bench(sandbox)


def word(standing: Standing) -> str:
    """The answer in a word; a decline with its code and whether it is for good."""
    if isinstance(standing, Declined):
        return f"declined {standing.code}{' for good' if standing.permanent else ''}"
    return type(standing).__name__


#     card                  the reply to a charge of the saved card       what a look-up tells afterwards
CHARGED_LATER = [
    ("4242424242424242", "Settled", "Settled"),
    ("5555555555554444", "Settled", "Settled"),
    ("4000000000000002", "declined card_declined", "declined card_declined"),
    ("4000000000009995", "declined insufficient_funds", "declined insufficient_funds"),
    ("4000000000009987", "declined lost_card for good", "declined lost_card for good"),
    ("4000000000000069", "declined expired_card for good", "declined expired_card for good"),
    ("4000002760003184", "NeedsCustomer", "NeedsCustomer"),
    ("4000002500003155", "NeedsCustomer", "NeedsCustomer"),
    ("4000000000000341", "declined card_declined", "declined card_declined"),
    ("4000000000055550", "Settled", "Settled"),
    ("4000000000033334", "Confirming", "Settled"),
    ("4000000000044448", "Confirming", "declined card_declined"),
    ("4000000000011116", "Unknown", "Settled"),
    ("4000000000022220", "Unknown", "NotSubmitted"),
]


@pytest.mark.parametrize(("number", "reply", "later"), CHARGED_LATER, ids=[row[0] for row in CHARGED_LATER])
async def test_a_saved_card_is_charged(bench: Bench, number: str, reply: str, later: str) -> None:
    outside_id = await bench.prepared(bench.charge(await bench.saved(number)))
    assert word(await bench.look_up(outside_id)) == "NotSubmitted"
    assert word(await bench.submit(outside_id)) == reply
    await bench.time_passes()
    assert word(await bench.look_up(outside_id)) == later


async def test_preparing_again_finds_the_same_intent(bench: Bench) -> None:
    method = await bench.saved("4242424242424242")
    payment_id = ids.PAYMENT.new()
    first = await bench.prepared(bench.charge(method, payment_id=payment_id))
    again = await bench.prepared(bench.charge(method, payment_id=payment_id, amount=Money(Decimal("10.00"), "USD")))
    assert first == again
    with pytest.raises(ValueError, match="another charge"):
        await bench.provider.prepare_charge(bench.charge(method, payment_id=payment_id, amount=TEN.times(2)))


async def test_submitting_twice_charges_once(bench: Bench) -> None:
    """Seen through the card that runs empty: three charges, however often each is sent."""
    method = await bench.saved("4000000000055550")
    for _ in range(3):
        outside_id = await bench.prepared(bench.charge(method))
        for _ in range(3):
            assert word(await bench.submit(outside_id)) == "Settled"
    fourth = await bench.prepared(bench.charge(method))
    declined = await bench.submit(fourth)
    assert isinstance(declined, Declined)
    assert declined.insufficient_funds
    assert not declined.permanent


async def test_a_lost_request_is_sent_again_under_the_same_id(bench: Bench) -> None:
    outside_id = await bench.prepared(bench.charge(await bench.saved("4000000000022220")))
    assert word(await bench.submit(outside_id)) == "Unknown"
    assert word(await bench.look_up(outside_id)) == "NotSubmitted"
    assert word(await bench.submit(outside_id)) == "Settled"


@pytest.mark.parametrize(("answer", "result"), [("approve", "Settled"), ("decline", "declined authentication_failed")])
async def test_the_card_holder_authenticates(bench: Bench, answer: str, result: str) -> None:
    outside_id = await bench.prepared(bench.charge(await bench.saved("4000002500003155")))
    asked = await bench.submit(outside_id)
    assert isinstance(asked, NeedsCustomer)
    page = await bench.answer(asked.url, answer)
    assert page.status_code == 200
    assert word(await bench.look_up(outside_id)) == result


#     card                  on the page                        afterwards
ON_A_PAGE = [
    ("4242424242424242", "Payment received", "Settled"),
    ("4000002500003155", "Payment received", "Settled"),
    ("4000000000000341", "Payment received", "Settled"),
    ("4000000000011116", "Payment received", "Settled"),
    ("4000000000000002", "Your card was declined.", "NeedsCustomer"),
    ("4000000000009995", "insufficient funds", "NeedsCustomer"),
    ("4000000000022220", "did not answer", "NeedsCustomer"),
    ("4000002760003184", "Is this you?", "NeedsCustomer"),
    ("4000000000033334", "Payment in progress", "Settled"),
    ("4000000000044448", "Payment in progress", "declined card_declined"),
    ("4111111111111111", "never a real card", "NeedsCustomer"),
    ("4242424242424241", "not a card number", "NeedsCustomer"),
]


@pytest.mark.parametrize(("number", "shows", "later"), ON_A_PAGE, ids=[row[0] for row in ON_A_PAGE])
async def test_a_hosted_page_is_paid(bench: Bench, number: str, shows: str, later: str) -> None:
    opened = await bench.provider.open_checkout(bench.checkout())
    assert isinstance(opened, PageOpened)
    assert word(await bench.look_up(opened.outside_id)) == "NeedsCustomer"
    page = await bench.type_card(opened.url, number)
    assert shows in page.text
    assert number not in re.sub(r"<code>.*?</code>", "", page.text)
    await bench.time_passes()
    assert word(await bench.look_up(opened.outside_id)) == later


async def test_a_decline_on_a_page_is_followed_by_another_card(bench: Bench) -> None:
    opened = await bench.provider.open_checkout(bench.checkout(save_method=True))
    assert isinstance(opened, PageOpened)
    await bench.type_card(opened.url, "4000000000000002")
    await bench.type_card(opened.url, "5555555555554444")
    settled = await bench.look_up(opened.outside_id)
    assert isinstance(settled, Settled)
    assert settled.method is not None
    assert settled.method.last4 == "4444"
    later = await bench.prepared(bench.charge(settled.method))
    assert word(await bench.submit(later)) == "Settled"


async def test_a_card_that_was_not_to_be_kept_is_not_told(bench: Bench) -> None:
    opened = await bench.provider.open_checkout(bench.checkout())
    assert isinstance(opened, PageOpened)
    await bench.type_card(opened.url, "4242424242424242")
    assert await bench.look_up(opened.outside_id) == Settled(outside_id=opened.outside_id, method=None)


async def test_a_closed_page_takes_no_money(bench: Bench) -> None:
    opened = await bench.provider.open_checkout(bench.checkout())
    assert isinstance(opened, PageOpened)
    closed = await bench.provider.close_payment(account=bench.account, outside_id=opened.outside_id)
    assert closed == Cancelled("closed")
    page = await bench.type_card(opened.url, "4242424242424242")
    assert "nothing was charged" in page.text
    assert await bench.look_up(opened.outside_id) == Cancelled("closed")


async def test_closing_comes_too_late(bench: Bench) -> None:
    opened = await bench.provider.open_checkout(bench.checkout())
    assert isinstance(opened, PageOpened)
    await bench.type_card(opened.url, "4242424242424242")
    closed = await bench.provider.close_payment(account=bench.account, outside_id=opened.outside_id)
    assert isinstance(closed, Settled)


async def test_a_page_ends_by_itself(bench: Bench) -> None:
    opened = await bench.provider.open_checkout(bench.checkout(lasts=timedelta(seconds=-1)))
    assert isinstance(opened, PageOpened)
    assert await bench.look_up(opened.outside_id) == Cancelled("expired")


async def test_refunds_add_up_to_no_more_than_was_paid(bench: Bench) -> None:
    outside_id = await bench.prepared(bench.charge(await bench.saved("4242424242424242")))

    async def refund(key: str, amount: str) -> Refunded | RefundRefused | Unknown:
        asked = Refund(account=bench.account, outside_id=outside_id, key=key, amount=Money(Decimal(amount), "USD"))
        return await bench.provider.refund_payment(asked)

    assert isinstance(await refund("early", "1"), RefundRefused)
    await bench.submit(outside_id)
    first = await refund("first", "6")
    assert isinstance(first, Refunded)
    assert await refund("first", "6.00") == first
    refused = await refund("first", "5")
    assert isinstance(refused, RefundRefused)
    assert refused.code == "idempotency_mismatch"
    too_large = await refund("second", "4.01")
    assert isinstance(too_large, RefundRefused)
    assert too_large.code == "refund_too_large"
    assert isinstance(await refund("third", "4"), Refunded)


async def test_a_detached_method_pays_no_more(bench: Bench) -> None:
    method = await bench.saved("4242424242424242")
    for _ in range(2):
        assert await bench.provider.detach_method(account=bench.account, outside_id=method.outside_id) is None
    declined = await bench.submit(await bench.prepared(bench.charge(method)))
    assert isinstance(declined, Declined)
    assert declined.permanent


async def test_anothers_method_and_anothers_payment_are_not_there(bench: Bench) -> None:
    method = await bench.saved("4242424242424242")
    outside_id = await bench.prepared(bench.charge(method))
    stranger = await bench.provider.look_up_payment(account="ws_other", outside_id=outside_id)
    assert isinstance(stranger, Unknown)
    bench.ann = ids.CUSTOMER.new()
    assert isinstance(await bench.provider.prepare_charge(bench.charge(method)), Declined)


async def test_where_it_may_be_used(bench: Bench) -> None:
    workspace_id = ids.WORKSPACE.new()
    assert await bench.provider.account_of(workspace_id=workspace_id, mode="test") == ids.WORKSPACE.text(workspace_id)
    assert await bench.provider.account_of(workspace_id=workspace_id, mode="live") is None
