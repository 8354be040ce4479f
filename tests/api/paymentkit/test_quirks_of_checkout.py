"""Checkout, settings, webhook endpoints, events and automatic top-up, as integrators of the original rely on them."""

from __future__ import annotations

import pytest
from tests.api.paymentkit.conftest import Kit, sold

pytestmark = pytest.mark.anyio

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
