"""Grant schedules over HTTP: make, change, pause, resume, cancel; periods and grants name each other."""

from collections.abc import AsyncIterator

import pytest

from replenish.core.db import Database
from replenish.flows.expire_credits import book_due_wallets
from replenish.flows.grant_by_schedule import grant_due_schedules
from support.api_shop import Shop
from support.bad_input import NO_AMOUNT, NO_METADATA
from support.contents import contents
from support.world import World, open_world

pytestmark = pytest.mark.anyio
PATH = "/grant_schedules"


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with open_world(database_url) as opened:
        await opened.api.post("/meters", {"name": "Tokens", "event_name": "tokens", "unit": "token"})
        await opened.api.post("/customers", {"external_id": "ann", "name": "Ann"})
        await be(opened, "2031-01-31T09:30:00Z")
        yield opened


async def be(world: World, moment: str) -> None:
    """It becomes `moment`, and the worker does all that is due."""
    await world.api.put("/test_clock", {"now": moment})
    while await grant_due_schedules(db=world.db):
        pass
    await book_due_wallets(world.db)


async def schedule(world: World, **fields: object) -> dict:
    meter = await world.api.get("/meters/tokens")
    body = {"customer_id": "ann", "currency_id": meter["currency_id"], "cadence": "monthly"}
    return await world.api.post(PATH, body | ({} if "target" in fields else {"amount": "50"}) | fields)


async def available(world: World) -> str:
    return (await world.api.get("/customers/ann/balances"))["data"][0]["available"]


async def periods(world: World, made: dict) -> list[dict]:
    return (await world.api.get(f"{PATH}/{made['id']}/periods"))["data"][::-1]


async def test_credits_come_at_once_and_every_month(world: World) -> None:
    made = await schedule(world, name="Pro", metadata={"plan": "pro"}, scope=["tokens"], priority=5)
    assert made["id"].startswith("gs_")
    assert (made["state"], made["time_zone"], made["every"], made["next_grant_at"]) == (
        "active",
        "UTC",
        1,
        "2031-02-28T09:30:00Z",
    )
    assert await available(world) == "50"
    await be(world, "2031-02-28T09:00:00Z")
    assert (await world.api.get(f"{PATH}/{made['id']}"))["next_grant_at"] == "2031-02-28T09:30:00Z", "ready, not begun"
    await be(world, "2031-02-28T09:30:00Z")
    assert (await world.api.get(f"{PATH}/{made['id']}"))["next_grant_at"] == "2031-03-31T09:30:00Z"
    assert await available(world) == "50"
    first, second = await periods(world, made)
    assert (second["number"], second["state"], second["amount"], second["starts_at"]) == (
        2,
        "granted",
        "50",
        "2031-02-28T09:30:00Z",
    )
    grant = await world.api.get(f"/credit_grants/{second['credit_grant_id']}")
    assert (grant["source"], grant["grant_schedule_id"], grant["name"], grant["effective_at"], grant["expires_at"]) == (
        "schedule",
        made["id"],
        "Pro",
        second["starts_at"],
        second["ends_at"],
    )
    assert (grant["metadata"], grant["priority"], len(grant["scope"])) == ({"plan": "pro"}, 5, 1)
    assert (await world.api.get(f"/credit_grants/{first['credit_grant_id']}"))["status"] == "expired"
    lines = (await world.api.get("/credit_transactions", customer_id="ann"))["data"]
    assert [line["description"] for line in lines] == ["Expired", "Recurring grant: Pro", "Recurring grant: Pro"]


