"""The second guide's path, page by page, over HTTP and without a script."""

from __future__ import annotations

import re

import pytest

from replenish.catalog import queries
from support.admin import Admin

pytestmark = pytest.mark.anyio
ADD_ON = {
    "payment_type": "add_on",
    "price": "19",
    "credit_amount": "500",
    "unit": "report credits",
    "auto_top_up": "yes",
    "threshold_default": "100",
    "threshold_min": "50",
    "threshold_max": "400",
    "mode": "pack",
}


async def make_product(admin: Admin) -> None:
    await admin.follow("Campaigns")
    await admin.follow("New campaign")
    await admin.press("Save", name="Spring")
    await admin.press("Save", name="Report pack")
    assert "Now say what it costs." in admin.text


def pricing_form(admin: Admin) -> dict[str, str]:
    return admin.form("Save").values


async def save(admin: Admin, *, status: int = 200, **values: str) -> None:
    await admin.press("Save", status=status, **values)


async def test_campaign_product_pricing_add_on_save(admin: Admin) -> None:
    await make_product(admin)
    await admin.follow("Campaigns")
    assert "Spring" in admin.text
    await admin.follow("Edit Report pack")
    await admin.follow("Pricing")
    await save(admin, **ADD_ON)
    assert "Saved." in admin.text
    assert "$19.00, once for each purchase" in admin.text
    assert "500 report credits, which never expire" in admin.text
    assert "below 100 (theirs to choose from 50 up to 400), $19.00 for another 500" in admin.text
    assert re.search(r"http://127\.0\.0\.1:8700/checkout/pay/plink_[0-9a-f]{24}", admin.text)
    assert "curl -X POST http://127.0.0.1:8700/v1/checkout_sessions" in admin.text
    values = pricing_form(admin)
    assert {name: values[name] for name in ADD_ON if name != "unit"} == {
        name: text for name, text in ADD_ON.items() if name != "unit"
    }


async def test_the_call_that_is_shown_buys_it(admin: Admin) -> None:
    await make_product(admin)
    await save(admin, **ADD_ON)
    await admin.world.api.post("/customers", {"external_id": "ann"})
    price_id = re.search(r"price_[0-9a-z]{26}", admin.text)
    assert price_id is not None
    session = await admin.world.api.post("/checkout_sessions", {"customer_id": "ann", "price_id": price_id[0]})
    assert session["price_id"] == price_id[0]


async def test_the_review_says_what_would_be_and_saves_nothing(admin: Admin) -> None:
    await make_product(admin)
    path = admin.answer.url.path
    await admin.post(f"{path}/review", {**pricing_form(admin), **ADD_ON, "mode": "refill_to_full"})
    assert "as many packs of 500 for $19.00 as bring it back to 500" in admin.text
    assert pricing_form(admin)["price"] == "19"
    assert "appear here when the pricing is saved" in admin.text
    found = await queries.prices(admin.world.db, workspace_id=admin.world.test)
    assert found == []
    part = await admin.http.post(
        f"{path}/review",
        data={**pricing_form(admin), "credit_amount": "0"},
        headers={"HX-Request": "true", "HX-Request-Type": "partial"},
    )
    assert "Credit Amount: must be greater than 0" in part.text
    assert "<html" not in part.text


@pytest.mark.parametrize(
    ("field", "text", "says"),
    [
        ("price", "", "Price : say what it costs"),
        ("price", "12,5", "Price : '12,5' is not a decimal amount"),
        ("currency", "XXX", "Currency : choose one of the currencies"),
        ("payment_type", "", "Payment Type : choose One time or Add on"),
        ("credit_amount", "", "Credit Amount : say how many credits"),
        ("credit_amount", "1.234", "Credit Amount : at most 2 decimals"),
        ("credit_currency", "pc_nonsense", "Credit currency : 'pc_nonsense' is not an id"),
        ("unit", "", "Name of the credits : say what"),
        ("expires_value", "soon", "Expires after : is not a whole number"),
        ("threshold_default", "", "Default threshold : say below which"),
        ("threshold_default", "600", "Default threshold : must be less than the credit amount of 500"),
        ("threshold_max", "70", "Default threshold : must not be above the highest threshold of 70"),
        ("mode", "all", "Mode : choose one of the two"),
        ("option_EUR", "x", "Price in EUR : 'x' is not a decimal amount"),
    ],
)
async def test_what_is_wrong_stands_at_its_field_and_what_was_typed_stays(
    admin: Admin, field: str, text: str, says: str
) -> None:
    await make_product(admin)
    await save(admin, status=422, **{**ADD_ON, field: text})
    assert says in admin.text
    if field not in {"credit_currency", "currency", "payment_type", "mode"}:
        assert pricing_form(admin)[field] == text
    assert pricing_form(admin)["threshold_min"] == "50"


async def test_large_numbers_may_be_written_as_people_do(admin: Admin) -> None:
    await make_product(admin)
    await save(admin, **{**ADD_ON, "price": "1,250.50", "credit_amount": "200,000", "option_EUR": "1,100"})
    assert "$1,250.50 or €1,100.00, once for each purchase" in admin.text
    assert "200,000 report credits" in admin.text


async def test_one_time_has_no_credits_and_no_link(admin: Admin) -> None:
    await make_product(admin)
    await save(admin, payment_type="one_time", price="5")
    assert "They receive No credits" in admin.text
    assert "/checkout/pay/" not in admin.text


async def test_a_campaign_and_a_product_are_changed_archived_and_restored(admin: Admin) -> None:
    await make_product(admin)
    await admin.follow("General")
    await admin.press("Save", status=422, name="Reports", campaign="cmp_x")
    assert "is not an id that starts with 'cmp_'" in admin.text
    await admin.follow("General")
    await admin.press("Archive product")
    assert "The product is archived." in admin.text
    await admin.follow("Pricing")
    assert "This product is archived" in admin.text
    assert not any("Save" in form.buttons for form in admin.page.forms)
    await admin.follow("General")
    await admin.press("Restore product")
    assert "The product is on sale again." in admin.text
    await admin.follow("Campaigns")
    await admin.follow("Spring")
    await admin.press("Save", name="Summer")
    assert "Summer" in admin.text


async def test_what_another_tab_switched_away_from_makes_nothing_elsewhere(admin: Admin) -> None:
    await admin.go("/admin/campaigns/new")
    stale = {**admin.form("Save").values, "name": "Spring"}
    await admin.go("/admin")
    await admin.press("Switch to live")
    await admin.post("/admin/campaigns/new", stale, status=409)
    assert "you have switched since" in admin.text
