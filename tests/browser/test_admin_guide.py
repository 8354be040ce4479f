"""The second guide, word for word, in Chromium: from the printed link to a product that can be bought."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect
from tests.browser.conftest import Site
from tests.browser.watching import SCREENS, Watched, type_card, watching
from tests.portal.shop import VISA

from replenish.access import queries
from replenish.access.tokens import admin_link
from replenish.flows import manage_workspaces as team


@pytest.fixture(params=SCREENS)
def olga(request: pytest.FixtureRequest, browser: Browser, site: Site) -> Iterator[Watched]:
    with watching(browser, site, str(request.param)) as watched:
        yield watched


async def one_time_link(site: Site) -> str:
    """What `replenish operators link` prints."""
    workspace = await queries.workspace(site.shop.db, workspace_id=site.shop.workspace_id)
    operator = await team.create_operator(
        db=site.shop.db, workspace_id=workspace.twin_id, email="olga@northwind.example", name="Olga"
    )
    token = await team.create_sign_in_link(db=site.shop.db, operator_id=operator, mode="test")
    return admin_link(site.url, token)


def sidebar(olga: Watched, entry: str) -> None:
    if olga.name != "desktop":
        olga.page.get_by_text("Menu", exact=True).click()
    olga.page.get_by_role("navigation", name="Admin").get_by_role("link", name=entry).click()
    expect(olga.page.get_by_role("heading", name=entry, level=1)).to_be_visible()


def sign_in(olga: Watched, site: Site) -> None:
    olga.page.goto(site.do(one_time_link(site)))
    olga.look("30-admin-enter")
    olga.page.get_by_role("button", name="Sign in").click()
    expect(olga.page.get_by_role("heading", name="Overview")).to_be_visible()
    olga.look("31-admin-overview")


def make_campaign_and_product(olga: Watched) -> None:
    page = olga.page
    sidebar(olga, "Campaigns")
    olga.look("32-campaigns")
    page.get_by_role("link", name="New campaign").click()
    page.get_by_label("Name").fill("Spring offer")
    olga.look("33-campaign-new")
    page.get_by_role("button", name="Save").click()
    page.get_by_label("Name").fill("Report credits")
    olga.look("34-product-new")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Now say what it costs.")).to_be_visible()


def step_1_enable(olga: Watched) -> None:
    """Campaigns, the campaign, its Product menu, the product, Edit, tab Pricing, Payment Type, Add on."""
    page = olga.page
    sidebar(olga, "Campaigns")
    campaign = page.get_by_role("listitem").filter(has=page.get_by_role("link", name="Spring offer", exact=True))
    campaign.locator("summary", has_text="Product").click()
    edit = campaign.get_by_role("link", name="Edit Report credits")
    expect(edit).to_be_visible()
    olga.look("35-product-menu")
    edit.click()
    page.get_by_role("navigation", name="Product settings").get_by_role("link", name="Pricing").click()
    payment_type = page.get_by_role("group", name="Payment Type")
    expect(payment_type.get_by_label("One time")).to_be_checked()
    expect(page.get_by_role("textbox", name="Credit Amount")).not_to_be_visible()
    olga.look("36-pricing-one-time")
    payment_type.get_by_label("Add on").check()
    expect(page.get_by_role("textbox", name="Credit Amount")).to_be_visible()
    expect(page.get_by_role("textbox", name="Default threshold")).not_to_be_visible()


def step_2_configure(olga: Watched) -> None:
    """Price, Credit Amount, Auto Top-Up."""
    page = olga.page
    page.get_by_role("textbox", name="Price", exact=True).fill("19")
    page.get_by_role("textbox", name="Credit Amount").fill("500")
    page.get_by_role("textbox", name="Name of the credits").fill("report credits")
    top_up = page.get_by_role("group", name="Auto Top-Up")
    expect(top_up.get_by_label("One-time purchase")).to_be_checked()
    top_up.get_by_label("Credit top-ups are allowed").check()
    page.get_by_role("textbox", name="Default threshold").fill("100")
    page.get_by_role("textbox", name="Lowest threshold").fill("50")
    page.get_by_role("textbox", name="Highest threshold").fill("400")
    page.get_by_role("group", name="What is bought").get_by_label("Back to full").check()


def step_3_review_and_save(olga: Watched) -> None:
    page = olga.page
    if "without" in olga.name:
        page.get_by_role("button", name="Update the review").click()
    else:
        page.get_by_role("textbox", name="Highest threshold").blur()
    review = page.get_by_role("region", name="Review")
    expect(review).to_contain_text("$19.00, once for each purchase")
    expect(review).to_contain_text("500 report credits, which never expire")
    expect(review).to_contain_text("as many packs of 500 for $19.00 as bring it back to 500")
    olga.look("37-pricing-review")
    save = page.get_by_role("button", name="Save", exact=True)
    at, width = save.bounding_box(), page.viewport_size["width"] if page.viewport_size else 0
    head = page.get_by_role("heading", level=1).bounding_box()
    assert at is not None
    assert head is not None
    # The top right corner: beside the title, and at the right edge but for the page's margin.
    assert abs(at["y"] - head["y"]) < 60
    assert width - at["x"] - at["width"] < 60
    save.click()
    expect(page.get_by_text("Saved.", exact=True)).to_be_visible()
    olga.look("38-pricing-saved")


def test_the_guide_word_for_word(olga: Watched, site: Site) -> None:
    page = olga.page
    sign_in(olga, site)
    make_campaign_and_product(olga)
    step_1_enable(olga)
    step_2_configure(olga)
    step_3_review_and_save(olga)

    bought = page.get_by_role("complementary", name="How it is bought")
    expect(bought.get_by_text("curl -X POST")).to_contain_text(f"{site.url}/v1/checkout_sessions")
    link = bought.locator("code").filter(has_text="/checkout/pay/").inner_text()
    page.goto(link)
    expect(page.get_by_text("500 report credits").first).to_be_visible()
    page.get_by_label("E-mail").fill("cat@example.com")
    olga.look("39-checkout")
    page.get_by_role("button", name="Pay $19.00").click()
    type_card(page, VISA)
    expect(page.get_by_text("500 report credits were added.")).to_be_visible()
    page.goto("/admin")
    expect(page.get_by_role("cell", name="500 report credits")).to_be_visible()
    olga.look("40-admin-overview-busy")


def test_the_other_pages_of_the_admin(olga: Watched, site: Site) -> None:
    page = olga.page
    site.do(site.shop.give(site.shop.ann, 1000))
    sign_in(olga, site)
    sidebar(olga, "Customers")
    olga.look("41-customers")
    page.get_by_label("Find a customer").fill("ann")
    page.get_by_role("button", name="Find").click()
    page.get_by_role("main").get_by_role("table").get_by_role("link").first.click()
    page.get_by_label("Amount").fill("500")
    page.get_by_label("Reason").fill("Sorry for the outage")
    page.get_by_role("button", name="Adjust").click()
    expect(page.get_by_text("500 API calls given.")).to_be_visible()
    olga.look("42-customer")
    sidebar(olga, "Audit log")
    expect(page.get_by_text("Sorry for the outage")).to_be_visible()
    olga.look("43-audit")
    sidebar(olga, "Sign-in")
    page.get_by_label("New password", exact=True).fill("four plain words together")
    page.get_by_label("New password, again").fill("four plain words together")
    page.get_by_role("button", name="Set password").click()
    expect(page.get_by_text("Your password is set.")).to_be_visible()
    olga.look("44-account")
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.get_by_label("E-mail").fill("olga@northwind.example")
    page.get_by_label("Password").fill("four plain words together")
    olga.look("45-sign-in")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    assert olga.complaints == []
    page.goto("/admin/nothing")
    olga.complaints.clear()
    olga.look("46-admin-not-found")
    page.get_by_role("link", name="Back to the admin").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
