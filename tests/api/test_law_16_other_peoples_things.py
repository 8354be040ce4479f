"""Law 16: another's object answers 404, on every route of the document."""

from replenish.core.db import Database
from support.api_shop import Client, Shop
from support.contents import contents
from support.openapi import Route, routes


async def _document(client: Client) -> list[Route]:
    found = list(routes((await client.get("/openapi.json")).json()))
    assert len(found) > 30
    return found


async def test_law_16_no_route_shows_or_changes_another_workspaces_object(
    client: Client, trading: Shop, ben: Shop, db: Database
) -> None:
    ann = trading
    everything = await _document(client)
    before = await contents(db)
    for route in everything:
        if route.in_path:
            path = ann.path(route)
            answer = await ben.call(route.method, path, route.body())
            assert answer.status_code == 404, (
                f"{route} showed Ben something of Ann's: {answer.status_code} {answer.text}"
            )
            assert ann.id(route.resource) not in answer.text
    assert await contents(db) == before, "a refused route wrote something"
    # Otherwise the routes would have answered 404 to anybody. What ends an object comes last.
    ends = ("/detach", "/revoke")
    for route in sorted(everything, key=lambda route: route.method == "delete" or route.path.endswith(ends)):
        if route.in_path:
            path = ann.path(route)
            answer = await ann.call(route.method, path, route.body())
            assert answer.status_code != 404, f"{route} does not find Ann's own object"
            assert answer.status_code < 500, f"{route}: {answer.text}"


async def test_law_16_no_list_holds_another_workspaces_object(client: Client, trading: Shop, ben: Shop) -> None:
    ids = [str(thing["id"]) for thing in trading.made.values()]
    await ben.ok("POST", "/v1/customers", {"external_id": "ann"})
    for route in await _document(client):
        if route.method == "get" and not route.in_path:
            answer = await ben.call("GET", f"{route.path}?{route.needs('ann')}")
            assert answer.status_code == 200, f"{route}: {answer.text}"
            assert not [id_ for id_ in ids if id_ in answer.text], f"{route} shows Ben something of Ann's"


async def test_law_16_no_list_can_be_filtered_by_another_workspaces_object(
    client: Client, trading: Shop, ben: Shop
) -> None:
    customer, filtered = trading.id("customers"), 0
    for route in await _document(client):
        if route.method == "get" and any(entry["name"] == "customer_id" for entry in route.operation["parameters"]):
            answer = await ben.call("GET", f"{route.path}?customer_id={customer}")
            assert answer.status_code in {404, 422}, f"{route}: {answer.text}"
            assert (await trading.call("GET", f"{route.path}?customer_id={customer}")).status_code == 200
            filtered += 1
    assert filtered > 5


async def test_law_16_natural_keys_lead_to_ones_own_objects_only(ann: Shop, ben: Shop) -> None:
    for path in ("/v1/customers/ann", "/v1/meters/api_call", "/v1/campaigns/1"):
        assert (await ben.call("GET", path)).status_code == 404
        assert (await ann.call("GET", path)).status_code == 200
    theirs = await ben.ok("POST", "/v1/customers", {"external_id": "ann"})
    assert theirs["id"] != ann.id("customers")
    assert (await ben.ok("GET", "/v1/customers/ann"))["id"] == theirs["id"]


async def test_law_16_a_field_cannot_name_another_workspaces_object(ann: Shop, ben: Shop) -> None:
    own = await ben.ok("POST", "/v1/products", {"name": "Pack", "type": "credit"})
    meter = await ben.ok("POST", "/v1/meters", {"name": "Calls", "event_name": "call", "unit": "calls"})
    good = {
        "product_id": own["id"],
        "currency_id": "USD",
        "unit_amount": "10",
        "credit_config": {"currency_id": meter["currency_id"], "credit_amount": "100"},
    }
    annas_currency = ann.made["meters"]["currency_id"]
    config = f"/v1/payment_currencies/{meter['currency_id']}/recharge_config"
    await ben.ok("POST", "/v1/customers", {"external_id": "bea"})
    budget = {"customer_id": "bea", "currency_id": meter["currency_id"], "limit": "5", "window": "day"}
    for method, path, body, field in (
        ("POST", "/v1/products", {"name": "x", "campaign_id": ann.id("campaigns")}, "campaign_id"),
        ("PATCH", f"/v1/products/{own['id']}", {"campaign_id": ann.id("campaigns")}, "campaign_id"),
        ("POST", "/v1/meters", {**ann.body("meters"), "currency_id": annas_currency}, "currency_id"),
        ("POST", "/v1/prices", {**good, "product_id": ann.id("products")}, "product_id"),
        ("POST", "/v1/prices", {**good, "meter_id": ann.id("meters")}, "meter_id"),
        (
            "POST",
            "/v1/prices",
            {**good, "credit_config": {"currency_id": annas_currency, "credit_amount": "1"}},
            "credit_config.currency_id",
        ),
        ("PUT", config, {"base_price_id": ann.id("prices")}, "base_price_id"),
        ("POST", "/v1/payment_links", {"price_id": ann.id("prices")}, "price_id"),
        ("POST", "/v1/budgets", {**budget, "customer_id": ann.id("customers")}, "customer_id"),
        ("POST", "/v1/budgets", {**budget, "currency_id": annas_currency}, "currency_id"),
        ("POST", "/v1/budgets", {**budget, "meter_id": ann.id("meters")}, "meter_id"),
    ):
        answer = await ben.call(method, path, body)
        assert answer.status_code == 422, f"{method} {path} {field}: {answer.status_code} {answer.text}"
        assert [error["field"] for error in answer.json()["errors"]] == [field]
    answer = await ben.call("POST", "/v1/portal_sessions", {"customer_id": ann.id("customers")})
    assert answer.status_code == 404


async def test_law_16_live_and_test_are_two_workspaces(ann: Shop) -> None:
    assert (await ann.call("GET", f"/v1/customers/{ann.id('customers')}", key=ann.live_key)).status_code == 404
    assert (await ann.ok("GET", "/v1/customers", key=ann.live_key))["data"] == []
