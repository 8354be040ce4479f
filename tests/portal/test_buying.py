"""Buying on the portal, with pages that need no script."""

from datetime import timedelta

import pytest
from tests.portal.shop import ASKS, DECLINES, LATE, START, VISA, Shop

from replenish.catalog import queries as catalog
from replenish.catalog.operations.prices import CreditTerms
from replenish.core.ids import CURRENCY, PRICE, TOP_UP
from replenish.flows import buy_credits
from replenish.flows.manage_catalog import create_price
from replenish.flows.manage_currencies import update_recharge_config
from replenish.flows.manage_customers import freeze_customer
from replenish.payments import queries as payments
from replenish.topups import queries as topups

pytestmark = pytest.mark.anyio


async def balance(shop: Shop) -> str:
    ann = await shop.entered(shop.ann)
    return ann.text.split("API calls", 1)[1].split()[0]


async def test_ann_buys_one_pack_with_a_new_card_and_saves_it(shop: Shop) -> None:
    ann = await shop.entered(shop.ann)
    await ann.go("/portal/buy")
    assert "10 USDC" in ann.text
    assert "Afterwards 200,000 API calls" in ann.text
    (form,) = [one for one in ann.forms() if one.method == "post" and one.action == "/portal/buy"]
    assert "save" not in form.fields, "saving the card is the customer's to tick"
    await ann.send(says="Pay 10 USDC", method="new", save="yes")
    says = await ann.type_card(VISA)
    assert "/portal/top-ups/top_" in ann.at
    assert "200,000 API calls" in says
    assert "Thank you. Your credits are there." in says
    await ann.go("/portal/payment-methods")
    assert "Visa ···· 4242" in ann.text
    assert await balance(shop) == "200,000"


async def test_a_card_is_saved_only_when_asked(shop: Shop) -> None:
    ann = await shop.entered(shop.ann)
    await ann.go("/portal/buy")
    await ann.send(says="Pay 10 USDC")
    await ann.type_card(VISA)
    await ann.go("/portal/payment-methods")
    assert "No saved card" in ann.text


async def test_one_click_with_the_saved_card_in_another_currency(shop: Shop) -> None:
    await shop.card_of(shop.ann)
    await shop.give(shop.ann, 1)
    ann = await shop.entered(shop.ann)
    await ann.go("/portal/buy")
    await ann.send(says="Show the price", quantity="3", pay_in=CURRENCY.text(shop.eur.id))
    assert "€27" in ann.text
    assert "Afterwards 600,001 API calls" in ann.text
    await ann.send(says="Pay €27")
    assert "Thank you. Your credits are there." in ann.text
    assert await balance(shop) == "600,001"


async def test_what_is_owed_is_paid_back_first_and_said_before(shop: Shop) -> None:
    await shop.give(shop.ann, 100)
    await shop.use(shop.ann, 1_100)
    ann = await shop.entered(shop.ann)
    assert "You used 1,000 more than you had" in ann.text
    await ann.go("/portal/buy")
    assert "You owe, paid back first \N{MINUS SIGN}1,000" in ann.text
    assert "Afterwards 199,000 API calls" in ann.text


async def test_law_07_one_form_sent_twice_buys_once(shop: Shop) -> None:
    await shop.card_of(shop.ann)
    ann = await shop.entered(shop.ann)
    await ann.go("/portal/buy")
    (form,) = [one for one in ann.forms() if one.method == "post" and one.action == "/portal/buy"]
    for _ in range(3):
        assert (await ann.post("/portal/buy", form.fields)).status_code == 303
    assert await balance(shop) == "200,000"
    other = form.fields | {"quantity": "2"}
    changed = await ann.post("/portal/buy", other)
    assert changed.status_code == 409
    assert await balance(shop) == "200,000"


@pytest.mark.parametrize(
    ("quantity", "says"),
    [("0", "between 1 and 50"), ("51", "between 1 and 50"), ("1.5", "not a whole number"), ("-1", "not a whole"),
     ("", "not a whole"), ("٣", "not a whole"), ("9" * 400, "not a whole"), ("<b>", "not a whole")],
)  # fmt: skip
async def test_a_wrong_quantity_stands_beside_its_field(shop: Shop, quantity: str, says: str) -> None:
    ann = await shop.entered(shop.ann)
    await ann.go("/portal/buy")
    await ann.send(says="Show the price", quantity=quantity)
    assert ann.status == 422
    assert says in ann.text
    assert "Pay 10 USDC" not in ann.text
    await ann.go("/portal/buy")
    (form,) = [one for one in ann.forms() if one.method == "post" and one.action == "/portal/buy"]
    assert (await ann.post("/portal/buy", form.fields | {"quantity": quantity})).status_code == 422


async def test_a_price_that_changed_meanwhile_is_shown_again(shop: Shop) -> None:
    ann = await shop.entered(shop.ann)
    await ann.go("/portal/buy")
    (form,) = [one for one in ann.forms() if one.method == "post" and one.action == "/portal/buy"]
    await dearer(shop)
    answer = await ann.post("/portal/buy", form.fields)
    assert answer.status_code == 409
    assert "The price has changed" in answer.text
    assert "Pay 12 USDC" in answer.text


