"""Customers in the admin: found, looked at, adjusted, frozen; every entry of the sidebar leads somewhere."""

import re
from typing import Any

import pytest

from replenish.flows.manage_workspaces import create_workspace
from replenish.web.frames import ADMIN_NAV
from support.admin import Admin

pytestmark = pytest.mark.anyio


async def ann_of(admin: Admin) -> str:
    """Ann, with an e-mail address and 100 credits of one currency. Returns her page."""
    api = admin.world.api
    ann: dict[str, Any] = await api.post("/customers", {"external_id": "ann", "email": "Ann@acme.example"})
    unit: dict[str, Any] = await api.post("/payment_currencies", {"type": "credit", "name": "API calls", "decimals": 2})
    await api.post("/credit_grants", {"customer_id": "ann", "currency_id": unit["id"], "amount": "100"})
    await api.post("/customers", {"external_id": "ben"})
    return f"/admin/customers/{ann['id']}"


async def test_every_entry_of_the_sidebar_leads_to_a_page(admin: Admin) -> None:
    await ann_of(admin)
    for item in ADMIN_NAV:
        await admin.go("/admin")
        await admin.follow(item.label)
        assert admin.path == item.href


@pytest.mark.parametrize("wanted", ["ann", "ann@ACME.example", " ann ", "id"])
async def test_a_customer_is_found(admin: Admin, wanted: str) -> None:
    page = await ann_of(admin)
    await admin.go("/admin/customers")
    assert "ben" in admin.text
    answer = await admin.http.get(
        "/admin/customers", params={"q": page.rpartition("/")[2] if wanted == "id" else wanted}
    )
    assert page in answer.text
    assert ">ben<" not in answer.text


@pytest.mark.parametrize("wanted", ["an", "%", "\x00", "x" * 5000, "cus_nothing", "' or 1=1 --"])
async def test_nobody_is_found_by_what_is_nobodys(admin: Admin, wanted: str) -> None:
    await ann_of(admin)
    answer = await admin.http.get("/admin/customers", params={"q": wanted})
    assert answer.status_code == 200
    assert "Nobody found" in answer.text


async def test_credits_are_given_and_taken_with_a_reason(admin: Admin) -> None:
    page = await ann_of(admin)
    await admin.go(page)
    assert "100 available" in admin.text
    await admin.press("Adjust", direction="give", amount="1,000.5", reason="Sorry for the outage")
    assert "1000.5 API calls given." in admin.text
    assert "1,100.5 available" in admin.text
    assert "Adjustment: Sorry for the outage +1,000.5" in admin.text
    await admin.press("Adjust", direction="take", amount="100.5", reason="Given twice")
    assert "1,000 available" in admin.text
    await admin.go("/admin/audit")
    assert "Credits adjusted ann Amount: -100.5 Reason: Given twice Credit currency: API calls" in admin.text


async def test_recurring_grants_are_listed_with_what_comes_next(admin: Admin) -> None:
    page = await ann_of(admin)
    api = admin.world.api
    unit = (await api.get("/payment_currencies", type="credit"))["data"][0]["id"]
    await api.put("/test_clock", {"now": "2031-11-24T09:30:00Z"})
    body = {"customer_id": "ann", "currency_id": unit, "cadence": "monthly"}
    pro = await api.post(
        "/grant_schedules", {**body, "amount": "1500", "name": "Pro", "starts_at": "2031-12-01T00:00:00Z"}
    )
    await api.post("/grant_schedules", {**body, "target": "100", "every": 2, "valid_duration_value": 0})
    await admin.go(page)
    assert "Pro since Dec 1, 2031 Active Pause 1,500 every month API calls Dec 1, 2031, 12:00 AM UTC" in admin.text
    assert (
        "Recurring grant since Nov 24, 2031 Active Pause up to 100 every 2 months API calls Jan 24, 2032" in admin.text
    )
    await api.post(f"/grant_schedules/{pro['id']}/pause", status=200)
    await admin.go(page)
    assert "Pro since Dec 1, 2031 Paused Resume 1,500 every month API calls None" in admin.text


