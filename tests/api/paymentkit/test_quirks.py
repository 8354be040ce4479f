"""What integrators of the original rely on, resource by resource: forms, natural keys, refusals."""

from __future__ import annotations

import pytest
from tests.api.paymentkit.conftest import Kit, sold

from support.world import World

pytestmark = pytest.mark.anyio


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
        ("POST", "/refunds", {"payment_intent_id": "pay_x", "amount": "1"}, 400, "INVALID"),
        ("POST", "/refunds", {"amount": "1"}, 400, "INVALID"),
        ("POST", "/refunds/sync", {}, 501, "NOT_SUPPORTED"),
        ("PUT", "/payment-intents/pay_x/refund", {"amount": "1"}, 404, "PAYMENT_INTENT_NOT_FOUND"),
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
