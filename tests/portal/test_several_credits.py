"""A merchant sells many kinds of credits; a customer sees those that they have."""

import re
from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest
from tests.portal.shop import START, Shop, Visitor

from replenish.catalog import queries as catalog
from replenish.catalog.model import PaymentCurrency
from replenish.catalog.operations.prices import CreditTerms
from replenish.core.ids import CURRENCY
from replenish.core.money import Credits
from replenish.flows.grant_credits import grant_credits
from replenish.flows.manage_catalog import create_price, create_product
from replenish.flows.manage_currencies import create_currency, update_recharge_config
from replenish.flows.manage_grant_schedules import create_schedule, pause_schedule
from replenish.flows.manage_workspaces import change_workspace
from replenish.flows.record_usage import NewUsage, record_usage
from replenish.schedules.model import Draft
from replenish.wallets.book import NewLot
from replenish.wallets.model import WalletRef

pytestmark = pytest.mark.anyio


async def sell(shop: Shop, name: str, *, product: str, lookup_key: str | None = None) -> PaymentCurrency:
    """One more kind of credits with its pack."""
    where = {"db": shop.db, "workspace_id": shop.workspace_id}
    credit_id = await create_currency(**where, name=name, decimals=0, lookup_key=lookup_key)
    product_id = await create_product(**where, name=product, type_="credit")
    price_id = await create_price(
        **where,
        product_id=product_id,
        currency_id=shop.usdc.id,
        unit_amount="10",
        credit_terms=CreditTerms(currency_id=credit_id, amount="100"),
    )
    await update_recharge_config(**where, currency_id=credit_id, base_price_id=price_id)
    return await catalog.currency(shop.db, workspace_id=shop.workspace_id, currency_id=credit_id)


async def give(shop: Shop, currency: PaymentCurrency, amount: int) -> None:
    new = NewLot(amount=Credits(amount), category="promotional", source="api")
    await grant_credits(shop.db, ref=WalletRef(shop.workspace_id, shop.ann, currency.id), new=new)


async def test_what_comes_next_by_itself_is_announced(shop: Shop) -> None:
    minutes = await sell(shop, "Minutes", product="Talk")
    ref = WalletRef(shop.workspace_id, shop.ann, minutes.id)
    ann = await shop.entered(shop.ann)
    await give(shop, minutes, 7)
    await ann.go("/portal")
    assert "Next grant" not in ann.text
    monthly = Draft(cadence="monthly", amount=Credits(1000), starts_at=START + timedelta(days=7))
    schedule_id, _ = await create_schedule(db=shop.db, ref=ref, draft=monthly)
    await create_schedule(
        db=shop.db, ref=ref, draft=msgspec.structs.replace(monthly, starts_at=START + timedelta(days=9))
    )
    await ann.go("/portal")
    assert "Next grant 1,000 on Dec 1, 2031" in ann.text
    await pause_schedule(db=shop.db, workspace_id=shop.workspace_id, schedule_id=schedule_id)
    await ann.go("/portal")
    assert "Next grant 1,000 on Dec 3, 2031" in ann.text


def title(visitor: Visitor) -> str:
    return visitor.html.split("<title>")[1].split("<")[0]


async def test_pages_are_about_what_ann_holds_and_the_rest_is_for_sale(shop: Shop) -> None:
    minutes = await sell(shop, "Minutes", product="Talk")
    await sell(shop, "Pictures", product="Album")
    await give(shop, minutes, 7)
    ann = await shop.entered(shop.ann)
    for page in ("/portal", "/portal/auto-recharge", "/portal/history"):
        await ann.go(page)
        assert "Minutes" in ann.text, page
        assert "API calls" not in ann.text, page
        assert "Pictures" not in ann.text, page
    await ann.go("/portal/buy")
    assert title(ann).startswith("Buy Minutes")
    assert "Other credits you can buy API calls Pictures" in ann.text
    await ann.go(f"/portal/buy?currency={CURRENCY.text(shop.currency.id)}")
    assert title(ann).startswith("Buy API calls")
    assert "Other credits you can buy Pictures" in ann.text


async def test_before_anything_is_held_all_that_is_sold_is_shown(shop: Shop) -> None:
    await sell(shop, "Minutes", product="Talk")
    ann = await shop.entered(shop.ann)
    for page in ("/portal", "/portal/buy", "/portal/auto-recharge"):
        await ann.go(page)
        assert ("Minutes" in ann.text, "API calls" in ann.text) == (True, True), page
    await ann.go("/portal/buy")
    assert title(ann).startswith("Buy API calls")
    assert "Other credits" not in ann.text


