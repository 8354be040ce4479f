"""Saving how a product is sold: what is made, what is kept, and what a new price means for those who agreed to the old one."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from replenish.audit import queries as audit
from replenish.audit.model import Actor
from replenish.catalog import pricing, queries
from replenish.catalog.errors import Mismatched
from replenish.catalog.model import RechargeTerms
from replenish.catalog.pricing import Pricing
from replenish.core.errors import Invalid
from replenish.core.ids import ProductId
from replenish.core.money import Credits
from replenish.flows import manage_catalog, manage_currencies, manage_workspaces
from replenish.flows.manage_addons import AddOn, Cost, Offered, Saved, review_pricing, save_pricing
from replenish.flows.open_checkout import open_payment_link
from support.shop import Shop

pytestmark = pytest.mark.anyio
TERMS = RechargeTerms(mode="pack", threshold_default="100", threshold_min="50", threshold_max="400")


@pytest.fixture
async def report(shop: Shop) -> ProductId:
    """A product without a price, as it is when it was just made."""
    return await manage_catalog.create_product(db=shop.db, workspace_id=shop.workspace_id, name="Reports")


def pack(shop: Shop, *, price: str = "19", amount: str = "500", **changes: object) -> AddOn:
    add_on = AddOn(cost=Cost(currency_id=shop.usd, amount=price), credit_amount=amount, unit="report credits")
    return msgspec.structs.replace(add_on, **changes)


async def save(shop: Shop, product_id: ProductId, offered: Offered, actor: Actor | None = None) -> Saved:
    return await save_pricing(
        db=shop.db, workspace_id=shop.workspace_id, product_id=product_id, offered=offered, actor=actor
    )


async def standing(shop: Shop, product_id: ProductId) -> Pricing:
    product = await queries.product(shop.db, workspace_id=shop.workspace_id, product_id=product_id)
    return await pricing.pricing_of(shop.db, product=product)


async def test_an_add_on_gets_a_credit_currency_of_its_own_and_a_link(shop: Shop, report: ProductId) -> None:
    after = (await save(shop, report, pack(shop, auto_top_up=TERMS))).after
    assert after.payment_type == "add_on"
    assert after.price is not None
    assert after.price.base.unit_amount == Decimal(19)
    assert after.price.credit_config is not None
    assert after.price.credit_config.amount == Credits(500)
    assert after.credit_currency is not None
    assert (after.credit_currency.name, after.credit_currency.decimals) == ("report credits", 2)
    assert after.credit_currency.recharge_config is not None
    assert after.credit_currency.recharge_config.base_price_id == after.price.id
    assert after.link is not None
    assert after.settings is not None
    assert (after.settings.threshold_min, after.settings.threshold_max) == (Credits(50), Credits(400))
    session = await open_payment_link(db=shop.db, slug=after.link.slug)
    assert session.price_id == after.price.id


async def test_an_existing_credit_currency_can_be_chosen(shop: Shop, report: ProductId) -> None:
    after = (await save(shop, report, pack(shop, credit_currency_id=shop.tokens))).after
    assert after.credit_currency is not None
    assert after.credit_currency.id == shop.tokens
    assert after.link is not None


@pytest.mark.parametrize(("auto_top_up", "moves"), [(None, False), (TERMS, True)])
async def test_what_tops_a_shared_currency_up_moves_only_with_auto_top_up(
    shop: Shop, report: ProductId, auto_top_up: RechargeTerms | None, moves: bool
) -> None:
    await manage_currencies.update_recharge_config(
        db=shop.db, workspace_id=shop.workspace_id, currency_id=shop.tokens, base_price_id=shop.price_id
    )
    after = (await save(shop, report, pack(shop, credit_currency_id=shop.tokens, auto_top_up=auto_top_up))).after
    tokens = await queries.currency(shop.db, workspace_id=shop.workspace_id, currency_id=shop.tokens)
    assert tokens.recharge_config is not None
    assert after.price is not None
    assert tokens.recharge_config.base_price_id == (after.price.id if moves else shop.price_id)


async def test_saving_the_same_again_changes_nothing(shop: Shop, report: ProductId) -> None:
    first = (await save(shop, report, pack(shop, auto_top_up=TERMS))).after
    assert first.credit_currency is not None
    again = pack(shop, price="19.00", amount="500.0", credit_currency_id=first.credit_currency.id, auto_top_up=TERMS)
    assert (await save(shop, report, again)).after == first


async def test_another_amount_is_a_new_price_and_the_old_one_its_old_version(shop: Shop, report: ProductId) -> None:
    old = (await save(shop, report, pack(shop))).after
    assert old.price is not None
    assert old.credit_currency is not None
    assert old.link is not None
    await manage_catalog.change_price(
        db=shop.db, workspace_id=shop.workspace_id, price_id=old.price.id, lookup_key="reports-500", quantity_max=7
    )
    same = old.credit_currency.id
    new = (await save(shop, report, pack(shop, price="25", credit_currency_id=same))).after
    assert new.price is not None
    assert new.price.id != old.price.id
    assert (new.price.lookup_key, new.price.quantity_max, new.further) == ("reports-500", 7, 0)
    assert new.credit_currency is not None
    assert new.credit_currency.recharge_config is not None
    assert new.credit_currency.recharge_config.base_price_id == new.price.id
    archived = await queries.price(shop.db, workspace_id=shop.workspace_id, price_id=old.price.id)
    assert (archived.active, archived.superseded_by) == (False, new.price.id)
    # A link that was sent out sells today's price.
    session = await open_payment_link(db=shop.db, slug=old.link.slug)
    assert session.price_id == new.price.id


async def test_a_review_writes_nothing(shop: Shop, report: ProductId) -> None:
    before = await standing(shop, report)
    seen = await review_pricing(
        db=shop.db, workspace_id=shop.workspace_id, product_id=report, offered=pack(shop, auto_top_up=TERMS)
    )
    assert seen.after.payment_type == "add_on"
    assert seen.after.credit_currency is not None
    assert await standing(shop, report) == before
    assert not await shop.db.fetchval("select exists (select from recharge_settings)")


async def test_from_one_time_to_add_on_and_back(shop: Shop, report: ProductId) -> None:
    one_time = (await save(shop, report, Cost(currency_id=shop.usd, amount="5"))).after
    assert (one_time.payment_type, one_time.link) == ("one_time", None)
    add_on = (await save(shop, report, pack(shop))).after
    assert add_on.payment_type == "add_on"
    assert add_on.credit_currency is not None
    back = (await save(shop, report, Cost(currency_id=shop.usd, amount="5"))).after
    assert back.payment_type == "one_time"
    assert back.price is not None
    assert back.price.credit_config is None
    credit = await queries.currency(shop.db, workspace_id=shop.workspace_id, currency_id=add_on.credit_currency.id)
    assert credit.recharge_config is None
    assert add_on.price is not None
    with pytest.raises(Mismatched, match="type is 'service' by now"):
        await manage_catalog.change_price(
            db=shop.db, workspace_id=shop.workspace_id, price_id=add_on.price.id, active=True
        )


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"cost": "x"}, "unit_amount"),
        ({"cost": "1.999"}, "unit_amount"),
        ({"cost": "0", "auto_top_up": TERMS}, "unit_amount"),
        ({"credit_amount": "0"}, "credit_config.credit_amount"),
        ({"credit_amount": "1e3"}, "credit_config.credit_amount"),
        ({"unit": " "}, "name"),
        ({"valid_duration_value": -1}, "credit_config.valid_duration_value"),
        ({"auto_top_up": msgspec.structs.replace(TERMS, threshold_default="500")}, "threshold_default"),
        ({"auto_top_up": msgspec.structs.replace(TERMS, threshold_default="")}, "threshold_default"),
        ({"auto_top_up": msgspec.structs.replace(TERMS, threshold_default="10")}, "threshold_default"),
        ({"auto_top_up": msgspec.structs.replace(TERMS, threshold_default="450")}, "threshold_default"),
        ({"auto_top_up": msgspec.structs.replace(TERMS, threshold_max="500")}, "threshold_max"),
        ({"auto_top_up": msgspec.structs.replace(TERMS, threshold_max="20")}, "threshold_max"),
        ({"auto_top_up": msgspec.structs.replace(TERMS, threshold_min="-1")}, "threshold_min"),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_saved(
    shop: Shop, report: ProductId, changes: dict[str, object], field: str
) -> None:
    if isinstance(changes.get("cost"), str):
        changes = {**changes, "cost": Cost(currency_id=shop.usd, amount=str(changes["cost"]))}
    before = await standing(shop, report)
    with pytest.raises(Invalid) as refused:
        await save(shop, report, pack(shop, **changes))
    assert refused.value.field == field
    assert await standing(shop, report) == before


async def test_law_16_another_workspaces_currency_is_not_found(shop: Shop, report: ProductId) -> None:
    other = (await manage_workspaces.create_workspace(db=shop.db, name="Fabrikam")).test
    theirs = await manage_currencies.create_currency(db=shop.db, workspace_id=other, name="Theirs")
    with pytest.raises(Invalid, match="no such credit currency"):
        await save(shop, report, pack(shop, credit_currency_id=theirs))
    money = await queries.find_currency(shop.db, workspace_id=other, key="USD")
    with pytest.raises(Invalid, match="no such payment currency"):
        await save(shop, report, pack(shop, cost=Cost(currency_id=money.id, amount="5")))


async def test_what_the_operator_changed_is_on_record(shop: Shop, report: ProductId) -> None:
    live = await shop.db.fetchval("select twin_id from workspaces where id = $1", shop.workspace_id)
    operator_id = await manage_workspaces.create_operator(
        db=shop.db,
        workspace_id=live,  # pyright: ignore[reportArgumentType] # a row's id
        email="olga@acme.example",
    )
    olga = Actor(operator_id=operator_id, email="olga@acme.example")
    saved = (await save(shop, report, pack(shop), olga)).after
    assert saved.credit_currency is not None
    same = pack(shop, credit_currency_id=saved.credit_currency.id)
    await save(shop, report, same, olga)
    await save(shop, report, msgspec.structs.replace(same, credit_amount="600"), olga)
    newest, first = await audit.entries(shop.db, workspace_id=shop.workspace_id)
    assert newest.fields == [("credit_amount", "500 report credits", "600 report credits")]
    assert (first.action, first.operator_email, first.object_name) == ("product.priced", "olga@acme.example", "Reports")
    assert ("price", "", "19 USD") in first.fields
