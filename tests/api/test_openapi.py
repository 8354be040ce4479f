"""The document says what is so, and enough of it."""

import ast
from pathlib import Path
from typing import Any

from replenish import flows
from replenish.api.v1.events import KINDS
from replenish.api.v1.wire import Amount, Key
from support.api_shop import Client, Shop
from support.openapi import resolve, routes


async def test_every_route_is_described(client: Client) -> None:
    document = (await client.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    names: list[str] = []
    for route in routes(document):
        operation = route.operation
        names.append(operation["operationId"])
        assert operation["summary"], route
        assert "Scope: `" in operation["description"], route
        assert {"401", "403", "422", "429", "500"} <= operation["responses"].keys(), route
        assert ("404" in operation["responses"]) or not route.in_path, route
        assert ("requestBody" in operation) <= ({"400", "413", "415"} <= operation["responses"].keys()), route
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert list(response["content"]) == ["application/problem+json"], route
    assert len(names) == len(set(names))
    assert document["security"] == [{"apiKey": []}]


async def test_every_body_refuses_what_it_does_not_know(client: Client) -> None:
    document = (await client.get("/openapi.json")).json()
    checked = 0
    for route in routes(document):
        if route.body_schema is not None:
            waiting = [route.body_schema]
            while waiting:
                schema = resolve(waiting.pop(), document)
                if "properties" in schema:
                    assert schema.get("additionalProperties") is False, f"{route}: {schema}"
                    checked += 1
                    waiting += list(schema["properties"].values())
                waiting += [*schema.get("anyOf", []), *([schema["items"]] if "items" in schema else [])]
    assert checked > 15


async def test_every_text_and_number_that_is_sent_has_its_bounds(client: Client) -> None:
    """An unbounded one would reach the database and come back as a fault."""
    document = (await client.get("/openapi.json")).json()
    for route in routes(document):
        for name, schema in (resolve(route.body_schema or {}, document).get("properties") or {}).items():
            for kind in [schema, *schema.get("anyOf", [])]:
                kind = resolve(kind, document)  # noqa: PLW2901 - the thing itself, not its reference
                if kind.get("type") == "string" and "enum" not in kind and "const" not in kind:
                    assert "maxLength" in kind or kind.get("format") == "date-time", f"{route} {name}"
                if kind.get("type") == "integer":
                    assert {"minimum", "maximum"} <= kind.keys(), f"{route} {name}"


async def test_everything_that_is_sent_is_described(client: Client) -> None:
    document = (await client.get("/openapi.json")).json()
    silent: list[str] = []
    seen: set[str] = set()
    waiting = [(str(route), route.body_schema) for route in routes(document) if route.body_schema is not None]
    while waiting:
        where, schema = waiting.pop()
        schema = resolve(schema, document)
        for name, each in schema.get("properties", {}).items():
            if not each.get("description"):
                silent.append(f"{where} {name}")
            if f"{where} {name}" not in seen and where.count(".") < 5:
                seen.add(f"{where} {name}")
                waiting.append((f"{where}.{name}", each))
        waiting += [(where, option) for option in schema.get("anyOf", [])]
        waiting += [(f"{where}[]", schema["items"])] if "items" in schema else []
    assert len(seen) > 150
    # What a reference alone says of all its users says nothing of this one.
    vague = {wire_description(Amount), wire_description(Key)}
    for route in routes(document):
        for name, each in (route.body_schema or {}).get("properties", {}).items():
            if each.get("description") in vague:
                silent.append(f"{route} {name}")
    assert not silent, "\n".join(sorted(set(silent)))


def wire_description(kind: Any) -> str:
    return next(meta.description for meta in kind.__metadata__)


# Each finds what it names: the examples tell one story, from an empty workspace on.
STORY = [
    *("payment_currencies", "customers", "meters", "products", "prices", "credit_grants", "budgets", "grant_schedules"),
    *("usage/check", "usage", "usage/batch", "holds"),
]


async def test_every_example_is_accepted_as_it_is_printed(trading: Shop) -> None:
    document = (await trading.client.get("/openapi.json")).json()
    told = [f"/v1/{path}" for path in STORY]
    with_body = [route for route in routes(document) if route.body_schema is not None]
    wrong: list[str] = []
    for route in sorted(with_body, key=lambda each: told.index(each.path) if each.path in told else len(told)):
        example = route.operation["requestBody"]["content"]["application/json"].get("example")
        if example is None:
            wrong.append(f"{route} has no example")
            continue
        # Ids are made by us, so that none can be printed beforehand.
        own = {"topup_id": trading.id("topups")}
        body = {name: own.get(name, value) for name, value in example.items()}
        answer = await trading.call(route.method, trading.path(route) if route.in_path else route.path, body)
        problem = {} if answer.is_success else answer.json()
        # What the story's customer still lacks, and what a story that was told has ended.
        if not (answer.is_success or answer.status_code == 409 or problem["code"] == "no_payment_method"):
            wrong.append(f"{route} -> {answer.text}")
        if route.path in told and not answer.is_success:
            wrong.append(f"{route} -> {answer.text}")
        if route.path in {"/v1/holds", "/v1/payment_currencies", "/v1/budgets", "/v1/grant_schedules"}:
            trading.made[route.resource] = answer.json()
    assert not wrong, "\n".join(wrong)
    balances = await trading.ok("GET", "/v1/customers/user_17/balances")
    assert all(not each["balance"].startswith("-") for each in balances["data"])


async def test_pages_follow_each_other_without_gap_or_repetition(ann: Shop) -> None:
    made = [(await ann.ok("POST", "/v1/customers", {"external_id": f"c{number}"}))["id"] for number in range(7)]
    seen: list[str] = []
    cursor = ""
    while True:
        page = await ann.ok("GET", f"/v1/customers?limit=3{cursor}")
        seen += [customer["id"] for customer in page["data"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == [*reversed(made), ann.id("customers")]


async def test_the_feed_of_events_is_followed_from_the_oldest_on(ann: Shop) -> None:
    first = await ann.ok("GET", "/v1/events?order=oldest")
    assert [event["type"] for event in first["data"]] == ["customer.created"]
    assert first["data"][0]["object_id"] == ann.id("customers")
    place = first["next_cursor"]
    nothing = await ann.ok("GET", f"/v1/events?order=oldest&cursor={place}")
    assert (nothing["data"], nothing["next_cursor"]) == ([], place)
    await ann.ok("POST", f"/v1/customers/{ann.id('customers')}/freeze")
    await ann.ok("POST", f"/v1/customers/{ann.id('customers')}/unfreeze")
    types: list[str] = []
    while len(types) < 2:
        page = await ann.ok("GET", f"/v1/events?order=oldest&limit=1&cursor={place}")
        types += [event["type"] for event in page["data"]]
        place = page["next_cursor"]
    assert types == ["customer.frozen", "customer.unfrozen"]
    everything = await ann.ok("GET", "/v1/events?customer_id=ann")
    assert [event["number"] for event in everything["data"]] == [3, 2, 1]
    assert [event["type"] for event in (await ann.ok("GET", "/v1/events?type=customer.frozen"))["data"]] == [
        "customer.frozen"
    ]


def test_every_kind_of_object_that_events_tell_of_is_shown_by_its_prefixed_id() -> None:
    told: set[str] = set()
    for path in Path(flows.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "NewEvent":
                kind = next(each.value for each in node.keywords if each.arg == "object_type")
                assert isinstance(kind, ast.Constant), f"{path.name}:{node.lineno}: this test reads literals only"
                told.add(str(kind.value))
    assert {"budget", "hold", "grant_schedule", "refund"} <= told
    assert told <= KINDS.keys()
