"""Bad input: a 4xx problem document that names the field; never a 500, never a partial write."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from replenish.core.db import Database
from support.contents import contents
from support.api_shop import Shop

HUGE = "9" * 400
# For every text: what PostgreSQL cannot hold, or what is no text. {} is the field's name in the table below.
NO_TEXT: list[Any] = [5, None, True, ["x"], {"x": 1}, "a\0b"]
NO_AMOUNT: list[Any] = [
    5,
    1.5,
    None,
    "",
    " 1",
    "1e5",
    "NaN",
    "Infinity",
    "-1",
    "1,5",
    "0x10",
    "٣",
    "1.1234567890123456789",
    HUGE,
    f"0.{HUGE}",
    "9" * 60,
    ".5",
    "5.",
    "--1",
    "1\0",
]
NO_INTEGER: list[Any] = ["5", 1.5, None, -1, 10**30, int(HUGE)]
NO_KEY: list[Any] = [*NO_TEXT, "", "a b", "a/b", "-a", "ü", "x" * 256]
NO_URL: list[Any] = [
    5,
    "x",
    "javascript:alert(1)",
    "//shop.example",
    "https://",
    "https://a b",
    "https://u:p@shop.example/",
    "http://[::1",
    "https://shop.example:99999/",
    "https://x/" + "y" * 2048,
    "a\0b",
]
NO_METADATA: list[tuple[Any, str]] = [
    (5, "metadata"),
    (["x"], "metadata"),
    (None, "metadata"),
    ({"a": [1]}, "metadata"),
    ({"a": {"b": 1}}, "metadata"),
    ({"": 1}, "metadata"),
    ({"k" * 65: 1}, "metadata"),
    ({f"k{n}": n for n in range(51)}, "metadata"),
    ({"a": "x" * 9000}, "metadata.a"),
    ({f"k{n}": "x" * 400 for n in range(40)}, "metadata"),
    ({"a": 10**30}, "metadata.a"),
    ({"a": "x\0"}, "metadata.a"),
    ({"a\0": 1}, "metadata"),
]


Row = tuple[dict[str, Any], str]


def each(field: str, values: list[Any]) -> list[Row]:
    """A row for each value of one field, which the answer must name."""
    return [({field: value}, field) for value in values]


def given(values: list[Any]) -> list[Any]:
    """Without null, where null says "none"."""
    return [value for value in values if value is not None]


def metadata() -> list[Row]:
    return [({"metadata": value}, field) for value, field in NO_METADATA]


def campaigns(_: Shop) -> list[Row]:
    return [*each("name", [*NO_TEXT, "", " ", "x" * 256]), *metadata()]


def products(_: Shop) -> list[Row]:
    return [
        *each("name", [*NO_TEXT, "", " ", "x" * 256]),
        *each("type", ["addon", 5, None, ""]),
        *each("description", [5, "x" * 2001, "a\0"]),
        *each("campaign_id", ["cmp_x", "prod_01k00000000000000000000000", "x" * 300, 5, "cmp_" + "0" * 26]),
        *each("lookup_key", given(NO_KEY)),
        *metadata(),
    ]


def prices(shop: Shop) -> list[Row]:
    return [
        *each("product_id", ["nothing", "prod_" + "0" * 26, 5, None, ""]),
        *each("currency_id", ["GBX", "pc_" + "0" * 26, shop.made["meters"]["currency_id"], 5]),
        *each("unit_amount", [*NO_AMOUNT, "1.1234567"]),
        *each("quantity_max", [*NO_INTEGER, 0, 10_000]),
        *each("type", ["recurring", 5]),
        *each("nickname", [5, "x" * 256, "a\0"]),
        *each("lookup_key", given(NO_KEY)),
        *each("meter_id", ["nothing", "mtr_" + "0" * 26, 5]),
        *_credit_config_rows(shop),
        *_option_rows(shop),
        *metadata(),
    ]


def payment_currencies(_: Shop) -> list[Row]:
    return [
        *each("name", [*NO_TEXT, "", "x" * 65]),
        *each("type", ["gold", None, 5]),
        *each("symbol", ["", "x" * 33, 5, "a\0"]),
        *each("decimals", [*given(NO_INTEGER), 19]),
        *each("overdraft_policy", ["sometimes", 5]),
        *[({"overdraft_policy": "limited", "overdraft_limit": value}, "overdraft_limit") for value in NO_AMOUNT],
        ({"overdraft_limit": "5"}, "overdraft_limit"),
        ({"code": "GBP"}, "code"),
        ({"type": "standard"}, "code"),
        ({"type": "standard", "code": "gbp"}, "code"),
        ({"type": "standard", "code": "GB"}, "code"),
        ({"type": "standard", "code": "GBP", "decimals": 0}, "decimals"),
        ({"type": "standard", "code": "KWD", "decimals": 2}, "decimals"),
        ({"type": "standard", "code": "GBP", "overdraft_policy": "unlimited"}, "overdraft_policy"),
        *metadata(),
    ]


def meters(shop: Shop) -> list[Row]:
    return [
        *each("name", [*NO_TEXT, "", "x" * 65]),
        *each("event_name", [*NO_KEY, "x" * 65]),
        *each("unit", [*NO_TEXT, "", "x" * 33]),
        *each("aggregation", ["max", 5, None]),
        *each("credits_per_unit", NO_AMOUNT),
        *each("currency_id", ["USD", "nothing", "pc_" + "0" * 26, 5]),
        *each("decimals", [*given(NO_INTEGER), 19]),
        *each("description", [5, "x" * 256, "a\0"]),
        ({"currency_id": shop.made["meters"]["currency_id"], "decimals": 2}, "decimals"),
        *metadata(),
    ]


def payment_links(_: Shop) -> list[Row]:
    return [
        *each("price_id", ["nothing", "price_" + "0" * 26, 5, None]),
        *each("quantity", [*NO_INTEGER, 0, 10_000]),
        *each("quantity_adjustable", ["true", 1, None]),
        *each("after_completion_url", NO_URL),
        *each("name", [5, "x" * 256, "a\0"]),
        *metadata(),
    ]


def customers(_: Shop) -> list[Row]:
    return [
        *each("external_id", [*NO_TEXT, "", " ", "x" * 256]),
        *each("email", [5, "ann", "ann@", "@example.com", "a b@example.com", "ann@example", "x" * 300, "a\0@b.c"]),
        *each("name", [5, None, "x" * 256, "a\0"]),
        *metadata(),
    ]


def portal_sessions(_: Shop) -> list[Row]:
    return [*each("customer_id", [5, None, "", "a\0"]), *each("return_url", NO_URL)]


def api_keys(_: Shop) -> list[Row]:
    return [
        *each("name", [*NO_TEXT, "", "x" * 129]),
        *each("scopes", [None, [], "read", ["read"] * 21]),
        ({"scopes": ["everything"]}, "scopes[0]"),
        ({"scopes": ["read", 5]}, "scopes[1]"),
        *each("expires_at", ["soon", 5, "2020-01-01T00:00:00Z", "2090-01-01T00:00:00", "9999-12-31T23:59:59-23:59"]),
    ]


RESOURCES: dict[str, Callable[[Shop], list[Row]]] = {
    table.__name__: table
    for table in (
        campaigns,
        products,
        prices,
        payment_currencies,
        meters,
        payment_links,
        customers,
        portal_sessions,
        api_keys,
    )
}


CHANGES = {
    "campaigns": "CampaignChanges",
    "products": "ProductChanges",
    "prices": "PriceChanges",
    "payment_currencies": "PaymentCurrencyChanges",
    "meters": "MeterChanges",
    "payment_links": "PaymentLinkChanges",
    "customers": "CustomerChanges",
}


def rows(resource: str, shop: Shop) -> list[Row]:
    return [({"nonsense": 1}, "nonsense"), *RESOURCES[resource](shop)]


def _credit_config_rows(shop: Shop) -> list[Row]:
    good = shop.body("prices")["credit_config"]
    found: list[Row] = [
        ({"credit_config": None}, "credit_config"),
        ({"credit_config": 5}, "credit_config"),
        ({"credit_config": {}}, "credit_config.currency_id"),
        ({"credit_config": {**good, "nonsense": 1}}, "credit_config.nonsense"),
        ({"credit_config": {**good, "currency_id": "USD"}}, "credit_config.currency_id"),
        ({"credit_config": {**good, "scope": ["nothing"]}}, "credit_config.scope[0]"),
        ({"credit_config": {**good, "scope": ["api_call"] * 51}}, "credit_config.scope"),
        ({"credit_config": {**good, "valid_duration_unit": "fortnights"}}, "credit_config.valid_duration_unit"),
        (
            {"credit_config": {**good, "valid_duration_value": 101, "valid_duration_unit": "years"}},
            "credit_config.valid_duration_value",
        ),
    ]
    for name, values in (
        ("credit_amount", [*NO_AMOUNT, "0", "0.001"]),
        ("priority", [*NO_INTEGER, 101]),
        ("valid_duration_value", [*NO_INTEGER, 10**7]),
    ):
        found += [({"credit_config": {**good, name: value}}, f"credit_config.{name}") for value in values]
    return found


def _option_rows(shop: Shop) -> list[Row]:
    euro = {"currency_id": "EUR", "unit_amount": "9"}
    return [
        ({"currency_options": 5}, "currency_options"),
        ({"currency_options": [euro, 5]}, "currency_options[1]"),
        ({"currency_options": [euro] * 21}, "currency_options"),
        ({"currency_options": [euro, euro]}, "currency_options[1].currency_id"),
        ({"currency_options": [{**euro, "currency_id": "USDC"}]}, "currency_options[0].currency_id"),
        ({"currency_options": [{**euro, "currency_id": "XXX"}]}, "currency_options[0].currency_id"),
        ({"currency_options": [euro, {"currency_id": "JPY", "unit_amount": "9.5"}]}, "currency_options[1].unit_amount"),
        ({"currency_options": [{**euro, "unit_amount": "-1"}]}, "currency_options[0].unit_amount"),
        (
            {"currency_options": [{**euro, "currency_id": shop.made["meters"]["currency_id"]}]},
            "currency_options[0].currency_id",
        ),
    ]


@pytest.mark.parametrize("resource", RESOURCES)
async def test_what_is_wrong_is_refused_by_name_and_nothing_is_written(ann: Shop, db: Database, resource: str) -> None:
    before = await contents(db)
    wrong: list[str] = []
    for change, field in rows(resource, ann):
        body = {**ann.body(resource, "-new"), **change}
        answer = await ann.call("POST", f"/v1/{resource}", content=json.dumps(body).encode())
        named = [error["field"] for error in answer.json().get("errors", [])]
        if answer.status_code != 422 or named != [field]:
            wrong.append(f"{json.dumps(change)[:90]} -> {answer.status_code} {named}, not {field}: {answer.text[:200]}")
    assert not wrong, "\n".join(wrong)
    assert await contents(db) == before


@pytest.mark.parametrize("resource", CHANGES)
async def test_a_change_is_checked_like_a_creation(ann: Shop, db: Database, resource: str) -> None:
    path = f"/v1/{resource}/{ann.id(resource)}"
    properties = (await ann.client.get("/openapi.json")).json()["components"]["schemas"]
    changeable = next(schema["properties"] for name, schema in properties.items() if name == CHANGES[resource])
    before = await contents(db)
    wrong: list[str] = []
    for change, field in rows(resource, ann):
        name = next(iter(change))
        if name != "nonsense" and (name not in changeable or len(change) > 1 or change[name] is None):
            continue
        answer = await ann.call("PATCH", path, content=json.dumps(change).encode())
        named = [error["field"] for error in answer.json().get("errors", [])]
        if answer.status_code != 422 or named != [field]:
            wrong.append(f"{json.dumps(change)[:90]} -> {answer.status_code} {named}, not {field}: {answer.text[:200]}")
    assert not wrong, "\n".join(wrong)
    assert await contents(db) == before


# what is sent, status, code, named field
BODIES = [
    (b"", 422, "invalid", "body"),
    (b"{", 400, "malformed_request", None),
    (b"\xff", 400, "malformed_request", None),
    (b'{"name": "x"} x', 400, "malformed_request", None),
    (b"[" * 100_000, 422, "invalid", "body"),
    (b'{"metadata": ' + b"[" * 100_000, 422, "invalid", "metadata"),
    (b"[]", 422, "invalid", "body"),
    (b"5", 422, "invalid", "body"),
    (b"null", 422, "invalid", "body"),
    (b"{}", 422, "invalid", "name"),
    (b'{"name": NaN}', 422, "invalid", "name"),
    (b'{"name": "x", "metadata": {"a": NaN}}', 422, "invalid", "metadata.a"),
    (b'{"name": "x", "metadata": {"a": -Infinity}}', 422, "invalid", "metadata.a"),
    (b'{"name": "x", "metadata": {"a": 1e999}}', 422, "invalid", "metadata"),
    (b'{"name": "a\\ud800b"}', 422, "invalid", "name"),
    (b'{"name": "x", "metadata": {"a\\udfff": 1}}', 422, "invalid", "metadata"),
    (b'{"name": "a\\u0000"}', 422, "invalid", "name"),
    (b'{"name": "x", "\\ud800": 1}', 422, "invalid", "body"),
    (b'{"name": "x", "\xf0\x9f\x92\xa9": 1}', 422, "invalid", "\U0001f4a9"),
    (b'{"name": "x", "' + b"y" * 500 + b'": 1}', 422, "invalid", "y" * 64 + "…"),
]


async def test_a_body_that_cannot_be_read(ann: Shop, db: Database) -> None:
    before = await contents(db)
    for body, status, code, field in BODIES:
        answer = await ann.call("POST", "/v1/campaigns", content=body)
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (status, code), f"{body[:60]!r}: {answer.text}"
        named = [error["field"] for error in problem.get("errors", [])]
        assert named == ([] if field is None else [field]), f"{body[:60]!r}: {answer.text}"
    assert await contents(db) == before


# query, named field
QUERIES = [
    ("/v1/products?limit=0", "limit"),
    ("/v1/products?limit=101", "limit"),
    ("/v1/products?limit=-1", "limit"),
    ("/v1/products?limit=x", "limit"),
    ("/v1/products?limit=1.5", "limit"),
    (f"/v1/products?limit={HUGE}", "limit"),
    ("/v1/products?limit=1&limit=2", "limit"),
    ("/v1/products?cursor=x", "cursor"),
    ("/v1/products?cursor=%00", "cursor"),
    ("/v1/products?cursor=" + "A" * 22, None),
    ("/v1/products?cursor=" + "é" * 22, "cursor"),
    ("/v1/products?cursor=" + "x" * 99, "cursor"),
    ("/v1/products?active=maybe", "active"),
    ("/v1/products?type=addon", "type"),
    ("/v1/products?campaign_id=x", "campaign_id"),
    ("/v1/products?campain_id=x", "campain_id"),
    ("/v1/products?%00=x", "query"),
    ("/v1/customers?email=%00", "email"),
    ("/v1/customers?external_id=%00", "external_id"),
    ("/v1/events?cursor=x", "cursor"),
    ("/v1/events?cursor=OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OS4w", "cursor"),
    ("/v1/events?order=random", "order"),
    ("/v1/events?customer_id=nobody", "customer_id"),
    ("/v1/meters?currency_id=nothing", "currency_id"),
    ("/v1/prices?product_id=nothing", "product_id"),
    ("/v1/customers/a%00b", "key"),
]


async def test_a_parameter_that_cannot_be_read(ann: Shop) -> None:
    for path, field in QUERIES:
        answer = await ann.call("GET", path)
        assert answer.status_code == (200 if field is None else 422), f"{path[:80]}: {answer.text}"
        named = [error["field"] for error in answer.json().get("errors", [])]
        assert named == ([] if field is None else [field]), f"{path[:80]}: {answer.text}"


NOWHERE = [
    "/v1/products/nothing",
    "/v1/products/prod_" + "0" * 26,
    "/v1/products/prod_" + "z" * 26,
    "/v1/products/" + "x" * 5000,
    "/v1/products/%F0%9F%92%A9",
    "/v1/products/%ff",
    "/v1/products/..%2f..",
    "/v1/campaigns/99999999999999999999",
    "/v1/campaigns/2147483648",
    "/v1/campaigns/0",
    "/v1/api_keys/x",
    "/v1/events/x",
    "/v1/customers/cus_" + "0" * 26,
]


async def test_what_cannot_be_an_object_is_not_found(ann: Shop) -> None:
    for path in NOWHERE:
        answer = await ann.call("GET", path)
        assert answer.status_code == 404, f"{path[:80]}: {answer.text}"
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_natural_key_is_taken_once(ann: Shop, db: Database) -> None:
    for resource, body, field in (
        ("meters", ann.body("meters"), "event_name"),
        ("customers", ann.body("customers"), "external_id"),
        ("payment_currencies", {"name": "Dollar", "type": "standard", "code": "USD"}, "code"),
        ("products", {"name": "Pack", "lookup_key": "pack"}, "lookup_key"),
    ):
        if resource == "products":
            await ann.ok("POST", f"/v1/{resource}", body)
        before = await contents(db)
        answer = await ann.call("POST", f"/v1/{resource}", body)
        assert answer.status_code == 409, answer.text
        assert answer.json()["field"] == field
        assert await contents(db) == before
