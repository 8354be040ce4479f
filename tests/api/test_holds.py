"""Holds over HTTP: reserve, capture less, equal or more, release, extend; twice is once."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from support.world import World, open_world

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with open_world(database_url) as opened:
        meter = await opened.api.post("/meters", {"name": "Tokens", "event_name": "tokens", "unit": "token"})
        await opened.api.post("/customers", {"external_id": "ann", "name": "Ann"})
        grant = {"customer_id": "ann", "currency_id": meter["currency_id"], "amount": "100", "category": "paid"}
        await opened.api.post("/credit_grants", grant)
        yield opened


async def hold(world: World, value: str = "40", **fields: object) -> dict:
    return await world.api.post("/holds", {"customer_id": "ann", "meter_id": "tokens", "value": value} | fields)


async def balance(world: World) -> tuple[str, str, str]:
    found = (await world.api.get("/customers/ann/balances"))["data"][0]
    return found["credits"], found["held"], found["available"]


async def test_a_hold_reserves_and_a_second_one_finds_what_is_left(world: World) -> None:
    made = await hold(world)
    assert (made["status"], made["amount"]) == ("open", "40")
    assert await balance(world) == ("100", "40", "60")
    refused = await world.api.post("/holds", {"customer_id": "ann", "meter_id": "tokens", "value": "61"}, status=402)
    assert (refused["code"], refused["available"]) == ("insufficient_credits", "60")


@pytest.mark.parametrize(
    ("captured", "balance_after", "available"),
    [("0", "100", "100"), ("15.5", "84.5", "84.5"), ("40", "60", "60"), ("90", "10", "10")],
)
async def test_a_capture_takes_what_it_cost_and_frees_the_rest(
    world: World, captured: str, balance_after: str, available: str
) -> None:
    made = await hold(world)
    answer = await world.api.post(f"/holds/{made['id']}/capture", {"value": captured}, status=200)
    assert (answer["replayed"], answer["hold"]["status"], answer["hold"]["captured"]) == (False, "captured", captured)
    assert answer["event"]["debit"] == captured
    assert await balance(world) == (balance_after, "0", available)
    again = await world.api.post(f"/holds/{made['id']}/capture", {"value": captured}, status=200)
    assert again["replayed"]
    assert again["event"] == answer["event"]
    other = await world.api.post(f"/holds/{made['id']}/capture", {"value": "1"}, status=409)
    assert other["code"] == "idempotency_mismatch"


async def test_a_capture_that_cannot_be_paid_keeps_the_hold(world: World) -> None:
    made = await hold(world)
    refused = await world.api.post(f"/holds/{made['id']}/capture", {"value": "100.01"}, status=402)
    assert refused["code"] == "insufficient_credits"
    assert await balance(world) == ("100", "40", "60")
    owed = {"value": "100.01", "shortfall": "owe"}
    answer = await world.api.post(f"/holds/{made['id']}/capture", owed, status=200)
    assert answer["event"]["owed"] == "0.01"


async def test_a_release_frees_once_and_a_captured_hold_refuses_it(world: World) -> None:
    made = await hold(world)
    released = await world.api.post(f"/holds/{made['id']}/release", status=200)
    assert released["status"] == "released"
    assert await world.api.post(f"/holds/{made['id']}/release", status=200) == released
    assert await balance(world) == ("100", "0", "100")
    late = await world.api.post(f"/holds/{made['id']}/capture", {"value": "3"}, status=200)
    assert late["event"]["debit"] == "3"
    taken = await hold(world, "5")
    await world.api.post(f"/holds/{taken['id']}/capture", {"value": "5"}, status=200)
    problem = await world.api.post(f"/holds/{taken['id']}/release", status=409)
    assert problem["code"] == "hold_captured"


async def test_a_hold_is_extended_and_increased_while_the_work_goes_on(world: World) -> None:
    made = await hold(world, expires_in=60)
    longer = await world.api.post(
        f"/holds/{made['id']}/extend", {"expires_in": 600, "increase_by": "20"}, status=200, key="more-1"
    )
    again = await world.api.post(
        f"/holds/{made['id']}/extend", {"expires_in": 600, "increase_by": "20"}, status=200, key="more-1"
    )
    assert longer == again
    assert longer["amount"] == "60"
    gained = datetime.fromisoformat(longer["expires_at"]) - datetime.fromisoformat(made["expires_at"])
    assert gained > timedelta(seconds=500)
    refused = await world.api.post(f"/holds/{made['id']}/extend", {"increase_by": "40.01"}, status=402)
    assert refused["code"] == "insufficient_credits"
    assert (await world.api.get(f"/holds/{made['id']}"))["amount"] == "60"


async def test_holds_are_listed_and_the_same_request_makes_one(world: World) -> None:
    body = {"customer_id": "ann", "meter_id": "tokens", "value": "1"}
    first = await world.api.post("/holds", body, key="stream-1")
    assert await world.api.post("/holds", body, key="stream-1") == first
    second = await hold(world, "2")
    await world.api.post(f"/holds/{second['id']}/release", status=200)
    listed = await world.api.get("/holds", customer_id="ann")
    assert [one["id"] for one in listed["data"]] == [second["id"], first["id"]]
    opened = await world.api.get("/holds", customer_id="ann", only_open="true")
    assert [one["id"] for one in opened["data"]] == [first["id"]]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"value": "0"}, "value"),
        ({"value": "-1"}, "value"),
        ({"value": "1e9"}, "value"),
        ({"expires_in": 0}, "expires_in"),
        ({"expires_in": 86401}, "expires_in"),
        ({"meter_id": None}, "meter_id"),
        ({"currency_id": "USDC"}, "meter_id"),
        ({"meter_id": None, "currency_id": "USDC"}, "currency_id"),
    ],
)
async def test_bad_input_names_its_field_and_holds_nothing(world: World, change: dict[str, object], field: str) -> None:
    body = {"customer_id": "ann", "meter_id": "tokens", "value": "1"} | change
    problem = await world.api.post("/holds", body, status=422)
    assert problem["errors"][0]["field"].startswith(field)
    assert await balance(world) == ("100", "0", "100")