async def test_buying_starts_with_what_was_used_last(shop: Shop) -> None:
    minutes = await sell(shop, "Minutes", product="Talk")
    await shop.give(shop.ann, 100)
    await give(shop, minutes, 7)
    ann = await shop.entered(shop.ann)
    await ann.go("/portal/buy")
    assert title(ann).startswith("Buy Minutes")
    await shop.use(shop.ann, 1)
    await ann.go("/portal/buy")
    assert title(ann).startswith("Buy API calls")
    await ann.go("/portal/auto-recharge")
    assert f'class="btn active" href="/portal/auto-recharge?currency={CURRENCY.text(shop.currency.id)}"' in ann.html


async def test_credits_of_one_name_are_told_apart(shop: Shop) -> None:
    keyed = await sell(shop, "API calls", product="Maps pack", lookup_key="maps")
    plain = await sell(shop, "API calls", product="Routes pack")
    await give(shop, keyed, 5)
    await give(shop, plain, 6)
    await shop.give(shop.ann, 7)
    ann = await shop.entered(shop.ann)
    for page in ("/portal", "/portal/buy", "/portal/auto-recharge", "/portal/history"):
        await ann.go(page)
        for label in ("API calls (maps)", "API calls (Routes pack)", "API calls (API pack)"):
            assert label in ann.text, (page, label)


async def test_which_grant_is_used_first_can_be_read(shop: Shop) -> None:
    await shop.give(shop.ann, 5, name="Later", priority=60, expires_at=START + timedelta(days=1))
    await shop.give(shop.ann, 5, name="First", priority=10)
    ann = await shop.entered(shop.ann)
    await ann.go("/portal/credit-grants")
    assert "Lower priority numbers are used first; of equal ones, what ends soonest." in ann.text
    assert "First Given, free, Nov 24, 2031 , priority 10" in ann.text
    assert "Later Given, free, Nov 24, 2031 , priority 60" in ann.text
    await shop.use(shop.ann, 5)
    await ann.go("/portal/credit-grants")
    assert "First" not in ann.text


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Europe/Berlin", "Pacific/Auckland"])
async def test_drawn_days_are_utc_days_whatever_the_zone(shop: Shop, zone: str) -> None:
    await change_workspace(db=shop.db, workspace_id=shop.workspace_id, time_zone=zone)
    await shop.give(shop.ann, 9)
    await shop.use(shop.ann, 5)
    ann = await shop.entered(shop.ann)
    assert "Used by day, last 30 days. Usage counts on the day (UTC) it was booked." in ann.text
    days = re.findall(r'<time datetime="([-0-9]{10})">([^<]*)</time></td><td class="number" data-value="5"', ann.html)
    assert days == [("2031-11-24", "Nov 24, 2031")]


async def test_the_overview_draws_what_was_used_by_day(shop: Shop) -> None:
    ann = await shop.entered(shop.ann)
    assert "Used by day" not in ann.text
    minutes = await sell(shop, "Minutes", product="Talk")
    await give(shop, minutes, 50)
    calls = NewLot(amount=Credits(9), category="paid", source="api")
    await grant_credits(shop.db, ref=WalletRef(shop.workspace_id, shop.ann, shop.currency.id), new=calls)
    for days, value in ((0, 7), (2, 5), (40, 1)):
        await shop.wait(days=days)
        event = NewUsage(
            workspace_id=shop.workspace_id,
            customer_id=shop.ann,
            currency=minutes,
            meter=None,
            key=f"talk-{days}",
            value=Decimal(value),
        )
        await record_usage(shop.db, events=[event])
        if days == 2:
            await ann.go("/portal")
            assert drawn(ann.html) == ["7", "0", "5"]
    await ann.go("/portal")
    # What is older than thirty days is not drawn; API calls, of which none were used, have no drawing.
    assert drawn(ann.html) == ["1"]
    assert ann.html.count("data-chart") == 1


def drawn(html: str) -> list[str]:
    """The amounts of the thirty days, from the first that is not zero."""
    values = re.findall(r'data-value="([^"]*)"', html)
    assert len(values) == 30
    first = next(place for place, value in enumerate(values) if value != "0")
    return values[first:]