async def dearer(shop: Shop) -> None:
    price = await catalog.price(shop.db, workspace_id=shop.workspace_id, price_id=shop.price_id)
    new = await create_price(
        db=shop.db,
        workspace_id=shop.workspace_id,
        product_id=price.product_id,
        currency_id=shop.usdc.id,
        unit_amount="12",
        credit_terms=CreditTerms(currency_id=shop.currency.id, amount="200000"),
    )
    await update_recharge_config(
        db=shop.db, workspace_id=shop.workspace_id, currency_id=shop.currency.id, base_price_id=new
    )


async def test_no_form_can_name_a_price_that_is_not_on_the_page(shop: Shop) -> None:
    ann = await shop.entered(shop.ann)
    await ann.go("/portal/buy")
    (form,) = [one for one in ann.forms() if one.method == "post" and one.action == "/portal/buy"]
    answer = await ann.post("/portal/buy", form.fields | {"price": PRICE.text(PRICE.new())})
    assert answer.status_code == 409


async def test_a_declined_card_charges_nothing_and_says_why(shop: Shop) -> None:
    ann = await shop.entered(shop.ann)
    await ann.go("/portal/buy")
    await ann.send(says="Pay 10 USDC")
    await ann.send(number=DECLINES, expires="12/70", cvc="123")
    assert "declined" in ann.text.lower()
    assert await balance(shop) == "0"


async def test_a_saved_card_that_wants_its_owner(shop: Shop) -> None:
    await shop.card_of(shop.ann, ASKS)
    ann = await shop.entered(shop.ann)
    await ann.go("/portal/buy")
    await ann.send(says="Pay 10 USDC")
    assert "/providers/sandbox/" in ann.at
    (top_up,) = await topups.top_ups(shop.db, workspace_id=shop.workspace_id, customer_id=shop.ann)
    await ann.go(f"/portal/top-ups/{TOP_UP.text(top_up.id)}")
    assert "This is not paid yet" in ann.text
    await ann.send(says="Continue to payment")
    await ann.approve()
    assert "/portal/top-ups/" in ann.at, ann.text
    assert await balance(shop) == "200,000"


async def test_a_payment_that_is_confirmed_later_waits_without_a_script(shop: Shop) -> None:
    ann = await shop.entered(shop.ann)
    await ann.go("/portal/buy")
    await ann.send(says="Pay 10 USDC")
    await ann.type_card(LATE)
    assert "Your payment is being confirmed" in ann.text
    assert "Do not pay again" in ann.text
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in ann.html
    await shop.db.pool.execute("update sandbox.intents set settles_at = now() - interval '1 minute'")
    await shop.sandbox.bank.settle_due()
    await ann.go(ann.at)
    assert "You now have 200,000 API calls" in ann.text
    assert "http-equiv" not in ann.html


async def test_the_top_up_says_when_its_credits_expire(shop: Shop) -> None:
    await shop.give(shop.ann, 700, expires_at=START + timedelta(days=30), name="Welcome")
    await shop.give(shop.ann, 40, expires_at=START + timedelta(days=10))
    ann = await shop.entered(shop.ann)
    assert "Next to expire 40 on Dec 4, 2031" in ann.text
    await ann.go("/portal/credit-grants")
    assert "Welcome" in ann.text
    assert "of 700 API calls" in ann.text


async def test_a_frozen_customer_cannot_buy_and_is_told(shop: Shop) -> None:
    ann = await shop.entered(shop.ann)
    await ann.go("/portal/buy")
    (form,) = [one for one in ann.forms() if one.method == "post" and one.action == "/portal/buy"]
    await freeze_customer(db=shop.db, workspace_id=shop.workspace_id, customer_id=shop.ann, frozen=True)
    assert (await ann.post("/portal/buy", form.fields)).status_code == 409
    await ann.go("/portal/buy")
    assert "frozen" in ann.text
    assert "Pay 10" not in ann.text


async def test_removing_a_card(shop: Shop) -> None:
    await shop.card_of(shop.ann)
    await shop.card_of(shop.ann, "5555555555554444")
    ann = await shop.entered(shop.ann)
    await ann.go("/portal/payment-methods")
    await ann.send(says="Use first")
    assert "This card is now used first" in ann.text
    await ann.send(to="/remove")
    found = await payments.methods(shop.db, workspace_id=shop.workspace_id, customer_id=shop.ann)
    assert [one.is_default for one in found] == [True]


async def test_a_purchase_says_who_started_it(shop: Shop) -> None:
    method_id = await shop.card_of(shop.ann)
    ann = await shop.entered(shop.ann)
    await ann.go("/portal/buy")
    await ann.send(says="Pay 10 USDC")
    assert "Started by You" in ann.text
    bought = await buy_credits.buy_with_saved_method(
        db=shop.db,
        providers=shop.providers,
        workspace_id=shop.workspace_id,
        customer_id=shop.ann,
        price_id=shop.price_id,
        quantity=1,
        currency_id=shop.usdc.id,
        payment_method_id=method_id,
        return_url=shop.base_url,
    )
    await ann.go(f"/portal/top-ups/{TOP_UP.text(bought.top_up_id)}")
    assert "Started by Northwind Maps" in ann.text
