"""Buying by API with a saved card: what each card's answer does to purchase, payment and credits."""

import asyncio
import hashlib
import re
from decimal import Decimal

import pytest

from replenish.access.model import RequestKey
from replenish.core.errors import Conflict, Invalid, NotFound, Refusal
from replenish.core.ids import PAYMENT_METHOD, CustomerId
from replenish.core.money import Credits, Money
from replenish.flows.buy_credits import Purchase, buy_with_saved_method, quote_credits, standing_of
from replenish.flows.manage_catalog import change_price
from replenish.flows.manage_currencies import remove_recharge_config, update_recharge_config
from replenish.flows.manage_customers import freeze_customer
from replenish.flows.save_method import detach_method, make_default_method
from replenish.payments import queries as payments
from replenish.payments.next_step import Done, Refused, Visit, Wait
from support.shop import PACK, Shop

pytestmark = pytest.mark.anyio


async def buy(
    shop: Shop, customer_id: CustomerId, *, quantity: int = 1, key: str | None = None, present: bool = False
) -> Purchase:
    fingerprint = hashlib.sha256(f"{customer_id} {quantity}".encode()).digest()
    return await buy_with_saved_method(
        db=shop.db,
        providers=shop.providers,
        workspace_id=shop.workspace_id,
        customer_id=customer_id,
        price_id=shop.price_id,
        quantity=quantity,
        return_url="https://shop.example/back",
        customer_present=present,
        request_key=None
        if key is None
        else RequestKey(workspace_id=shop.workspace_id, key=key, fingerprint=fingerprint),
    )


#     card                first answer          payment           top-up       after the reconciler    packs
ANSWERS = [
    ("4242424242424242", "Done", "settled", "settled", "settled", 1),
    ("4000000000000002", "Refused card_declined", "declined", "failed", "declined", 0),
    ("4000000000009995", "Refused insufficient_funds", "declined", "failed", "declined", 0),
    ("4000000000009987", "Refused lost_card", "declined", "failed", "declined", 0),
    ("4000002500003155", "Visit", "needs_customer", "open", "needs_customer", 0),
    ("4000000000000341", "Refused card_declined", "declined", "failed", "declined", 0),
    ("4000000000033334", "Wait", "confirming", "submitted", "settled", 1),
    ("4000000000044448", "Wait", "confirming", "submitted", "declined", 0),
    ("4000000000011116", "Wait", "submitted", "submitted", "settled", 1),
    ("4000000000022220", "Wait", "submitted", "submitted", "settled", 1),
]


@pytest.mark.parametrize(
    ("number", "first", "payment", "top_up", "later", "packs"), ANSWERS, ids=[row[0] for row in ANSWERS]
)
async def test_each_cards_answer(
    shop: Shop, number: str, first: str, payment: str, top_up: str, later: str, packs: int
) -> None:
    await shop.save_card(shop.ann, number)
    step = (await buy(shop, shop.ann)).step
    words = type(step).__name__ + (f" {step.code}" if isinstance(step, Refused) else "")
    assert words == first
    assert await shop.states("payments") == [payment]
    assert await shop.states("top_ups") == [top_up]
    await shop.reconcile()
    assert await shop.states("payments") == [later]
    assert await shop.credits(shop.ann) == Credits(packs * PACK)
    assert await shop.charged() == Decimal(10 * packs)
    await shop.assert_books_agree()


async def test_the_customer_authenticates(shop: Shop) -> None:
    await shop.save_card(shop.ann, "4000002500003155")
    bought = await buy(shop, shop.ann)
    assert isinstance(bought.step, Visit)
    await shop.visit(f"{bought.step.url}/authentication", {"answer": "approve"})
    for message in await shop.messages():
        await shop.receive(message)
    await shop.act()
    now = await standing_of(db=shop.db, customer_id=shop.ann, top_up_id=bought.top_up_id)
    assert now.step == Done()
    assert await shop.credits(shop.ann) == Credits(PACK)


