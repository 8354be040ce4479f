"""What a merchant allows for automatic top-ups of a product, and what a new price of it means for those who agreed."""

from __future__ import annotations

import msgspec
import pytest
from tests.flows.recharge_stage import VISA, Stage, set_up

from replenish.catalog import queries as catalog
from replenish.catalog.model import RechargeTerms
from replenish.core.db import Database
from replenish.core.errors import Invalid
from replenish.core.money import Credits
from replenish.flows.manage_addons import AddOn, Cost, save_pricing
from replenish.providers.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.anyio
ALLOWED = RechargeTerms(mode="pack", threshold_default="100", threshold_min="50", threshold_max="180")


@pytest.fixture
async def stage(db: Database, sandbox: Sandbox) -> Stage:
    return await set_up(db, sandbox)


async def sell(stage: Stage, *, price: str = "10", auto_top_up: RechargeTerms | None = ALLOWED) -> Stage:
    """The merchant saves the product; the stage's own price is today's."""
    sold = await catalog.price(stage.db, workspace_id=stage.workspace_id, price_id=stage.price_id)
    add_on = AddOn(
        cost=Cost(currency_id=stage.usdc.id, amount=price),
        credit_amount="200",
        credit_currency_id=stage.currency.id,
        auto_top_up=auto_top_up,
    )
    saved = await save_pricing(db=stage.db, workspace_id=stage.workspace_id, product_id=sold.product_id, offered=add_on)
    assert saved.after.price is not None
    return msgspec.structs.replace(stage, price_id=saved.after.price.id)


async def test_law_12_a_consent_keeps_its_price_until_its_customer_agrees_to_the_new_one(stage: Stage) -> None:
    card = await stage.save_card(VISA)
    await stage.give(160)
    await stage.set_rule(card)
    raised = await sell(stage, price="25")
    assert raised.price_id != stage.price_id
    await stage.use(20)
    await stage.work()
    assert (await stage.story(), await stage.charged()) == (["succeeded 1"], 10)
    with pytest.raises(Invalid, match="no longer sold"):
        await stage.agree(stage.draft(card))
    await raised.set_rule(card)
    await stage.use(200)
    await stage.work()
    assert (await stage.story(), await stage.charged()) == (["succeeded 1", "succeeded 1"], 35)


@pytest.mark.parametrize(("threshold", "says"), [(49, "must be at least 50"), (181, "must be at most 180")])
async def test_the_threshold_is_the_customers_within_the_merchants_bounds(
    stage: Stage, threshold: int, says: str
) -> None:
    await sell(stage)
    card = await stage.save_card(VISA)
    with pytest.raises(Invalid, match=says) as refused:
        await stage.agree(stage.draft(card, threshold=Credits(threshold)))
    assert refused.value.field == "threshold"
    for fine in (50, 180):
        rule = await stage.set_rule(card, threshold=Credits(fine))
        assert rule.threshold == Credits(fine)


async def test_where_the_merchant_does_not_allow_it_none_is_switched_on_and_none_charges(stage: Stage) -> None:
    card = await stage.save_card(VISA)
    await stage.give(160)
    await stage.set_rule(card)
    await sell(stage, auto_top_up=None)
    await stage.use(20)
    await stage.work()
    assert (await stage.story(), await stage.charged()) == (["refused price_inactive"], 0)
    assert (await stage.rule()).reason_detail == "Automatic top-up is no longer offered for these credits."
    with pytest.raises(Invalid, match="not offered"):
        await stage.agree(stage.draft(card))