async def test_a_recurring_grant_is_paused_and_resumed(admin: Admin) -> None:
    page = await ann_of(admin)
    api = admin.world.api
    unit = (await api.get("/payment_currencies", type="credit"))["data"][0]["id"]
    body = {"customer_id": "ann", "currency_id": unit, "cadence": "monthly", "amount": "15", "name": "Pro"}
    made = await api.post("/grant_schedules", body)
    await admin.go(page)
    pause = admin.form("Pause")
    await admin.press("Pause")
    assert "The recurring grant is paused" in admin.text
    assert (await api.get(f"/grant_schedules/{made['id']}"))["state"] == "paused"
    await admin.press("Resume")
    assert (await api.get(f"/grant_schedules/{made['id']}"))["state"] == "active"
    await admin.go("/admin/audit")
    assert "Grant schedule resumed ann" in admin.text
    assert "Status: paused → active" in admin.text
    ben = (await api.get("/customers/ben"))["id"]
    await admin.post(pause.action.replace(page.rpartition("/")[2], ben), pause.values, status=404)
    await api.post(f"/grant_schedules/{made['id']}/cancel", status=200)
    await admin.post(pause.action, pause.values, status=409)
    assert "Resume" not in admin.text


@pytest.mark.parametrize(
    ("meter", "unit", "words"),
    [
        ("LLM tokens", "token", "LLM tokens: 1,203"),
        ("API calls", "Calls", "API calls: 1,203"),
        ("GPU time", "s", "GPU time: 1,203 s"),
    ],
)
async def test_usage_reads_as_what_and_how_much(admin: Admin, meter: str, unit: str, words: str) -> None:
    page = await ann_of(admin)
    currency = (await admin.world.api.get("/payment_currencies", type="credit"))["data"][0]["id"]
    await admin.world.api.post(
        "/meters",
        {"name": meter, "event_name": "used", "unit": unit, "currency_id": currency, "credits_per_unit": "0.01"},
    )
    await admin.world.api.put("/test_clock", {"now": "2031-11-24T09:30:00Z"})
    event = {"customer_id": "ann", "meter_id": "used", "value": "1203", "idempotency_key": "late"}
    await admin.world.api.post("/usage", {**event, "timestamp": "2031-11-20T09:30:00Z"})
    await admin.go(page)
    # It happened long before it was booked, and says so.
    assert re.search(
        rf"Nov 20, 2031, 9:30 AM UTC booked Nov 24, 2031, 9:30 AM UTC {words} -12\.03 87\.97 API calls", admin.text
    )


async def test_budgets_are_listed_with_what_is_left(admin: Admin) -> None:
    page = await ann_of(admin)
    api = admin.world.api
    unit = (await api.get("/payment_currencies", type="credit"))["data"][0]["id"]
    await api.put("/test_clock", {"now": "2031-11-24T09:30:00Z"})
    meter = {"name": "Maps", "event_name": "maps", "unit": "tile", "currency_id": unit, "credits_per_unit": "1"}
    maps = await api.post("/meters", meter)
    body = {"customer_id": "ann", "currency_id": unit, "limit": "40"}
    await api.post("/budgets", {**body, "window": "month", "name": "Tiles", "meter_id": maps["id"]})
    await api.post("/budgets", {**body, "window": "day", "label_property": "user", "hard": False})
    await api.post("/budgets", {**body, "window": "none", "label_property": "team", "label": "search", "active": False})
    await api.post("/usage", {"customer_id": "ann", "meter_id": "maps", "value": "40", "idempotency_key": "a"})
    await admin.go(page)
    for words in (
        "Tiles Maps, by month Refuses 40 40 API calls Dec 1, 2031, 12:00 AM UTC",
        "Budget all usage, each user, by day Only tells per user 40 API calls Nov 25, 2031, 12:00 AM UTC",
        "Budget all usage, team search, in all Off 0 40 API calls No end",
    ):
        assert words in admin.text


async def test_a_grants_source_is_said_in_words(admin: Admin) -> None:
    await admin.go(await ann_of(admin))
    assert "Promotional credits API, " in admin.text


