"""`POST /v1/usage/check`: may this be spent? Answers as the debit would, and takes nothing."""

from collections.abc import AsyncIterator
from typing import Any
from unittest import mock

import asyncpg
import pytest

from support.contents import contents
from support.world import World, open_world

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with open_world(database_url) as opened:
        await opened.api.put("/test_clock", {"now": "2027-05-05T12:00:00Z"})
        await opened.api.post(
            "/meters", {"name": "Tokens", "event_name": "tokens", "unit": "token", "credits_per_unit": "0.5"}
        )
        await opened.api.post("/customers", {"external_id": "ann", "name": "Ann"})
        yield opened


async def give(world: World, amount: str, **fields: Any) -> None:
    currency = (await world.api.get("/meters/tokens"))["currency_id"]
    await world.api.post("/credit_grants", {"customer_id": "ann", "currency_id": currency, "amount": amount} | fields)


async def ask(world: World, value: str | None = "10", *, status: int = 200, **fields: Any) -> Any:
    body = {"customer_id": "ann", "meter_id": "tokens", "value": value} | fields
    return await world.api.post(
        "/usage/check", {name: each for name, each in body.items() if each is not None}, status=status
    )


async def test_what_it_answers(world: World) -> None:
    await give(world, "6")
    found = await ask(world)
    assert found == {
        "allowed": True,
        "code": None,
        "detail": None,
        "customer_id": (await world.api.get("/customers/ann"))["id"],
        "currency_id": (await world.api.get("/meters/tokens"))["currency_id"],
        "required": "5",
        "available": "6",
        "balance": "6",
        "owed": "0",
        "top_up_url": None,
        "budget_id": None,
        "budgets": [],
        "as_of": "2027-05-05T12:00:00Z",
    }
    short = await ask(world, "12.02")
    assert (short["allowed"], short["code"], short["required"]) == (False, "insufficient_credits", "6.01")
    assert (await ask(world, "12.02", shortfall="owe"))["allowed"]
    currency = found["currency_id"]
    unscoped = {"meter_id": None, "value": None, "currency_id": currency}
    assert (await ask(world, **unscoped, amount="6"))["allowed"]
    assert not (await ask(world, **unscoped, amount="6.01"))["allowed"]


async def test_before_there_is_a_wallet(world: World) -> None:
    found = await ask(world)
    assert (found["allowed"], found["code"], found["balance"]) == (False, "insufficient_credits", "0")
    assert (await ask(world, "0"))["allowed"]
    await world.api.post("/customers/ann/freeze", status=200)
    assert (await ask(world, "0"))["code"] == "wallet_frozen"


async def test_frozen_inactive_scoped_and_expired(world: World) -> None:
    await give(world, "4", scope=["tokens"], expires_at="2027-05-05T13:00:00Z")
    await give(world, "3")
    assert [(await ask(world, "14"))["allowed"], (await ask(world, "14.02"))["allowed"]] == [True, False]
    currency = (await world.api.get("/meters/tokens"))["currency_id"]
    unscoped = await ask(world, None, meter_id=None, currency_id=currency, amount="3.01")
    assert (unscoped["allowed"], unscoped["available"], unscoped["balance"]) == (False, "3", "7")
    await world.api.put("/test_clock", {"now": "2027-05-05T12:59:59.999999Z"})
    assert (await ask(world, "14"))["allowed"]
    await world.api.put("/test_clock", {"now": "2027-05-05T13:00:00Z"})
    ended = await ask(world, "14")
    assert (ended["allowed"], ended["available"], ended["balance"]) == (False, "3", "3")
    await world.api.post("/customers/ann/freeze", status=200)
    assert (await ask(world))["code"] == "wallet_frozen"
    await world.api.patch("/meters/tokens", {"status": "inactive"})
    world.context.usage_names._meters = type(world.context.usage_names._meters)(size_max=1, seconds=0)
    inactive = await ask(world)
    assert (inactive["allowed"], inactive["code"], inactive["required"]) == (False, "meter_inactive", None)


async def test_budgets_are_asked_and_shown(world: World) -> None:
    await give(world, "1000")
    currency = (await world.api.get("/meters/tokens"))["currency_id"]
    budget = {"customer_id": "ann", "currency_id": currency, "window": "day"}
    day = await world.api.post("/budgets", budget | {"limit": "50", "name": "day", "hard": False})
    user = await world.api.post("/budgets", budget | {"limit": "6", "label_property": "user"})
    usage = {"customer_id": "ann", "meter_id": "tokens", "idempotency_key": "job-1", "value": "10"}
    await world.api.post("/usage", usage | {"properties": {"user": "u_1"}})
    found = await ask(world, "2.02", properties={"user": "u_1"})
    assert (found["allowed"], found["code"], found["budget_id"]) == (False, "budget_exceeded", user["id"])
    assert found["top_up_url"] is None
    shown = [
        (each["budget_id"], each["label"], each["hard"], each["spent"], each["remaining"]) for each in found["budgets"]
    ]
    assert shown == [(day["id"], None, False, "5", "45"), (user["id"], "u_1", True, "5", "1")]
    assert (await ask(world, "2", properties={"user": "u_1"}))["allowed"]
    assert (await ask(world, "12", properties={"user": "u_2"}))["allowed"]
    assert [each["budget_id"] for each in (await ask(world, "2000"))["budgets"]] == [day["id"]]


async def test_it_writes_nothing(world: World) -> None:
    await give(world, "6")
    before = await contents(world.db)
    for value in ("1", "100"):
        await ask(world, value)
    assert await contents(world.db) == before


async def test_one_statement_in_the_common_case(world: World) -> None:
    """Names, keys and meters are remembered for a second or for good: the quickest of several requests reads one row."""
    await give(world, "6")
    counts: list[int] = []
    real = asyncpg.Connection._execute

    async def counted(self: Any, *args: Any, **more: Any) -> Any:
        counts[-1] += 1
        return await real(self, *args, **more)

    with mock.patch.object(asyncpg.Connection, "_execute", counted):
        for _ in range(8):
            counts.append(0)
            assert (await ask(world))["allowed"]
    assert min(counts) == 1


@pytest.mark.parametrize(
    ("fields", "status", "field"),
    [
        ({"value": "-1"}, 422, "value"),
        ({"value": None}, 422, "value"),
        ({"amount": "1"}, 422, "value"),
        ({"currency_id": "USD"}, 422, "meter_id"),
        ({"meter_id": None}, 422, "meter_id"),
        ({"meter_id": None, "value": None, "currency_id": "USD", "amount": "1"}, 422, "currency_id"),
        ({"meter_id": "nothing"}, 404, None),
        ({"customer_id": "nobody"}, 404, None),
        ({"properties": {"a": [1]}}, 422, "properties.a"),
    ],
)
async def test_bad_input_names_its_field(world: World, fields: dict[str, Any], status: int, field: str | None) -> None:
    answer = await ask(world, status=status, **fields)
    assert [each["field"] for each in answer.get("errors", [])] == ([] if field is None else [field])
