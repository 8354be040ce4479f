"""A customer's whole way in Chromium: in by the link, buy with a card, save it, automatic top-up, history."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect
from tests.browser.conftest import Site
from tests.browser.watching import SCREENS, Watched, type_card, watching
from tests.portal.shop import LATE, VISA


@pytest.fixture(params=SCREENS)
def ann(request: pytest.FixtureRequest, browser: Browser, site: Site) -> Iterator[Watched]:
    with watching(browser, site, str(request.param)) as watched:
        yield watched


def buy_and_save_the_card(ann: Watched, site: Site) -> None:
    page, shop = ann.page, site.shop
    page.goto(site.do(shop.link(shop.ann, "https://northwind.example/account")))
    ann.look("01-enter")
    page.get_by_role("button", name="Open billing page").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    ann.look("02-overview-empty")

    page.get_by_role("link", name="Buy API calls").click()
    expect(page.get_by_text("Afterwards")).to_be_visible()
    ann.look("03-buy")
    page.get_by_label("Save a new card for later").check()
    page.get_by_role("button", name="Pay 10 USDC").click()
    type_card(page, VISA)
    expect(page.get_by_text("Thank you. Your credits are there.")).to_be_visible()
    ann.look("04-top-up")
    page.goto("/portal")
    expect(page.locator(".figure")).to_have_text("200,000")
    ann.look("05-overview")

    page.goto("/portal/buy")
    expect(page.get_by_text("Visa ···· 4242")).to_be_visible()
    ann.look("06-buy-with-saved-card")
    page.goto("/portal/payment-methods")
    ann.look("07-payment-methods")


def switch_automatic_top_up_on(ann: Watched) -> None:
    page = ann.page
    page.goto("/portal/auto-recharge")
    page.get_by_label("When my balance falls below").fill("50,000")
    page.get_by_label("At most a month").fill("20")
    ann.look("08-auto-recharge")
    page.get_by_role("button", name="Continue").click()
    box = page.get_by_label("I have read this and agree")
    expect(box).not_to_be_checked()
    ann.look("09-consent")
    box.check()
    page.get_by_role("button", name="Agree and switch on").click()
    expect(page.get_by_text("Automatic top-up is on.")).to_be_visible()


def use_it_up_and_read_why(ann: Watched, site: Site) -> None:
    page, shop = ann.page, site.shop
    for _ in range(3):
        site.do(shop.use(shop.ann, 190_000))
        site.do(shop.work())
    page.goto("/portal/auto-recharge")
    expect(page.get_by_text("Monthly cap of 20 USDC reached").first).to_be_visible()
    ann.look("10-auto-recharge-capped")
    page.goto("/portal")
    expect(page.locator(".figure")).to_have_text("30,000")
    ann.look("11-overview-busy")
    page.goto("/portal/history")
    expect(page.get_by_role("cell", name="Automatic top-up").first).to_be_visible()
    expect(page.get_by_text("The balance of 10,000 was below 50,000.")).to_be_visible()
    ann.look("12-history")
    page.goto("/portal/credit-grants?closed=yes")
    ann.look("13-credit-grants")
    page.goto("/portal/auto-recharge?currency=nothing")
    ann.complaints.clear()
    ann.look("14-not-found")
    page.goto("/portal")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
    ann.look("15-signed-out")


def test_the_customers_story(ann: Watched, site: Site) -> None:
    buy_and_save_the_card(ann, site)
    switch_automatic_top_up_on(ann)
    use_it_up_and_read_why(ann, site)


def test_a_stranger_at_a_payment_link(ann: Watched, site: Site) -> None:
    page, shop = ann.page, site.shop
    slug = site.do(shop.db.fetchval("select slug from payment_links"))
    page.goto(f"/checkout/pay/{slug}?qty=2&redirect=https://northwind.example/thanks")
    expect(page.get_by_role("button", name="Pay 20 USDC")).to_be_visible()
    ann.look("20-payment-link")
    page.get_by_label("How many packs").fill("3")
    if "without" in ann.name:
        page.get_by_role("button", name="Show the price").click()
    expect(page.get_by_role("button", name="Pay 30 USDC")).to_be_visible()
    page.get_by_label("E-mail").fill("cat@example.com")
    page.get_by_role("button", name="Pay 30 USDC").click()
    type_card(page, VISA)
    expect(page.get_by_text("600,000 API calls were added.")).to_be_visible()
    ann.look("21-thank-you")
    expect(page.get_by_role("link", name="Return to northwind.example")).to_be_visible()


def test_a_page_that_waits_moves_on_by_itself(ann: Watched, site: Site) -> None:
    page, shop = ann.page, site.shop
    page.goto(site.do(shop.link(shop.ann)))
    page.get_by_role("button", name="Open billing page").click()
    page.goto("/portal/buy")
    page.get_by_role("button", name="Pay 10 USDC").click()
    type_card(page, LATE)
    expect(page.get_by_text("Do not pay again")).to_be_visible()
    ann.look("22-waiting")
    site.do(shop.db.pool.execute("update sandbox.intents set settles_at = now()"))
    site.do(shop.sandbox.bank.advance_late_payments())
    expect(page.get_by_text("You now have 200,000 API calls.")).to_be_visible(timeout=15_000)
    assert ann.complaints == []
