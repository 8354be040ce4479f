"""Bad input: a 4xx problem document that names the field; never a 500, never a partial write."""

import json
from typing import Any

import pytest

from replenish.core.db import Database
from support.api_shop import Shop
from support.bad_input import CHANGES, HUGE, RESOURCES, rows
from support.contents import contents


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
    (b'{"name": "x", "metadata": {"a": [1]}, "metadata": {"\\ud800": [1]}}', 422, "invalid", "metadata.?"),
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


PRICE = 'must be a decimal as text, such as "12.50"'
MODEL = {"model": "large"}
# method and path, body, named field, what is said of it
WORDS: list[tuple[str, dict[str, Any], str, str]] = [
    (
        "POST grant_schedules",
        {"cadence": "daily"},
        "cadence",
        "'daily' is not one of 'monthly', 'quarterly', 'weekly', 'yearly'",
    ),
    ("POST grant_schedules", {"cadence": 5}, "cadence", "5 is not one of 'monthly', 'quarterly', 'weekly', 'yearly'"),
    ("POST grant_schedules", {"starts_at": "soon"}, "starts_at", "is not a time such as 2026-11-23T10:00:00Z"),
    ("POST grant_schedules", {"starts_at": 5}, "starts_at", "must be a time as text, such as 2026-11-23T10:00:00Z"),
    (
        "POST grant_schedules",
        {"starts_at": "2026-11-23T10:00:00"},
        "starts_at",
        "needs an offset, such as 2026-11-23T10:00:00Z",
    ),
    ("POST prices", {"type": "recurring"}, "type", "'recurring' is not 'one_time'"),
    ("POST credit_grants", {"amount": 12.5}, "amount", PRICE),
    ("POST credit_grants", {"amount": None}, "amount", PRICE),
    ("POST credit_grants", {"amount": "1,5"}, "amount", "'1,5' is not a decimal amount such as '12.50'"),
    ("POST grant_schedules", {"target": 5}, "target", PRICE),
    ("POST usage", {"value": 3}, "value", PRICE),
    ("POST usage", {"shortfall": "refuse"}, "shortfall", "'refuse' is not one of 'owe', 'reject'"),
    ("POST usage", {"properties": {"a": 1, "kind": ["x"]}}, "properties.kind", "expected `bool | int | float | str"),
    ("POST usage/batch", {"events": [{"customer_id": "ann", "value": 1}]}, "events[0].value", PRICE),
    ("POST usage", {"valu": "3"}, "valu", "is not known here; did you mean 'value'?"),
    ("POST usage", {"nonsense": "3"}, "nonsense", "is not known here"),
    ("POST budgets", {"labels": "3"}, "labels", "is not known here; did you mean 'label'?"),
    ("POST meters", {"event_name": "a b"}, "event_name", "'a b' may have letters, digits and _ . : @ + - only"),
    ("POST meters", {"rate": {"type": "flatt"}}, "rate.type", "'flatt' is not one of 'flat', 'package', 'graduated'"),
    (
        "POST meters",
        {"rate": {"type": "flat", "credits_per_units": "1"}},
        "rate.credits_per_units",
        "is not known here; did you mean 'credits_per_unit'?",
    ),
    ("POST meters", {"rate": {"type": "graduated", "tiers": [{"up_to": 5}]}}, "rate.tiers[0].up_to", PRICE),
    (
        "POST meters",
        {"rate_card": [{"properties": {**MODEL, "kind": 5}, "rate": {"type": "flat", "credits_per_unit": "1"}}]},
        "rate_card[0].properties.kind",
        "expected `str | array`, got `int`",
    ),
    ("POST payment_currencies", {"code": "usd"}, "code", "'usd' may have capital letters and digits only"),
    ("PATCH meters", {"aggregation": "count"}, "aggregation", "cannot be changed"),
    ("PATCH meters", {"event_names": "x"}, "event_names", "is not known here"),
    ("PATCH meters", {"units": "x"}, "units", "is not known here; did you mean 'unit'?"),
    ("PATCH customers", {"external_id": "x"}, "external_id", "cannot be changed"),
    ("PATCH prices", {"unit_amount": "5"}, "unit_amount", "cannot be changed"),
    ("PATCH payment_currencies", {"decimals": 3}, "decimals", "cannot be changed"),
    ("PATCH payment_links", {"price_id": "x"}, "price_id", "cannot be changed"),
    ("PATCH products", {"type": "good"}, "type", "cannot be changed"),
    ("PATCH budgets", {"window": "day"}, "window", "cannot be changed"),
    ("PATCH grant_schedules", {"cadence": "weekly"}, "cadence", "cannot be changed"),
    ("GET usage_days?customer_id=ann&since=yesterday", {}, "since", "is not a day such as 2026-11-23"),
    ("GET events?order=random", {}, "order", "'random' is not one of 'newest', 'oldest'"),
]


async def test_what_is_wrong_is_said_in_words_that_help(trading: Shop) -> None:
    wrong: list[str] = []
    for asked, change, field, words in WORDS:
        method, _, path = asked.partition(" ")
        if method == "PATCH":
            path, body = f"{path}/{trading.id(path)}", change
        else:
            body = change if "/" in path or method == "GET" else {**trading.body(path, "-new"), **change}
        answer = await trading.call(method, f"/v1/{path}", None if method == "GET" else body)
        said = [(error["field"], error["detail"]) for error in answer.json().get("errors", [])]
        if len(said) != 1 or said[0][0] != field or not said[0][1].startswith(words):
            wrong.append(f"{asked} {json.dumps(change)} -> {answer.status_code} {said}")
    assert not wrong, "\n".join(wrong)


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