async def test_pause_resume_change_and_cancel(world: World) -> None:
    made = await schedule(world, rollover_amount_max="5.5")
    path = f"{PATH}/{made['id']}"
    paused = await world.api.post(f"{path}/pause", key="pause-1", status=200)
    assert (paused["state"], paused["next_grant_at"], paused["paused_at"]) == ("paused", None, "2031-01-31T09:30:00Z")
    await be(world, "2031-03-01T00:00:00Z")
    resumed = await world.api.post(f"{path}/resume", status=200)
    assert (resumed["state"], resumed["paused_at"], resumed["next_grant_at"]) == (
        "active",
        None,
        "2031-03-31T09:30:00Z",
    )
    # The first answer's effect is not repeated: it shows the present state.
    assert (await world.api.post(f"{path}/pause", key="pause-1", status=200))["state"] == "active"
    changed = await world.api.patch(
        path, {"amount": "60", "name": "Pro", "rollover_amount_max": None, "periods_max": 3}
    )
    assert (changed["amount"], changed["name"], changed["rollover_amount_max"], changed["periods_max"]) == (
        "60",
        "Pro",
        None,
        3,
    )
    await be(world, "2031-03-31T09:30:00Z")
    assert [(each["number"], each["reason"], each["amount"]) for each in await periods(world, made)] == [
        (1, None, "50"),
        (2, "paused", "0"),
        (3, None, "60"),
    ]
    assert (await world.api.get(path))["state"] == "ended"
    refused = await world.api.post(f"{path}/cancel", status=409)
    assert refused["code"] == "grant_schedule_ended"
    other = await schedule(world)
    assert (await world.api.post(f"{PATH}/{other['id']}/cancel", status=200))["state"] == "cancelled"
    refused = await world.api.patch(f"{PATH}/{other['id']}", {"name": "x"}, status=409)
    assert refused["code"] == "grant_schedule_cancelled"
    assert [each["id"] for each in (await world.api.get(PATH, customer_id="ann"))["data"]] == [other["id"], made["id"]]


async def test_a_target_is_lifted_to(world: World) -> None:
    made = await schedule(world, target="100", valid_duration_value=0)
    await world.api.post("/usage", {"customer_id": "ann", "meter_id": "tokens", "value": "30", "idempotency_key": "a"})
    await be(world, "2031-02-28T09:30:00Z")
    await be(world, "2031-03-31T09:30:00Z")
    assert [(each["amount"], each["reason"]) for each in await periods(world, made)] == [
        ("100", None),
        ("30", None),
        ("0", "full"),
    ]
    assert await available(world) == "100"


WRONG = [
    *(({"amount": value}, "amount") for value in [*NO_AMOUNT, "0", "1.123"] if value is not None),
    ({"amount": None}, "amount"),
    ({"target": "5"}, "amount"),
    *(({"cadence": value}, "cadence") for value in ["daily", None, 5, ""]),
    *(({"every": value}, "every") for value in [0, -1, 101, "1", 1.5, 10**30]),
    *(({"periods_max": value}, "periods_max") for value in [0, -1, 10_001, "1"]),
    *(({"starts_at": value}, "starts_at") for value in ["2031-01-01", "soon", 5, "1999-01-01T00:00:00Z"]),
    ({"starts_at": "9999-12-31T23:59:59Z"}, "starts_at"),
    ({"ends_at": "2000-01-01T00:00:00Z"}, "ends_at"),
    ({"ends_at": "9999-12-31T23:59:59-10:00"}, "ends_at"),
    *(({"valid_duration_value": value}, "valid_duration_value") for value in [-1, 1_000_000, "1", 10**30]),
    ({"valid_duration_value": 101, "valid_duration_unit": "years"}, "valid_duration_value"),
    ({"valid_duration_unit": "minutes"}, "valid_duration_unit"),
    ({"rollover_amount_max": "0"}, "rollover_amount_max"),
    ({"rollover_amount_max": "5", "valid_duration_value": 0}, "rollover_amount_max"),
    ({"amount": None, "target": "9", "rollover_amount_max": "5"}, "rollover_amount_max"),
    ({"category": "free"}, "category"),
    *(({"priority": value}, "priority") for value in [-1, 101, "5"]),
    *(({"name": value}, "name") for value in [5, None, "x" * 256, "a\0"]),
    ({"scope": ["nothing"]}, "scope[0]"),
    ({"scope": "tokens"}, "scope"),
    ({"currency_id": "USD"}, "currency_id"),
    ({"nonsense": 1}, "nonsense"),
    *(({"metadata": value}, field) for value, field in NO_METADATA),
]


async def test_what_is_wrong_is_refused_by_name_and_nothing_is_written(ann: Shop, db: Database) -> None:
    before = await contents(db)
    wrong = []
    for change, field in WRONG:
        answer = await ann.call("POST", f"/v1{PATH}", {**ann.body("grant_schedules"), **change})
        named = [error["field"] for error in answer.json().get("errors", [])]
        if answer.status_code != 422 or named != [field]:
            wrong.append(f"{change} -> {answer.status_code} {named}, not {field}: {answer.text[:200]}")
    assert not wrong, "\n".join(wrong)
    assert await contents(db) == before


async def test_law_16_another_customers_schedules_are_not_listed(world: World) -> None:
    await world.api.post("/customers", {"external_id": "ben"})
    await schedule(world)
    assert (await world.api.get(PATH, customer_id="ben"))["data"] == []
