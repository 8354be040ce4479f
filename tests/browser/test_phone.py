"""What is wider than a phone: tables fold, and the tab that is open is in sight."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from msgspec.structs import replace
from playwright.sync_api import Browser, expect
from tests.browser.conftest import Site
from tests.browser.test_admin_guide import one_time_link
from tests.browser.watching import SCREENS, Watched, watching
from tests.portal.shop import START

from replenish.core.money import Credits
from replenish.flows.manage_budgets import NewBudget, create_budget
from replenish.flows.manage_grant_schedules import create_schedule
from replenish.schedules.model import Draft
from replenish.wallets.model import WalletRef


@pytest.fixture(params=SCREENS)
def visitor(request: pytest.FixtureRequest, browser: Browser, site: Site) -> Iterator[Watched]:
    with watching(browser, site, str(request.param)) as watched:
        yield watched


def fill(site: Site) -> None:
    shop = site.shop
    ref = WalletRef(shop.workspace_id, shop.ann, shop.currency.id)
    monthly = Draft(
        cadence="monthly", amount=Credits(1_000), starts_at=START + timedelta(days=7), name="Pro, every month"
    )
    site.do(create_schedule(db=shop.db, ref=ref, draft=monthly))
    limit = NewBudget(customer_id=shop.ann, currency_id=shop.currency.id, limit=Decimal(40), window="month")
    for new in (limit, replace(limit, label_property="user", hard=False, name="Each user"), replace(limit, hard=False)):
        site.do(create_budget(shop.db, workspace_id=shop.workspace_id, new=new))
    site.do(shop.give(shop.ann, 1_000))
    site.do(shop.give(shop.ann, 100, name="A welcome gift", expires_at=START + timedelta(days=30)))
    for days in range(12):
        site.do(shop.use(shop.ann, 1 + 5 * days % 7))
        site.do(shop.wait(days=1))


def test_an_operator_reads_a_customers_page(visitor: Watched, site: Site) -> None:
    fill(site)
    page = visitor.page
    page.goto(site.do(one_time_link(site)))
    page.get_by_role("button", name="Sign in").click()
    page.goto("/admin/customers")
    visitor.look("50-admin-customers")
    page.get_by_role("link", name="ann").first.click()
    expect(page.get_by_role("heading", name="Recurring grants")).to_be_visible()
    expect(page.get_by_role("heading", name="Budgets")).to_be_visible()
    visitor.look("51-admin-customer")


def test_a_customer_sees_the_days_and_the_tab_they_are_on(visitor: Watched, site: Site) -> None:
    fill(site)
    page, shop = visitor.page, site.shop
    page.goto(site.do(shop.link(shop.ann)))
    page.get_by_role("button", name="Open billing page").click()
    expect(page.get_by_text("Usage counts on the day (UTC) it was booked.")).to_be_visible()
    visitor.look("52-overview-days")
    page.goto("/portal/credit-grants")
    visitor.look("53-credit-grants")
    page.goto("/portal/payment-methods")
    if "without" not in visitor.name:
        expect(page.locator(".tabs [aria-current]")).to_be_in_viewport(ratio=0.99)
    visitor.look("54-tabs")