async def test_a_settled_purchase_tells_and_grants_what_was_sold(shop: Shop) -> None:
    await shop.save_card(shop.ann, "4242424242424242")
    bought = await buy(shop, shop.ann, quantity=3)
    assert bought.step == Done()
    assert await shop.credits(shop.ann) == Credits(3 * PACK)
    lot = await shop.pool.fetchrow("select * from lots")
    assert lot is not None
    assert (lot["category"], lot["source"], lot["source_id"]) == ("paid", "top_up", bought.top_up_id)
    assert (lot["cost_amount"], lot["cost_currency_id"]) == (Decimal(30), shop.usd)
    expires = await shop.db.fetchval("select effective_at + interval '1 month' = expires_at from lots")
    assert expires is True
    assert await shop.events(shop.ann) == [
        "payment_method.saved", "top_up.created", "credit_grant.created", "payment.settled", "top_up.settled",
    ]  # fmt: skip
    number = await shop.db.fetchval("select number from top_ups")
    assert isinstance(number, str)
    assert re.fullmatch(r"PK-[0-9A-Z]{10}", number)


async def test_law_07_the_same_request_buys_once(shop: Shop) -> None:
    await shop.save_card(shop.ann, "4242424242424242")
    first = await buy(shop, shop.ann, key="monday")
    again = await buy(shop, shop.ann, key="monday")
    assert (again.top_up_id, again.step, again.replayed) == (first.top_up_id, Done(), True)
    with pytest.raises(Conflict, match="different request"):
        await buy(shop, shop.ann, quantity=2, key="monday")
    assert await shop.charged() == 10


async def test_law_07_the_same_request_at_the_same_time(shop: Shop) -> None:
    """All but one are told that it is running, or what it made; the customer pays once."""
    await shop.save_card(shop.ann, "4242424242424242")
    answers = await asyncio.gather(*(buy(shop, shop.ann, key="rush") for _ in range(8)), return_exceptions=True)
    made = {answer.top_up_id for answer in answers if isinstance(answer, Purchase)}
    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    assert len(made) == 1
    assert all(isinstance(one, Conflict) and one.own_code == "in_progress" for one in refused)
    assert await shop.charged() == 10
    assert await shop.credits(shop.ann) == Credits(PACK)


async def test_a_replay_is_answered_after_the_card_was_removed(shop: Shop) -> None:
    method_id = await shop.save_card(shop.ann, "4242424242424242")
    await buy(shop, shop.ann, key="monday")
    await detach_method(
        db=shop.db, providers=shop.providers, workspace_id=shop.workspace_id, customer_id=shop.ann, method_id=method_id
    )
    assert (await buy(shop, shop.ann, key="monday")).replayed
    with pytest.raises(Invalid, match="no saved payment method"):
        await buy(shop, shop.ann)


async def test_what_cannot_be_bought(shop: Shop) -> None:
    with pytest.raises(Invalid) as nothing_saved:
        await buy(shop, shop.ann)
    assert nothing_saved.value.own_code == "no_payment_method"
    await shop.save_card(shop.ann, "4242424242424242")
    for quantity in (0, -1, 21):
        with pytest.raises(Invalid, match="between 1 and 20"):
            await buy(shop, shop.ann, quantity=quantity)
    await update_recharge_config(
        db=shop.db,
        workspace_id=shop.workspace_id,
        currency_id=shop.tokens,
        base_price_id=shop.price_id,
        min_recharge_amount="20",
        max_recharge_amount="50",
    )
    for quantity, bound in ((1, "at least 20 USD"), (6, "at most 50 USD")):
        with pytest.raises(Invalid, match=bound):
            await buy(shop, shop.ann, quantity=quantity)
    await freeze_customer(db=shop.db, workspace_id=shop.workspace_id, customer_id=shop.ann, frozen=True)
    with pytest.raises(Conflict) as frozen:
        await buy(shop, shop.ann, quantity=2)
    assert frozen.value.own_code == "customer_frozen"
    await shop.save_card(shop.ben, "4242424242424242")
    await remove_recharge_config(db=shop.db, workspace_id=shop.workspace_id, currency_id=shop.tokens)
    await change_price(db=shop.db, workspace_id=shop.workspace_id, price_id=shop.price_id, active=False)
    with pytest.raises(Invalid) as inactive:
        await buy(shop, shop.ben, quantity=2)
    assert inactive.value.own_code == "price_inactive"
    assert await shop.charged() == 0
    assert await shop.states("top_ups") == []