async def test_the_form_opens_with_the_credits_that_moved_last(admin: Admin) -> None:
    page = await ann_of(admin)
    api = admin.world.api
    held = (await api.get("/payment_currencies", type="credit"))["data"][0]["id"]
    other, unheld = [
        (await api.post("/payment_currencies", {"type": "credit", "name": name}))["id"]
        for name in ("Minutes", "Images")
    ]
    await admin.go(page)
    assert admin.form("Adjust").values["currency"] == held
    await api.post("/credit_grants", {"customer_id": "ann", "currency_id": other, "amount": "1"})
    await admin.go(page)
    assert admin.form("Adjust").values["currency"] == other
    await admin.press("Adjust", direction="give", amount="5", reason="Gift", currency=held)
    assert admin.form("Adjust").values["currency"] == held
    await admin.press("Adjust", status=422, currency=unheld, amount="", reason="Gift")
    assert admin.form("Adjust").values["currency"] == unheld, "what was chosen stays chosen"


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"amount": ""}, "Amount"),
        ({"amount": "0"}, "must"),
        ({"amount": "-5"}, "must"),
        ({"amount": "1.234"}, "at most 2 decimals"),
        ({"reason": " "}, "Reason : must not be empty"),
        ({"reason": "x" * 501}, "Reason : must have at most 500"),
        ({"currency": "pc_nothing"}, "Credits of : choose one of them"),
        ({"direction": "burn"}, "What to do : choose one of the two"),
        ({"direction": "take", "amount": "100.01"}, "Amount"),
    ],
)
async def test_what_cannot_be_adjusted_says_why_and_changes_nothing(
    admin: Admin, values: dict[str, str], says: str
) -> None:
    page = await ann_of(admin)
    await admin.go(page)
    await admin.press("Adjust", status=422, **{"direction": "give", "amount": "5", "reason": "Gift", **values})
    assert says in admin.text
    await admin.go(page)
    assert "100 available" in admin.text


async def test_law_07_a_second_click_is_the_same_adjustment(admin: Admin) -> None:
    page = await ann_of(admin)
    await admin.go(page)
    values = {**admin.form("Adjust").values, "direction": "give", "amount": "5", "reason": "Gift"}
    for _ in range(2):
        await admin.post(f"{page}/adjust", values)
        assert "105 available" in admin.text
    await admin.post(f"{page}/adjust", {**values, "amount": "6"}, status=409)
    await admin.go(page)
    assert "105 available" in admin.text
    await admin.press("Adjust", amount="5", reason="Gift")
    assert "110 available" in admin.text


async def test_a_customer_is_frozen_and_unfrozen(admin: Admin) -> None:
    page = await ann_of(admin)
    await admin.go(page)
    await admin.press("Freeze")
    assert "The customer is frozen" in admin.text
    assert (await admin.world.api.get("/customers/ann"))["frozen_at"] is not None
    await admin.press("Unfreeze")
    assert (await admin.world.api.get("/customers/ann"))["frozen_at"] is None
    await admin.go("/admin/audit")
    assert "Customer unfrozen ann Frozen: yes → no" in admin.text


async def test_law_16_another_merchants_customer_is_not_there(admin: Admin) -> None:
    page = await ann_of(admin)
    other = await create_workspace(db=admin.world.db, name="Umbrella")
    async with Admin.of(admin.world) as eve:
        await eve.hire("eve@umbrella.example", workspace_id=other.live)
        await eve.enter()
        token = eve.form("Sign out").values
        await eve.go("/admin/customers?q=ann")
        assert "Nobody found" in eve.text
        await eve.go(page, status=404)
        fields = {**token, "direction": "give", "amount": "5", "reason": "Gift"}
        await eve.post(f"{page}/adjust", fields, status=404)
        for path in ("freeze", "recurring-grants/gs_x/pause"):
            await eve.post(f"{page}/{path}", token, status=404)
    await admin.go(page)
    await admin.press("Switch to live")
    await admin.go(page, status=404)


async def test_law_17_no_form_works_without_its_token(admin: Admin) -> None:
    page = await ann_of(admin)
    for path in ("adjust", "freeze", "recurring-grants/gs_x/pause"):
        await admin.post(f"{page}/{path}", {"direction": "give", "amount": "5", "reason": "Gift"}, status=403)


async def test_a_viewer_looks_and_changes_nothing(admin: Admin) -> None:
    page = await ann_of(admin)
    async with Admin.of(admin.world) as vic:
        await vic.hire("vic@acme.example", role="viewer")
        await vic.enter()
        await vic.go(page)
        assert not any({"Adjust", "Freeze"} & set(form.buttons) for form in vic.page.forms)
        token = vic.form("Sign out").values
        for path in ("freeze", "recurring-grants/gs_x/pause"):
            await vic.post(f"{page}/{path}", token, status=403)


@pytest.mark.parametrize("path", ["/admin/nothing", "/admin/customers/cus_x", "/admin/products/x"])
async def test_a_wrong_address_leads_back(admin: Admin, path: str) -> None:
    await admin.go(path, status=404)
    await admin.follow("Back to the admin")
    assert admin.path == "/admin"
