"""Setting automatic top-up, reading what it does, resuming it, switching it off."""

import pytest
from tests.portal.shop import ASKS_LATER, SECRET, VISA, Shop, Visitor

from replenish.core.ids import CURRENCY, PAYMENT_METHOD
from replenish.recharge import queries as recharge
from replenish.recharge.links import link_to_confirm

pytestmark = pytest.mark.anyio
DECLINES_LATER = "4000000000000341"


async def reviewed(shop: Shop, **fields: str) -> Visitor:
    ann = await shop.entered(shop.ann)
    await ann.go("/portal/auto-recharge")
    await ann.send(to="/review", **fields)
    return ann


async def switched_on(shop: Shop, **fields: str) -> Visitor:
    ann = await reviewed(shop, **fields)
    await ann.send(to="/portal/auto-recharge", says="Agree and switch on", consent="yes")
    return ann


async def test_without_a_card_it_asks_for_one_and_comes_back(shop: Shop) -> None:
    ann = await shop.entered(shop.ann)
    await ann.go("/portal/auto-recharge")
    assert "Save a card first" in ann.text
    await ann.send(says="Add a card")
    await ann.type_card(VISA)
    assert ann.at.endswith("/portal/auto-recharge")
    assert "Your card is saved" in ann.text
    (form,) = [one for one in ann.forms() if "/review" in one.action]
    suggested = {name: form.fields[name] for name in ("threshold", "packs", "month_amount_max", "day_amount_max")}
    assert suggested == {"threshold": "50,000", "packs": "1", "month_amount_max": "50", "day_amount_max": ""}


async def test_law_12_consent_is_an_unticked_box_and_its_words_are_recorded(shop: Shop) -> None:
    await shop.card_of(shop.ann)
    await shop.give(shop.ann, 60_000)
    ann = await reviewed(shop, threshold="50,000", month_amount_max="20")
    words = (
        "I allow Northwind Maps to charge Visa ···· 4242 without asking me again whenever my balance falls below 50,000"
        " API calls: 1 pack (200,000 API calls) for 10 USDC, or as many times that as it takes to reach 50,000 API calls"
        " again; at most 20 USDC a month. I can switch this off at any time."
    )
    assert words in ann.text
    (form,) = [one for one in ann.forms() if "Agree" in one.text]
    assert "consent" not in form.fields
    await ann.send(says="Agree and switch on")
    assert ann.status == 422
    assert "Tick the box if you agree" in ann.text
    assert await recharge.rules(shop.db, workspace_id=shop.workspace_id) == []
    await ann.send(says="Agree and switch on", consent="yes")
    assert "Automatic top-up is on." in ann.text
    (rule,) = await recharge.rules(shop.db, workspace_id=shop.workspace_id)
    (given,) = await recharge.consents(shop.db, customer_id=shop.ann, rule_id=rule.id)
    assert (given.actor, given.wording, given.ip) == ("customer", words, "127.0.0.1")


async def test_law_12_words_that_were_not_shown_are_refused(shop: Shop) -> None:
    await shop.card_of(shop.ann)
    ann = await reviewed(shop)
    (form,) = [one for one in ann.forms() if "Agree" in one.text]
    forged = form.fields | {"consent": "yes", "wording": "I allow nothing."}
    answer = await ann.post("/portal/auto-recharge", forged)
    assert answer.status_code == 409
    assert "Please read it again" in answer.text
    raised = form.fields | {"consent": "yes", "month_amount_max": "5000"}
    assert (await ann.post("/portal/auto-recharge", raised)).status_code == 409
    assert await recharge.rules(shop.db, workspace_id=shop.workspace_id) == []


async def test_below_the_line_it_says_what_saving_charges(shop: Shop) -> None:
    await shop.card_of(shop.ann)
    await shop.give(shop.ann, 10)
    ann = await reviewed(shop)
    assert "You are below this line now You have 10 API calls. Saving this charges 10 USDC at once" in ann.text
    await ann.send(says="Agree and switch on", consent="yes")
    assert "the first charge is on its way" in ann.text
    await shop.work()
    await ann.go("/portal")
    assert "200,010" in ann.text
    assert "Automatic top-up" in ann.text
    assert "The balance of 10 was below 50,000." in ann.text


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"threshold": ""}, "Below : is missing"),
        ({"threshold": "many"}, "is not a decimal amount"),
        ({"threshold": "50,00"}, "is not a decimal amount"),
        ({"threshold": "-1"}, "must be at least 0"),
        ({"threshold": "NaN"}, "is not a decimal amount"),
        ({"threshold": "200000"}, "must be more than the threshold"),
        ({"packs": "0"}, "must be from 1"),
        ({"packs": "1.5"}, "is not a whole number"),
        ({"mode": "target", "target": ""}, "Back up to : is missing"),
        ({"mode": "target", "target": "40000"}, "must be more than the threshold"),
        ({"mode": "both"}, "choose one of the two"),
        ({"month_amount_max": "5"}, "less than one purchase"),
        ({"month_amount_max": "0"}, "must be greater than 0"),
        ({"month_amount_max": "9" * 400}, "an amount has at most"),
        ({"day_amount_max": "1e3"}, "is not a decimal amount"),
        ({"day_count_max": "0"}, "must be from 1 to 1000"),
        ({"method": "pm_nothing"}, "choose a saved card"),
        ({"pay_in": "pc_nothing"}, "no currency that this can be paid in"),
    ],
)
async def test_refusals_stand_beside_their_field_and_nothing_typed_is_lost(
    shop: Shop, fields: dict[str, str], says: str
) -> None:
    await shop.card_of(shop.ann)
    ann = await reviewed(
        shop,
        day_count_max="7" if "day_count_max" not in fields else "0",
        **{name: value for name, value in fields.items() if name != "day_count_max"},
    )
    assert ann.status == 422
    assert says in ann.text
    (form,) = [one for one in ann.forms() if "/review" in one.action]
    assert form.fields["day_count_max"] in {"7", "0"}