async def test_law_16_anothers_card_is_not_there(shop: Shop) -> None:
    method_id = await shop.save_card(shop.ben, "4242424242424242")
    await shop.save_card(shop.ann, "4242424242424242")
    with pytest.raises(NotFound):
        await buy_with_saved_method(
            db=shop.db,
            providers=shop.providers,
            workspace_id=shop.workspace_id,
            customer_id=shop.ann,
            price_id=shop.price_id,
            quantity=1,
            return_url="https://shop.example/back",
            payment_method_id=method_id,
        )
    refused: list[Refusal] = []
    for attempt in (
        make_default_method(db=shop.db, workspace_id=shop.workspace_id, customer_id=shop.ann, method_id=method_id),
        detach_method(
            db=shop.db,
            providers=shop.providers,
            workspace_id=shop.workspace_id,
            customer_id=shop.ann,
            method_id=method_id,
        ),
    ):
        with pytest.raises(NotFound) as error:
            await attempt
        refused.append(error.value)
    assert len(refused) == 2


async def test_the_quote_shows_what_the_customer_will_have(shop: Shop) -> None:
    await shop.save_card(shop.ann, "4242424242424242")
    await buy(shop, shop.ann)
    shown = await quote_credits(
        db=shop.db,
        workspace_id=shop.workspace_id,
        price_id=shop.price_id,
        quantity=2,
        currency_id=shop.eur,
        customer_id=shop.ann,
    )
    assert shown.amount == Money(18, "EUR")
    assert (shown.balance_before, shown.balance_after) == (Credits(PACK), Credits(3 * PACK))


async def test_saved_cards_have_one_default(shop: Shop) -> None:
    first = await shop.save_card(shop.ann, "4242424242424242")
    second = await shop.save_card(shop.ann, "4242424242424242")
    third = await shop.save_card(shop.ann, "5555555555554444")

    async def defaults() -> list[bool]:
        saved = await payments.methods(shop.db, workspace_id=shop.workspace_id, customer_id=shop.ann)
        return [method.is_default for method in reversed(saved)]

    assert await defaults() == [True, False, False]
    saved = await payments.methods(shop.db, workspace_id=shop.workspace_id, customer_id=shop.ann)
    assert len({method.fingerprint for method in saved}) == 2
    await make_default_method(db=shop.db, workspace_id=shop.workspace_id, customer_id=shop.ann, method_id=second)
    assert await defaults() == [False, True, False]
    await detach_method(
        db=shop.db, providers=shop.providers, workspace_id=shop.workspace_id, customer_id=shop.ann, method_id=second
    )
    assert await defaults() == [False, True]
    left = await payments.methods(shop.db, workspace_id=shop.workspace_id, customer_id=shop.ann)
    assert [method.id for method in left] == [third, first]
    with pytest.raises(NotFound):
        await make_default_method(
            db=shop.db,
            workspace_id=shop.workspace_id,
            customer_id=shop.ann,
            method_id=PAYMENT_METHOD.new(),
        )


async def test_a_waiting_purchase_waits(shop: Shop) -> None:
    await shop.save_card(shop.ann, "4000000000011116")
    bought = await buy(shop, shop.ann, key="lost")
    assert bought.step == Wait()
    assert (await buy(shop, shop.ann, key="lost")).step == Wait()
    await shop.reconcile()
    assert (await buy(shop, shop.ann, key="lost")).step == Done()
    assert await shop.charged() == 10
