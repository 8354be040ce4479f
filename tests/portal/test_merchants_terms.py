"""What the merchant set for automatic top-up of a product, as its customers find it; and links when a price changes."""

import pytest
from tests.portal.shop import Shop

from replenish.catalog import queries as catalog
from replenish.catalog.model import RechargeTerms
from replenish.core.money import Credits
from replenish.flows.manage_addons import AddOn, Cost, save_pricing
from replenish.recharge import queries as recharge

pytestmark = pytest.mark.anyio
TERMS = RechargeTerms(mode="refill_to_full", threshold_default="30000", threshold_min="10000", threshold_max="100000")


async def sell(shop: Shop, *, price: str = "10", auto_top_up: RechargeTerms | None = TERMS) -> None:
    sold = await catalog.price(shop.db, workspace_id=shop.workspace_id, price_id=shop.price_id)
    add_on = AddOn(
        cost=Cost(currency_id=shop.usdc.id, amount=price, options=[(shop.eur.id, "9")]),
        credit_amount="200000",
        credit_currency_id=shop.currency.id,
        auto_top_up=auto_top_up,
    )
    await save_pricing(db=shop.db, workspace_id=shop.workspace_id, product_id=sold.product_id, offered=add_on)


async def test_the_form_starts_with_what_the_merchant_suggests_and_says_the_bounds(shop: Shop) -> None:
    await shop.card_of(shop.ann)
    await sell(shop)
    ann = await shop.entered(shop.ann)
    await ann.go("/portal/auto-recharge")
    (form,) = [one for one in ann.forms() if "/review" in one.action]
    assert {name: form.fields[name] for name in ("threshold", "mode", "target")} == {
        "threshold": "30,000",
        "mode": "target",
        "target": "200,000",
    }
    assert "From 10,000 to 100,000." in ann.text
    await ann.send(to="/review", threshold="150,000")
    assert ann.status == 422
    assert "must be at most 100000" in ann.text
    await ann.send(to="/review", threshold="60,000")
    await ann.send(to="/portal/auto-recharge", says="Agree and switch on", consent="yes")
    (rule,) = await recharge.rules(shop.db, workspace_id=shop.workspace_id)
    assert (rule.threshold, rule.target) == (Credits(60_000), Credits(200_000))


async def test_where_it_is_not_offered_the_page_says_so_and_an_old_rule_can_be_switched_off(shop: Shop) -> None:
    await shop.card_of(shop.ann)
    ann = await shop.entered(shop.ann)
    await ann.go("/portal/auto-recharge")
    await ann.send(to="/review")
    await ann.send(to="/portal/auto-recharge", says="Agree and switch on", consent="yes")
    await sell(shop, auto_top_up=None)
    await ann.go("/portal/auto-recharge")
    assert "does not offer automatic top-up of API calls" in ann.text
    assert not [one for one in ann.forms() if "/review" in one.action]
    await ann.send(says="Switch off")
    assert "Automatic top-up is off." in ann.text


async def test_a_link_that_was_sent_out_sells_at_todays_price(shop: Shop) -> None:
    (link,) = await catalog.links(shop.db, workspace_id=shop.workspace_id)
    await sell(shop, price="12")
    ben = shop.visitor()
    await ben.go(f"/checkout/pay/{link.slug}")
    assert "12 USDC" in ben.text
    assert "10 USDC" not in ben.text
    ann = await shop.entered(shop.ann)
    await ann.go(f"/portal/buy?link={link.slug}")
    assert "12 USDC" in ann.text
