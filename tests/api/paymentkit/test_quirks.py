"""What integrators of the original rely on, resource by resource: forms, natural keys, refusals."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.api.paymentkit.conftest import Kit

from replenish.flows import manage_workspaces
from support.world import World

pytestmark = pytest.mark.anyio


async def sold(kit: Kit, **fields: object) -> tuple[str, Any]:
    """A credit currency, and a pack of it."""
    credit = (await kit.meter())["currency_id"]
    return credit, await kit.pack(credit, **fields)


# Forms


async def test_token_units_in_base_units_out(kit: Kit) -> None:
    credit = (await kit.meter(decimal=3))["currency_id"]
    for sent, amount, status in (("0.125", "125", 200), (2, "2000", 200), (0.5, "500", 200), (1e-3, "1", 200)):
        assert (await kit.grant(credit, sent))["amount"] == amount, (sent, status)
    body = {"customer_id": "ann", "currency_id": credit, "category": "paid"}
    for wrong in ("0.0001", "0", 0, "-1", "x", "1e3", "NaN", None, True, [], {}, "9" * 70, 1e300):
        status, _, error = await kit.refused("POST", "/credit-grants", body | {"amount": wrong})
        assert (status, error.partition(":")[0]) == (400, "amount"), wrong


async def test_lists_count_and_page(kit: Kit) -> None:
    for name in ("one", "two", "three"):
        await kit.meter(name)
    listed = await kit.ok("GET", "/meters", page=2, pageSize=2)
    assert (listed["count"], [each["event_name"] for each in listed["list"]]) == (3, ["one"])
    assert listed["paging"] == {"page": 2, "pageSize": 2}
    turned = await kit.ok("GET", "/meters", order="created_at:ASC", limit=1)
    assert [each["event_name"] for each in turned["list"]] == ["one"]
    after = await kit.ok("GET", "/meters", starting_after=(await kit.ok("GET", "/meters/two"))["id"])
    assert [each["event_name"] for each in after["list"]] == ["one"]
    assert (await kit.ok("GET", "/meters", q="TW"))["count"] == 1
    assert (await kit.ok("GET", "/meters", q="%"))["count"] == 0
    for bare in ("/payment-currencies", "/payment-methods"):
        assert isinstance(await kit.ok("GET", bare), list)


async def test_metadata_may_nest_and_comes_back_as_it_was(kit: Kit) -> None:
    metadata = {"a": {"b": [1, 0.5, None]}, "text": "json:no", "n": 3, "f": 0.25, "flag": True, "none": None}
    made = await kit.ok("POST", "/products", {"name": "Maps", "metadata": metadata, "images": ["x.png"]})
    assert made["metadata"] == metadata
    assert made["images"] == ["x.png"]
    changed = await kit.ok("PUT", f"/products/{made['id']}", {"metadata": {"a": 1}})
    assert (changed["metadata"], changed["images"], changed["name"]) == ({"a": 1}, ["x.png"], "Maps")
    assert (await kit.ok("GET", "/products", **{"metadata.a": "1"}))["count"] == 0, "a query does not know numbers"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/meters/nothing", None, 404, "METER_NOT_FOUND"),
        ("GET", "/prices/nothing", None, 404, "PRICE_NOT_FOUND"),
        ("GET", "/payment-links/nothing", None, 404, "PAYMENT_LINK_NOT_FOUND"),
        ("GET", "/customers/nobody", None, 404, "CUSTOMER_NOT_FOUND"),
        ("GET", "/credit-grants/crgr_x", None, 404, "CREDIT_GRANT_NOT_FOUND"),
        ("GET", "/credit-transactions/ct_x", None, 404, "CREDIT_TRANSACTION_NOT_FOUND"),
        ("GET", "/invoices/in_x", None, 404, "INVOICE_NOT_FOUND"),
        ("GET", "/auto-recharge-configs/retrieve/x", None, 404, "AUTO_RECHARGE_CONFIG_NOT_FOUND"),
        ("GET", "/auto-recharge-configs/customer/ann", None, 404, "CUSTOMER_NOT_FOUND"),
        ("GET", "/subscriptions/sub_1", None, 501, "NOT_SUPPORTED"),
        ("POST", "/coupons", {}, 501, "NOT_SUPPORTED"),
        ("POST", "/promotion-codes/by-code/x", {}, 501, "NOT_SUPPORTED"),
        ("POST", "/payment-methods", {}, 501, "NOT_SUPPORTED"),
        ("POST", "/refunds", {"payment_intent_id": "pay_x", "amount": "1"}, 501, "NOT_SUPPORTED"),
        ("PUT", "/payment-intents/pay_x/refund", {"amount": "1"}, 501, "NOT_SUPPORTED"),
        ("GET", "/refunds/re_x", None, 404, "REFUND_NOT_FOUND"),
        ("POST", "/invoices/top_x/void", None, 404, "INVOICE_NOT_FOUND"),
        ("GET", "/invoices/top_x/return-stake", None, 501, "NOT_SUPPORTED"),
        ("POST", "/meters", {"name": "x"}, 400, "INVALID"),
        ("POST", "/prices", {"unit_amount": "1", "currency_id": "USDC"}, 400, "INVALID"),
        ("POST", "/products", {"name": ""}, 400, "INVALID"),
        ("POST", "/products", {"name": "a\u0000b"}, 400, "INVALID"),
        ("POST", "/products", {"name": "x", "type": "thing"}, 400, "INVALID"),
        ("POST", "/meter-events", {"event_name": "no", "payload": {"customer_id": "a"}}, 400, "INVALID"),
        ("PUT", "/payment-currencies/USDC/recharge-config", {}, 400, "INVALID"),
        ("PUT", "/payment-currencies/USDC/recharge-config", {"base_price_id": "no"}, 400, "PRICE_NOT_FOUND"),
        ("POST", "/checkout-sessions", {"mode": "subscription"}, 501, "NOT_SUPPORTED"),
        ("POST", "/checkout-sessions", {"line_items": []}, 400, "INVALID"),
    ],
)
async def test_refusals(kit: Kit, method: str, path: str, body: object, status: int, code: str) -> None:
    query = {"currency_id": "USDC"} if "customer/ann" in path else {}
    assert (await kit.refused(method, path, body, **query))[:2] == (status, code)


async def test_a_body_that_is_no_json(kit: Kit, world: World) -> None:
    headers = {"Authorization": f"Bearer {world.api.key}", "Content-Type": "application/json"}
    for raw in (b"{", b"[1", b"\xff", b"NaN", b"[]", b'"x"', b"[" * 100_000):
        answer = await world.http.post("/api/products?livemode=false", content=raw, headers=headers)
        assert answer.status_code == 400, raw[:10]
        signed = kit.headers("POST", "/api/products", "livemode=false", {})
        assert (await world.http.post("/api/products?livemode=false", content=raw, headers=signed)).status_code in {
            400,
            401,
        }


# Customers


async def test_customers_are_made_by_looking(kit: Kit) -> None:
    headers = kit.headers("GET", "/api/customers/z1Ann", "livemode=false", {"create": True})
    by_body = await kit.send("GET", "/customers/z1Ann", {"create": True}, headers=headers)
    assert by_body.json()["did"] == "z1Ann"
    by_query = await kit.ok("GET", "/customers/z1Ann", create="true")
    assert by_query["id"] == by_body.json()["id"]
    changed = await kit.ok("PUT", "/customers/z1Ann", {"name": "Ann", "email": "ann@example.com"})
    assert (changed["name"], changed["email"]) == ("Ann", "ann@example.com")
    assert (await kit.ok("GET", "/customers", did="z1Ann"))["count"] == 1
    assert (await kit.ok("GET", "/customers/z1Ann/overdue/invoices"))["invoices"] == []
    ghost = "cus_01h455vb4pex5vsknk084sn02q"
    assert (await kit.refused("GET", f"/customers/{ghost}", create="true"))[0] == 404, "an id of ours is never made"


# Products and prices


async def test_prices_inline_and_what_belongs_to_them(kit: Kit) -> None:
    credit, product = await sold(kit)
    (price,) = product["prices"]
    assert (price["unit_amount"], price["currency"]["symbol"], price["type"]) == ("10000000", "USDC", "one_time")
    assert price["currency_options"][0]["currency_id"] == price["currency_id"]
    config = price["metadata"]["credit_config"]
    assert (config["credit_amount"], config["currency_id"], config["priority"]) == ("200000", credit, 50)
    assert product["default_price_id"] == price["id"]
    found = await kit.ok("GET", "/prices", product_id=product["id"])
    assert [each["product"]["id"] for each in found["list"]] == [product["id"]]


async def test_a_wrong_inline_price_makes_no_product(kit: Kit) -> None:
    body = {"name": "Pack", "prices": [{"unit_amount": "1", "currency_id": "USDC"}, {"unit_amount": "x"}]}
    status, _, error = await kit.refused("POST", "/products", body)
    assert (status, error) == (400, "prices[1].currency_id: is required")
    body["prices"][1] = {"unit_amount": "0.0000001", "currency_id": "USDC"}
    status, _, error = await kit.refused("POST", "/products", body)
    assert error.startswith("prices[1].unit_amount: at most 6 decimals")
    assert (await kit.ok("GET", "/products"))["count"] == 0


async def test_several_currencies(kit: Kit) -> None:
    credit = (await kit.meter())["currency_id"]
    price = {
        "unit_amount": "10",
        "currency_id": "USDC",
        "currency_options": [{"currency_id": "USDC", "unit_amount": "10"}, {"currency_id": "JPY", "unit_amount": 1500}],
        "metadata": {"credit_config": {"currency_id": credit, "credit_amount": 5}},
        "lookup_key": "five",
    }
    await kit.ok("POST", "/products", {"name": "Five", "type": "credit", "prices": [price]})
    found = await kit.ok("GET", "/prices/five")
    assert [each["unit_amount"] for each in found["currency_options"]] == ["10000000", "1500"]


async def test_the_older_clients_credit_config_of_the_product(kit: Kit) -> None:
    credit = (await kit.meter())["currency_id"]
    legacy = {"credit_config": {"currency_id": credit, "amount": "70"}}
    inline = {"unit_amount": "1", "currency_id": "USDC"}
    product = await kit.ok(
        "POST", "/products", {"name": "Old", "type": "service", "metadata": legacy, "prices": [inline]}
    )
    assert product["type"] == "credit"
    assert product["metadata"]["credit_config"] == legacy["credit_config"]
    assert product["prices"][0]["metadata"]["credit_config"]["credit_amount"] == "70"
    later = await kit.ok("POST", "/prices", {"product_id": product["id"], "unit_amount": 2, "currency_id": "USD"})
    assert later["metadata"]["credit_config"]["credit_amount"] == "70"


async def test_amounts_of_a_price_never_change(kit: Kit) -> None:
    credit, product = await sold(kit)
    price = product["prices"][0]
    back = {"unit_amount": price["unit_amount"], "currency_id": price["currency_id"], "metadata": price["metadata"]}
    assert (await kit.ok("PUT", f"/prices/{price['id']}", back | {"nickname": "Big"}))["nickname"] == "Big"
    same = {
        "unit_amount": "10",
        "metadata": {"x": 1, "credit_config": {"currency_id": credit, "credit_amount": 200000}},
    }
    assert (await kit.ok("PUT", f"/prices/{price['id']}", same))["metadata"]["x"] == 1
    for change in ({"unit_amount": "11"}, {"metadata": {"credit_config": {"currency_id": credit, "credit_amount": 1}}}):
        assert (await kit.refused("PUT", f"/prices/{price['id']}", change))[:2] == (400, "PRICE_LOCKED")


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "recurring"},
        {"recurring": {"interval": "month"}},
        {"billing_scheme": "tiered"},
        {"tiers": [{"up_to": 1}]},
        {"pricing_type": "dynamic"},
        {"custom_unit_amount": {"minimum": "1"}},
        {"quantity_available": 5},
        {"upsell": {"upsells_to_id": "x"}},
        {"metadata": {"credit_config": {"currency_id": "USD", "credit_amount": "1", "schedule": {"enabled": True}}}},
    ],
)
async def test_what_would_not_be_charged_as_it_says_is_not_accepted(kit: Kit, fields: dict[str, object]) -> None:
    body = {"name": "x", "prices": [{"unit_amount": "1", "currency_id": "USDC"} | fields]}
    assert (await kit.refused("POST", "/products", body))[:2] == (501, "NOT_SUPPORTED")


async def test_archiving(kit: Kit) -> None:
    _, product = await sold(kit)
    price_id = product["prices"][0]["id"]
    assert (await kit.ok("PUT", f"/prices/{price_id}/archive"))["active"] is False
    assert (await kit.ok("DELETE", f"/prices/{price_id}"))["active"] is False
    assert (await kit.ok("DELETE", f"/products/{product['id']}"))["active"] is False
    assert (await kit.refused("PUT", f"/prices/{price_id}/inventory", {"quantity": 1}))[0] == 501


# Currencies and recharge config


async def test_the_recharge_config_and_where_it_leads(kit: Kit) -> None:
    credit, product = await sold(kit)
    config_path = f"/payment-currencies/{credit}/recharge-config"
    price_id = product["prices"][0]["id"]
    first = await kit.ok("PUT", config_path, {"base_price_id": price_id})
    made = first["recharge_config"]
    assert made["checkout_url"].startswith("http://127.0.0.1:8700/checkout/pay/plink_")
    # A client that writes back what it read, with a new price, must not go on selling the old one.
    other = (await kit.pack(credit, name="Other"))["prices"][0]["id"]
    second = await kit.ok("PUT", config_path, made | {"base_price_id": other})
    assert second["recharge_config"]["checkout_url"] != made["checkout_url"]
    own = await kit.ok("PUT", config_path, {"base_price_id": other, "checkout_url": "https://shop.example/credits"})
    assert own["recharge_config"]["checkout_url"] == "https://shop.example/credits"
    cleared = await kit.ok("PUT", config_path, {"base_price_id": other, "checkout_url": ""})
    assert cleared["recharge_config"]["checkout_url"] == second["recharge_config"]["checkout_url"]
    bounds = {"base_price_id": other, "settings": {"min_recharge_amount": 20, "max_recharge_amount": 50}}
    settings = (await kit.ok("PUT", config_path, bounds))["recharge_config"]["settings"]
    assert settings == {"min_recharge_amount": "20", "max_recharge_amount": "50"}
    assert (await kit.ok("GET", config_path))["recharge_config"]["settings"] == settings


async def test_a_recharge_config_that_would_sell_something_else(kit: Kit) -> None:
    """The original lets the payment succeed while the balance stays zero."""
    credit, _ = await sold(kit)
    other = (await kit.meter("other"))["currency_id"]
    wrong = (await kit.pack(other, name="Other"))["prices"][0]["id"]
    path = f"/payment-currencies/{credit}/recharge-config"
    assert (await kit.refused("PUT", path, {"base_price_id": wrong}))[:2] == (400, "CURRENCY_MISMATCH")


async def test_recurring_support(kit: Kit) -> None:
    answer = await kit.ok("POST", "/payment-currencies/check-recurring-support", {"currency_ids": ["USD", "ETH"]})
    unsupported = {each["symbol"] for each in answer["unsupported_currencies"]}
    assert answer["supported"] is not bool(unsupported)
    method = (await kit.ok("GET", "/payment-methods"))[0]
    assert (method["id"], method["type"]) == ("pm_sandbox", "stripe")
    assert (await kit.ok("GET", "/payment-methods/pm_sandbox"))["payment_currencies"]


# Meters and events


async def test_meters(kit: Kit) -> None:
    meter = await kit.meter(decimal="4", description="", metadata={"x": 1})
    assert (meter["paymentCurrency"]["decimal"], meter["aggregation_method"]) == (4, "sum")
    twin = await kit.meter("twin", currency_id=meter["currency_id"])
    assert twin["currency_id"] == meter["currency_id"]
    assert (await kit.ok("GET", f"/meters/{meter['id']}"))["event_name"] == "renders"
    assert (await kit.ok("PUT", "/meters/renders", {"unit": "frame"}))["unit"] == "frame"
    body = {"name": "L", "event_name": "l", "unit": "l", "aggregation_method": "last"}
    assert (await kit.refused("POST", "/meters", body))[0] == 501
    assert (await kit.refused("POST", "/meters", body | {"aggregation_method": "sum", "currency_id": "USD"}))[0] == 400


async def test_an_inactive_meter_and_an_unknown_customer(kit: Kit) -> None:
    credit = (await kit.meter())["currency_id"]
    body = {"event_name": "renders", "identifier": "1", "payload": {"customer_id": "ann", "value": "1"}}
    assert (await kit.refused("POST", "/meter-events", body))[:2] == (404, "CUSTOMER_NOT_FOUND")
    await kit.grant(credit, "1")
    await kit.ok("PUT", "/meters/renders/deactivate")
    assert (await kit.refused("POST", "/meter-events", body))[:2] == (409, "METER_INACTIVE")
    await kit.ok("PUT", "/meters/renders/activate")
    assert (await kit.ok("POST", "/meter-events", body))["status"] == "completed", "the identifier was not used up"


async def test_law_06_debt_and_its_repayment(kit: Kit, world: World) -> None:
    credit = (await kit.meter())["currency_id"]
    await kit.grant(credit, "1")
    event = await kit.use("a", "2.5", source_data={"job": "7"}, metadata={"k": "v"})
    assert (event["credit_consumed"], event["credit_pending"]) == ("100", "150")
    assert (event["source_data"], event["metadata"]) == ({"job": "7"}, {"k": "v"})
    assert (await kit.ok("GET", "/meter-events", status="requires_capture"))["count"] == 1
    assert await kit.ok("GET", "/meter-events/pending-amount", customer_id="ann") == {credit: "150"}
    second = await kit.grant(credit, "1", name="later")
    assert second["status"] == "depleted"
    assert (await kit.ok("GET", f"/meter-events/{event['id']}"))["credit_pending"] == "50"
    third = await kit.grant(credit, "2", name="enough")
    assert (third["remaining_amount"], third["status"]) == ("150", "granted")
    assert (await kit.ok("GET", f"/meter-events/{event['id']}"))["status"] == "completed"
    rows = (await kit.ok("GET", "/credit-transactions", source=event["id"]))["list"]
    assert [(row["amount"], row["type"]) for row in rows] == [
        ("-50", "consumption"),
        ("-100", "consumption"),
        ("-100", "consumption"),
    ]
    unified = (await kit.ok("GET", "/credit-transactions", customer_id="ann", include_grants="true"))["list"]
    assert [row["activity_type"] for row in unified].count("grant") == 3
    for row in unified:
        assert (await kit.ok("GET", f"/credit-transactions/{row['id']}"))["id"] == row["id"]
    total = await kit.ok("GET", "/credit-transactions/summary", customer_id="ann")
    assert (total["total_credit_amount"], total["total_quantity"], total["transaction_count"]) == ("250", "250", 3)
    assert await world.db.pool.fetchval("select count(*) from owed_items where closed_at is null") == 0


async def test_debt_has_no_limit_on_this_edge(kit: Kit, world: World) -> None:
    credit = (await kit.meter())["currency_id"]
    await kit.grant(credit, "1")
    await world.db.pool.execute("update payment_currencies set overdraft_policy = 'limited', overdraft_limit = 1")
    assert (await kit.use("a", "1000"))["credit_pending"] == "99900"
    assert (await kit.use("b", "1"))["credit_pending"] == "100"


async def test_stats(kit: Kit) -> None:
    credit = (await kit.meter())["currency_id"]
    await kit.grant(credit, "10")
    now = int(time.time())
    for number in range(3):
        await kit.use(f"job-{number}", "1.5", timestamp=now)
    asked = {"meter_id": "renders", "start": now - 60, "end": now + 60}
    for granularity in ("minute", "hour", "day"):
        found = await kit.ok("GET", "/meter-events/stats", granularity=granularity, **asked)
        assert (found["count"], found["list"][0]["event_count"], found["list"][0]["total_value"]) == (1, 3, "450")
    assert (await kit.refused("GET", "/meter-events/stats", meter_id="renders"))[0] == 400
    grants = await kit.ok("GET", "/credit-grants/stats", currency_id=credit, start_date=now - 60, end_date=now + 60)
    assert grants["stats"]["total_granted"] == "1000"
    assert grants["stats"]["total_consumed"] == "450"
    assert [each["total_remaining"] for each in grants["daily_stats"]] == ["550"]
    holders = await kit.ok("GET", "/credit-grants/holders", currency_id=credit)
    assert [(each["balance"], each["grantCount"]) for each in holders["holders"]] == [("550", 1)]
    assert holders["paging"] == {"page": 1, "pageSize": 20, "total": 1, "totalPages": 1}


# Grants


async def test_grants_begin_and_end(kit: Kit, world: World) -> None:
    credit = (await kit.meter())["currency_id"]
    now = datetime(2027, 1, 1, tzinfo=UTC)
    await manage_workspaces.move_test_clock(db=world.db, workspace_id=world.test, to=now)
    start = int(now.timestamp())
    later = await kit.grant(credit, "1", name="later", effective_at=start + 60)
    short = await kit.grant(credit, "2", name="short", expires_at=start + 60, priority=1)
    ever = await kit.grant(credit, "3", name="ever", expires_at=0)
    assert (later["status"], later["remaining_amount"], ever["expires_at"]) == ("pending", "100", None)
    await manage_workspaces.move_test_clock(db=world.db, workspace_id=world.test, to=now + timedelta(seconds=61))
    shown = {each["name"]: each for each in (await kit.ok("GET", "/credit-grants", customer_id="ann"))["list"]}
    assert [shown[name]["status"] for name in ("later", "short", "ever")] == ["granted", "expired", "granted"]
    for status, names in (("expired", {"short"}), ("granted,depleted", {"later", "ever"}), ("pending", set())):
        found = await kit.ok("GET", "/credit-grants", status=status)
        assert {each["name"] for each in found["list"]} == names
    summary = (await kit.ok("GET", "/credit-grants/summary", customer_id="ann"))[credit]
    assert (summary["totalAmount"], summary["remainingAmount"], summary["grantCount"]) == ("400", "400", 2)
    assert short["priority"] == 1


async def test_a_grant_is_labelled_and_taken_back(kit: Kit) -> None:
    credit = (await kit.meter())["currency_id"]
    grant = await kit.grant(credit, "1", metadata={"granted_by": "ben"})
    path = f"/credit-grants/{grant['id']}"
    assert await kit.ok("PUT", path, {"metadata": {"note": {"a": 1}}}) == {"success": True}
    for _ in range(2):
        assert await kit.ok("PUT", path, {"expired": True}) == {"success": True}
    after = await kit.ok("GET", path)
    assert (after["status"], after["remaining_amount"], after["metadata"]) == ("voided", "0", {"note": {"a": 1}})


async def test_scopes_name_prices_and_mean_their_meters(kit: Kit) -> None:
    credit = (await kit.meter())["currency_id"]
    await kit.meter("other", currency_id=credit)
    config = {"currency_id": credit, "credit_amount": "1"}
    price = {"unit_amount": "1", "currency_id": "USDC", "metadata": {"meter_id": "other", "credit_config": config}}
    product = await kit.ok("POST", "/products", {"name": "P", "type": "credit", "prices": [price]})
    price_id = product["prices"][0]["id"]
    scope = {"scope": {"prices": [price_id], "price_type": None}}
    grant = await kit.grant(credit, "5", applicability_config=scope)
    assert grant["applicability_config"] == scope
    assert (await kit.use("a", "1"))["credit_pending"] == "100", "another meter's credits do not pay"
    assert (await kit.use("b", "1", event_name="other"))["credit_pending"] == "0"


async def test_priority_and_times_that_cannot_be(kit: Kit) -> None:
    credit = (await kit.meter())["currency_id"]
    body = {"customer_id": "ann", "currency_id": credit, "amount": "1", "category": "paid"}
    for wrong in ({"priority": 101}, {"priority": -1}, {"expires_at": 1}, {"category": "gift"}, {"effective_at": "x"}):
        assert (await kit.refused("POST", "/credit-grants", body | wrong))[0] == 400, wrong
    assert (await kit.refused("POST", "/credit-grants", body | {"currency_id": "USD"}))[0] == 400


# Checkout, settings, endpoints, events


async def test_links_and_checkout_sessions(kit: Kit) -> None:
    _, product = await sold(kit)
    price_id = product["prices"][0]["id"]
    item = {"price_id": price_id, "quantity": 2}
    link = await kit.ok("POST", "/payment-links", {"line_items": [item], "lookup_key": "buy", "metadata": {"a": 1}})
    assert (await kit.ok("GET", "/payment-links/buy"))["id"] == link["id"]
    assert (link["line_items"][0]["quantity"], link["currency_id"]) == (2, product["prices"][0]["currency_id"])
    assert (await kit.refused("POST", "/payment-links", {"line_items": [item, item]}))[0] == 501
    assert (await kit.ok("PUT", "/payment-links/buy/archive"))["active"] is False
    await kit.ok("GET", "/customers/ann", create="true")
    session = await kit.ok(
        "POST",
        "/checkout-sessions",
        {"line_items": [item], "customer_did": "ann", "success_url": "https://a.example/x", "client_reference_id": "r"},
    )
    assert (session["amount_total"], session["status"], session["payment_status"]) == ("20000000", "open", "unpaid")
    assert (session["customer_did"], session["client_reference_id"]) == ("ann", "r")
    path = f"/checkout-sessions/{session['id']}"
    changed = await kit.ok("PUT", path, {"metadata": {"order": "7"}})
    assert (changed["metadata"], changed["client_reference_id"]) == ({"order": "7"}, "r")
    assert (await kit.ok("GET", "/checkout-sessions", **{"metadata.order": "7"}))["count"] == 1
    assert (await kit.ok("GET", "/checkout-sessions", status="open", payment_status="unpaid"))["count"] == 1
    assert (await kit.ok("PUT", f"{path}/expire"))["status"] == "expired"


async def test_an_unknown_setting_is_an_empty_answer(kit: Kit) -> None:
    answer = await kit.send("GET", "/settings/notification")
    assert (answer.status_code, answer.content) == (200, b"")
    body = {"type": "notification", "mountLocation": "notification", "settings": {"self_handle": True, "n": 0.5}}
    made = await kit.ok("POST", "/settings", body)
    assert (made["mount_location"], made["settings"]) == ("notification", {"self_handle": True, "n": 0.5})
    assert (await kit.ok("POST", "/settings", body | {"description": "again"}))["id"] == made["id"]
    changed = await kit.ok("PUT", "/settings/notification", {"settings": {"include_events": ["a"]}, "active": False})
    assert changed["settings"] == {"self_handle": True, "n": 0.5, "include_events": ["a"]}
    assert changed["active"] is False
    await kit.ok("POST", "/settings", {"type": "donate", "mountLocation": "/blog/one"})
    assert (await kit.ok("GET", f"/settings/{made['id']}"))["id"] == made["id"]
    assert (await kit.ok("GET", "/settings/blog/one"))["type"] == "donate"
    assert (await kit.ok("DELETE", "/settings/notification"))["message"]
    assert await kit.ok("GET", "/settings/notification") is None
    assert (await kit.ok("GET", "/settings"))["baseCurrency"]["symbol"] == "USD"


async def test_webhook_endpoints(kit: Kit) -> None:
    made = await kit.ok("POST", "/webhook-endpoints", {"url": "https://a.example/hook", "enabled_events": ["*"]})
    path = f"/webhook-endpoints/{made['id']}"
    assert (await kit.ok("PUT", path, {"status": "disabled"}))["status"] == "disabled"
    assert (await kit.ok("GET", "/webhook-endpoints"))["count"] == 1
    assert (await kit.refused("POST", "/webhook-endpoints", {"url": "javascript:x"}))[0] == 400
    assert (await kit.ok("DELETE", path))["id"] == made["id"]
    assert (await kit.refused("GET", path))[0] == 404


async def test_events_under_the_originals_names(kit: Kit) -> None:
    credit = (await kit.meter())["currency_id"]
    await kit.grant(credit, "1")
    granted = (await kit.ok("GET", "/events", type="customer.credit_grant.granted"))["list"]
    assert [each["data"]["object"]["amount"] for each in granted] == ["1"]
    assert (await kit.ok("GET", f"/events/{granted[0]['id']}"))["type"] == "customer.credit_grant.granted"


# Automatic top-up


async def test_a_config_before_anything_was_saved(kit: Kit) -> None:
    credit, product = await sold(kit)
    await kit.ok("PUT", f"/payment-currencies/{credit}/recharge-config", {"base_price_id": product["prices"][0]["id"]})
    await kit.ok("GET", "/customers/ann", create="true")
    config = await kit.ok("GET", "/auto-recharge-configs/customer/ann", currency_id=credit)
    assert (config["enabled"], config["threshold"], config["quantity"]) == (False, "100", 1)
    assert config["price"]["id"] == product["prices"][0]["id"]
    assert (await kit.ok("GET", f"/auto-recharge-configs/retrieve/{config['id']}"))["id"] == config["id"]


async def test_law_12_nothing_is_on_without_a_method_to_charge(kit: Kit) -> None:
    credit, product = await sold(kit)
    await kit.ok("PUT", f"/payment-currencies/{credit}/recharge-config", {"base_price_id": product["prices"][0]["id"]})
    wish = {"customer_id": "ann", "currency_id": credit, "enabled": True, "threshold": 12.5, "quantity": 2}
    saved = await kit.ok("POST", "/auto-recharge-configs/submit", wish)
    assert (saved["enabled"], saved["threshold"], saved["quantity"]) == (False, "12.5", 2)
    assert saved["balanceResult"]["sufficient"] is False
    assert saved["balanceResult"]["setup_url"].startswith("http://127.0.0.1:8700/checkout/")
    kept = await kit.ok(
        "POST",
        "/auto-recharge-configs/submit",
        {"customer_id": "ann", "currency_id": credit, "daily_limits": {"max_attempts": 2, "max_amount": "0"}},
    )
    assert (kept["threshold"], kept["daily_limits"]) == ("12.5", {"max_attempts": 2, "max_amount": "0"})
    for wrong in ({"threshold": "400000"}, {"quantity": 0}, {"payment_method_id": "pm_01h455vb4pex5vsknk084sn02q"}):
        assert (await kit.refused("POST", "/auto-recharge-configs/submit", wish | wrong))[0] == 400, wrong


async def test_verify_availability(kit: Kit) -> None:
    credit = (await kit.meter())["currency_id"]
    await kit.grant(credit, "1")
    asked = {"customer_id": "ann", "currency_id": credit}
    assert await kit.ok("GET", "/credit-grants/verify-availability", **asked) == {"can_continue": True}
    said = await kit.ok("GET", "/credit-grants/verify-availability", pending_amount="100", **asked)
    assert said["can_continue"] is False
    limited = await kit.ok(
        "GET", "/credit-grants/verify-availability", pending_amount="50", max_pending_amount="40", **asked
    )
    assert limited["reason"] == "more is owed than max_pending_amount allows"
