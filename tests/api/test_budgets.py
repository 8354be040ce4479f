"""Budgets over HTTP: made, seen, changed, deleted; what they refuse and tell."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from support.world import World, open_world

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with open_world(database_url) as opened:
        await opened.api.patch("/workspace", {"time_zone": "Europe/Berlin"})
        await opened.api.put("/test_clock", {"now": "2027-05-05T12:00:00Z"})
        meter = await opened.api.post("/meters", {"name": "Tokens", "event_name": "tokens", "unit": "token"})
        await opened.api.post("/customers", {"external_id": "ann", "name": "Ann"})
        grant = {"customer_id": "ann", "currency_id": meter["currency_id"], "amount": "1000", "category": "paid"}
        await opened.api.post("/credit_grants", grant)
        yield opened


async def limit(world: World, *, status: int = 201, key: str | None = None, **fields: Any) -> Any:
    currency = (await world.api.get("/meters/tokens"))["currency_id"]
    body = {"customer_id": "ann", "currency_id": currency, "limit": "100", "window": "day"} | fields
    return await world.api.post("/budgets", body, status=status, key=key)


def event(key: str, value: str, **properties: str) -> dict[str, Any]:
    return {
        "customer_id": "ann",
        "meter_id": "tokens",
        "idempotency_key": key,
        "value": value,
        "properties": properties,
    }


async def test_a_budget_shows_where_it_stands(world: World) -> None:
    made = await limit(world, name="Ann's day", alert_at=80, metadata={"plan": "free"})
    currency = made["currency_id"]
    expected = {
        "id": made["id"],
        "customer_id": (await world.api.get("/customers/ann"))["id"],
        "currency_id": currency,
        "name": "Ann's day",
        "label_property": None,
        "label": None,
        "meter_id": None,
        "window": "day",
        "limit": "100",
        "hard": True,
        "alert_at": 80,
        "active": True,
        "spent": "0",
        "held": "0",
        "remaining": "100",
        # Midnights of Berlin in summer.
        "window_starts_at": "2027-05-04T22:00:00Z",
        "window_ends_at": "2027-05-05T22:00:00Z",
        "metadata": {"plan": "free"},
        "created_at": "2027-05-05T12:00:00Z",
        "updated_at": "2027-05-05T12:00:00Z",
    }
    assert made == expected
    await world.api.post("/usage", event("job-1", "30"))
    await world.api.post("/holds", {"customer_id": "ann", "meter_id": "tokens", "value": "25"})
    expected |= {"spent": "30", "held": "25", "remaining": "45"}
    assert await world.api.get(f"/budgets/{made['id']}") == expected
    assert (await world.api.get("/budgets", customer_id="ann", currency_id=currency))["data"] == [expected]
    await world.api.put("/test_clock", {"now": "2027-05-05T22:00:00Z"})
    turned = await world.api.get(f"/budgets/{made['id']}")
    assert (turned["spent"], turned["held"], turned["window_starts_at"]) == ("0", "0", "2027-05-05T22:00:00Z")


async def test_what_it_refuses_and_how_it_says_so(world: World) -> None:
    made = await limit(world, limit="40", name="Ann's day")
    await world.api.post("/usage", event("job-1", "30"))
    refused = await world.api.post("/usage", event("job-2", "10.5"), status=409)
    numbers = {
        "budget_id": made["id"],
        "required": "10.5",
        "limit": "40",
        "spent": "30",
        "held": "0",
        "window_ends_at": "2027-05-05T22:00:00Z",
    }
    assert refused["code"] == "budget_exceeded"
    assert {name: refused[name] for name in numbers} == numbers
    assert "top_up_url" not in refused
    batch = await world.api.post("/usage/batch", {"events": [event("job-2", "10.5"), event("job-3", "10")]}, status=200)
    assert [result["status"] for result in batch["data"]] == ["refused", "recorded"]
    refusal = batch["data"][0]["refusal"]
    assert (refusal["status"], refusal["code"]) == (409, "budget_exceeded")
    assert {name: refusal[name] for name in numbers} == numbers
    held = {"customer_id": "ann", "meter_id": "tokens", "value": "1"}
    assert (await world.api.post("/holds", held, status=409))["code"] == "budget_exceeded"


async def test_labels_by_value(world: World) -> None:
    users = await limit(world, limit="10", label_property="user", window="month")
    for number, user in enumerate(["u_1", "u_2", "u_1"]):
        await world.api.post("/usage", event(f"job-{number}", "4", user=user))
    assert (users["spent"], users["held"], users["remaining"]) == (None, None, None)
    await world.api.post("/usage", event("job-9", "4", user="u_1"), status=409)
    first = await world.api.get(f"/budgets/{users['id']}/labels", limit=1)
    (second,) = first["data"]
    assert second == {
        "label": "u_2",
        "limit": "10",
        "spent": "4",
        "held": "0",
        "remaining": "6",
        "window_starts_at": "2027-04-30T22:00:00Z",
        "window_ends_at": "2027-05-31T22:00:00Z",
    }
    rest = await world.api.get(f"/budgets/{users['id']}/labels", limit=1, cursor=first["next_cursor"])
    assert [(each["label"], each["spent"]) for each in rest["data"]] == [("u_1", "8")]
    assert rest["next_cursor"] is None


async def test_it_is_changed_and_deleted(world: World) -> None:
    made = await limit(world, alert_at=50)
    path = f"/budgets/{made['id']}"
    changed = await world.api.patch(path, {"limit": "5.5", "name": "less", "alert_at": None})
    assert (changed["limit"], changed["name"], changed["alert_at"], changed["hard"]) == ("5.5", "less", None, True)
    await world.api.post("/usage", event("job-1", "6"), status=409)
    await world.api.patch(path, {"active": False})
    await world.api.post("/usage", event("job-1", "6"))
    await world.api.patch(path, {"active": True})
    await world.api.post("/usage", event("job-2", "6"), status=409)
    await world.api.call("DELETE", path, status=204)
    await world.api.post("/usage", event("job-2", "6"))
    assert (await world.api.get("/budgets"))["data"] == []
    await world.api.get(path, status=404)
    await world.api.call("DELETE", path, status=404)


async def test_what_is_told(world: World) -> None:
    made = await limit(world, limit="10", alert_at=50)
    await world.api.post("/usage", event("job-1", "10"))
    rows = await world.db.fetch("select type, data, object_id from events where object_type = 'budget' order by number")
    assert [row["type"] for row in rows] == ["budget.created", "budget.alert_reached", "budget.exceeded"]
    assert rows[2]["data"] == {
        "budget": made["id"],
        "name": "",
        "currency": made["currency_id"],
        "property": None,
        "label": None,
        "limit": "10",
        "spent": "10",
        "held": "0",
        "window_starts_at": "2027-05-04T22:00:00Z",
        "window_ends_at": "2027-05-05T22:00:00Z",
    }


async def test_law_07_a_budget_is_made_once(world: World) -> None:
    first = await limit(world, key="order-1")
    assert await limit(world, key="order-1") == first
    assert (await limit(world, key="order-1", limit="5", status=409))["code"] == "idempotency_mismatch"
    assert len((await world.api.get("/budgets"))["data"]) == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"limit": "-1"}, "limit"),
        ({"limit": "1.001"}, "limit"),
        ({"limit": 5}, "limit"),
        ({"window": "year"}, "window"),
        ({"label": "search"}, "label"),
        ({"label_property": ""}, "label_property"),
        ({"label_property": "team", "label": "a\0"}, "label"),
        ({"label_property": "x" * 65}, "label_property"),
        ({"label_property": "team", "label": "x" * 256}, "label"),
        ({"customer_id": "nobody"}, "customer_id"),
        ({"currency_id": "USD"}, "currency_id"),
        ({"currency_id": "nothing"}, "currency_id"),
        ({"meter_id": "nothing"}, "meter_id"),
        ({"meter_id": "calls"}, "meter_id"),
        ({"alert_at": 0}, "alert_at"),
        ({"alert_at": 100}, "alert_at"),
        ({"hard": "yes"}, "hard"),
        ({"name": "x" * 256}, "name"),
        ({"metadata": {"a": [1]}}, "metadata.a"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
async def test_bad_input_names_its_field(world: World, change: dict[str, Any], field: str) -> None:
    await world.api.post("/meters", {"name": "Calls", "event_name": "calls", "unit": "call"})
    refused = await limit(world, status=422, **change)
    assert [each["field"] for each in refused["errors"]] == [field]
    assert (await world.api.get("/budgets"))["data"] == []