async def test_lowering_needs_no_new_consent_and_off_is_one_click(shop: Shop) -> None:
    await shop.card_of(shop.ann)
    await shop.give(shop.ann, 100_000)
    await switched_on(shop, month_amount_max="50")
    ann = await reviewed(shop, month_amount_max="30")
    assert "I have read this and agree" not in ann.text
    await ann.send(says="Save")
    assert "Automatic top-up is on." in ann.text
    await ann.send(says="Switch off")
    assert "Automatic top-up is off." in ann.text
    (rule,) = await recharge.rules(shop.db, workspace_id=shop.workspace_id)
    assert (rule.enabled, rule.month_amount_max) == (False, 30)


async def test_the_monthly_cap_says_why(shop: Shop) -> None:
    await shop.card_of(shop.ann)
    await shop.give(shop.ann, 60_000)
    await switched_on(shop, month_amount_max="20")
    for _ in range(3):
        await shop.use(shop.ann, 180_000)
        await shop.work()
    ann = await shop.entered(shop.ann)
    assert "Monthly cap of 20 USDC reached" in ann.text
    await ann.go("/portal/auto-recharge")
    assert "Not charged" in ann.text
    assert ann.text.count("Bought") == 2
    await ann.go("/portal/history?kind=added")
    assert ann.text.count("Automatic top-up PK-") == 2


async def test_three_declines_stop_it_and_another_card_or_a_click_resumes(shop: Shop) -> None:
    await shop.card_of(shop.ann, DECLINES_LATER)
    await switched_on(shop)
    for _ in range(3):
        await shop.work()
        await shop.wait(hours=7)
    ann = await shop.entered(shop.ann)
    assert "Stopped: card declined 3 times. Use another card, or resume it." in ann.text
    await ann.go("/portal/auto-recharge")
    await ann.send(says="Resume")
    assert "Automatic top-up goes on." in ann.text


async def test_a_card_in_use_cannot_be_removed(shop: Shop) -> None:
    method_id = await shop.card_of(shop.ann)
    await switched_on(shop)
    ann = await shop.entered(shop.ann)
    await ann.go("/portal/payment-methods")
    assert "charged by automatic top-up of API calls" in ann.text
    answer = await ann.post(
        f"/portal/payment-methods/{PAYMENT_METHOD.text(method_id)}/remove", {"csrf_token": ann.token()}
    )
    assert answer.status_code == 303
    await ann.go("/portal/payment-methods")
    assert "Choose another card there, or switch it off, first." in ann.text
    assert "Visa ···· 4242" in ann.text


async def test_a_bank_that_wants_its_customer(shop: Shop) -> None:
    """A banner, and a link that works without a session and shows nothing else."""
    await shop.card_of(shop.ann, ASKS_LATER)
    await switched_on(shop)
    await shop.work()
    ann = await shop.entered(shop.ann)
    assert "Your bank wants you to confirm a payment." in ann.text
    assert "Confirm the payment" in ann.text
    (attempt,) = await recharge.open_attempts(shop.db, workspace_id=shop.workspace_id, customer_id=shop.ann)
    mailed = shop.visitor()
    await mailed.go(link_to_confirm(attempt.id, base_url=shop.base_url, secret_key=SECRET))
    assert "Confirm 10 USDC to Northwind Maps" in mailed.text
    assert "Ann" not in mailed.text
    await mailed.send(says="Go to my bank")
    await mailed.approve()
    await mailed.go("/portal/returned")
    assert "Your bank's answer is on its way" in mailed.text
    await ann.go("/portal/returned")
    assert "You now have 200,000 API calls" in ann.text
    await mailed.go(link_to_confirm(attempt.id, base_url=shop.base_url, secret_key=SECRET))
    assert (mailed.status, "Nothing to confirm any more" in mailed.text) == (410, True)
    forged = link_to_confirm(attempt.id, base_url=shop.base_url, secret_key="another key, also long enough....")
    await mailed.go(forged)
    assert mailed.status == 404


async def test_another_credit_currency_is_not_found(shop: Shop) -> None:
    ann = await shop.entered(shop.ann)
    await ann.go(f"/portal/auto-recharge?currency={CURRENCY.text(shop.usdc.id)}")
    assert ann.status == 404
