"""The further endpoints that only read, and many changes at once; the arithmetic of a balance, whatever happened to it."""

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

import msgspec
import pytest

from replenish.core.clock import utc_now
from replenish.core.ids import CURRENCY, LOT
from replenish.flows import manage_workspaces
from replenish.flows.manage_budgets import NewBudget, create_budget
from support.addons import EMAIL, Addon, Store, make_addon, open_store

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    async with open_store(database_url) as opened:
        yield opened
        await opened.assert_books_agree()


async def test_history_pages_through_everything(store: Store) -> None:
    used = await store.use(-5, notes="report #1", idempotency_key="job-1")
    added = await store.use(7, notes="sorry")
    await store.use(-1)
    entries, cursor = [], None
    while True:
        page = (await store.ok("usage/history", email=EMAIL, limit=2, cursor=cursor))["data"]
        entries += page["entries"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert [(entry["direction"], entry["units"], entry["balance"], entry["notes"]) for entry in entries] == [
        ("deduct", "-1", "113", ""),
        ("add", "7", "114", "sorry"),
        ("deduct", "-5", "107", "report #1"),
        ("add", "12", "112", ""),
        ("add", "100", "100", ""),
    ]
    assert [entry["version"] for entry in entries] == [5, 4, 3, 2, 1]
    assert entries[0]["idempotency_key"] is None
    assert (entries[2]["idempotency_key"], entries[2]["entry_id"]) == ("job-1", used["data"]["entry_id"])
    assert entries[1]["entry_id"] == added["data"]["entry_id"]


@pytest.mark.parametrize(("name", "value"), [("limit", 0), ("limit", 101), ("limit", "x"), ("cursor", "nonsense")])
async def test_bad_pages(store: Store, name: str, value: object) -> None:
    assert (await store.refused(422, "usage/history", {name: value}, email=EMAIL))["field"] == name


async def test_history_of_one_addon_only(store: Store) -> None:
    other = await make_addon(store.world, workspace_id=store.workspace_id, name="minutes")
    await store.give(3, paid=True, addon=other)
    page = (await store.ok("usage/history", email=EMAIL, product_id=other.number))["data"]
    assert [entry["units"] for entry in page["entries"]] == ["3"]


@pytest.mark.parametrize(
    ("units", "allowed", "reason"),
    [("112", True, None), (-112, True, None), ("113", False, "insufficient_credits")],
)
async def test_check_takes_nothing(store: Store, units: object, allowed: bool, reason: str | None) -> None:
    body = await store.ok("usage/check", email=EMAIL, units=units)
    assert (body["data"]["allowed"], body["data"].get("reason"), body["balance"]) == (allowed, reason, "112")
    assert await store.balance() == "112"


@pytest.mark.parametrize(
    ("policy", "limit", "allowed"), [("none", None, False), ("limited", "5", True), ("limited", "4", False)]
)
async def test_check_knows_the_products_policy(store: Store, policy: Any, limit: str | None, allowed: bool) -> None:
    addon = await make_addon(store.world, workspace_id=store.workspace_id, name="calls", policy=policy, limit=limit)
    for _ in range(2):  # before there is a wallet, and with one
        body = await store.ok("usage/check", email=EMAIL, product_id=addon.number, units=5)
        assert body["data"]["allowed"] is allowed
        await store.send("usage/add", email=EMAIL, product_id=addon.number, units="-0")
        await store.give(1, paid=True, addon=addon)
        await store.ok("usage/add", email=EMAIL, product_id=addon.number, units=-1)


async def test_a_budget_refuses_here_too_and_a_check_says_so(store: Store) -> None:
    """What buyers are given is no usage, and adjustments are the merchant's own: only deductions count."""
    new = NewBudget(customer_id=store.ann, currency_id=store.pack.currency_id, limit=Decimal(10), window="none")
    await create_budget(store.world.db, workspace_id=store.workspace_id, new=new)
    await store.use(-7)
    await store.use(5)
    body = await store.ok("usage/check", email=EMAIL, units=4)
    assert (body["data"]["allowed"], body["data"]["reason"], body["balance"]) == (False, "budget_exceeded", "110")
    fault = await store.refused(409, "usage/add", email=EMAIL, product_id=store.pack.number, units=-4)
    assert fault["type"] == "budget_exceeded"
    assert (await store.ok("usage/check", email=EMAIL, units=3))["data"]["allowed"]
    assert (await store.use(-3))["balance"] == "107"


def entry(units: object, **more: object) -> dict[str, object]:
    return {"email": EMAIL, "units": units} | more


async def test_a_batch_is_the_sequential_loop(store: Store) -> None:
    await store.customer("ben", "ben@example.test")
    entries = [
        entry(-60, idempotency_key="a"),
        entry(-60),
        entry(-30),
        entry(40),
        entry(-60),
        entry(0),
        entry(-1, email="nobody@example.test"),
        entry(-1, email="ben@example.test"),
        entry(5, email="ben@example.test"),
        entry(-60, idempotency_key="a"),
        "not an object",
        entry(-1, amount=-2),
    ]
    data = (await store.ok("usage/batch", entries=entries))["data"]
    shown = [
        (one["code"], one["data"]["balance"] if one["status"] else one["error"]["type"]) for one in data["entries"]
    ]
    assert shown == [
        (200, "52"),
        (402, "insufficient_credits"),
        (200, "22"),
        (200, "62"),
        (200, "2"),
        (422, "validation_error"),
        (404, "buyer_not_found"),
        (402, "insufficient_credits"),
        (200, "5"),
        (200, "52"),
        (422, "validation_error"),
        (422, "validation_error"),
    ]
    assert (data["succeeded"], data["failed"]) == (6, 6)
    assert data["entries"][9]["data"]["replayed"] is True
    assert data["entries"][10]["error"]["field"] == "entries[10]"


async def test_law_07_a_batch_sent_again_with_its_key(store: Store) -> None:
    body = {"idempotency_key": "night-1", "entries": [entry(-2), entry(3), entry(-4, idempotency_key="own")]}
    first = (await store.ok("usage/batch", body))["data"]["entries"]
    again = (await store.ok("usage/batch", body))["data"]["entries"]
    assert [one["data"]["replayed"] for one in again] == [True] * 3
    assert [one["data"]["entry_id"] for one in again] == [one["data"]["entry_id"] for one in first]
    assert await store.balance() == "109"


@pytest.mark.parametrize("entries", [None, [], "x", {}, [{}] * 501], ids=["none", "0", "text", "object", "501"])
async def test_batches_have_1_to_500_entries(store: Store, entries: object) -> None:
    assert (await store.refused(422, "usage/batch", entries=entries))["field"] == "entries"


async def test_five_hundred_at_once(store: Store) -> None:
    data = (await store.ok("usage/batch", entries=[entry(-1)] * 500))["data"]
    assert (data["succeeded"], data["failed"]) == (112, 388)
    assert await store.balance() == "0"


async def test_scopes_count_per_entry(store: Store) -> None:
    token = await store.key("usage:write")
    data = (await store.ok("usage/batch", auth_token=token, entries=[entry(-1), entry(1)]))["data"]
    assert [one["code"] for one in data["entries"]] == [200, 403]


async def _hold(store: Store, addon: Addon, chance: Random, *, what: str, units: str) -> None:
    api = store.world.api
    headers = {"Authorization": f"Bearer {api.key}"}
    if what == "hold":
        body = {"customer_id": "ann", "currency_id": CURRENCY.text(addon.currency_id), "value": units}
        await store.http.post("/v1/holds", json=body, headers=headers)
        return
    for hold in (await api.get("/holds", customer_id="ann", limit=1))["data"]:
        verb, body = chance.choice([("capture", {"value": units}), ("release", None)])
        await store.http.post(f"/v1/holds/{hold['id']}/{verb}", json=body, headers=headers)


async def _something_happens(store: Store, addon: Addon, chance: Random, *, day: int) -> None:
    """One of the things that change a balance, by either API or by time."""
    api, currency = store.world.api, CURRENCY.text(addon.currency_id)
    units = str(chance.randint(1, 60))
    match chance.choice(["use", "use", "use", "add", "lapse", "take", "void", "wait", "reverse", "hold", "capture"]):
        case "use":
            await store.send("usage/add", email=EMAIL, product_id=addon.number, units=f"-{units}")
        case "add":
            await store.ok("usage/add", email=EMAIL, product_id=addon.number, units=units)
        case "lapse":
            ends = utc_now() + timedelta(days=day + chance.randint(1, 5))
            grant = {"customer_id": "ann", "currency_id": currency, "amount": units, "expires_at": ends.isoformat()}
            await api.post("/credit_grants", grant | {"category": chance.choice(["paid", "promotional"])})
        case "hold" | "capture" as what:
            await _hold(store, addon, chance, what=what, units=units)
        case "take":
            body = {"customer_id": "ann", "currency_id": currency, "amount": f"-{units}", "reason": "checked"}
            await store.http.post("/v1/adjustments", json=body, headers={"Authorization": f"Bearer {api.key}"})
        case "void":
            lots = await store.world.db.fetch("select id from lots where closed_at is null")
            lot = LOT.text(chance.choice(lots)["id"]) if lots else LOT.text(LOT.new())
            path = f"/v1/credit_grants/{lot}/void"
            await store.http.post(path, headers={"Authorization": f"Bearer {api.key}"})
        case "wait":
            to = utc_now() + timedelta(days=day)
            await manage_workspaces.move_test_clock(db=store.world.db, workspace_id=store.workspace_id, to=to)
        case _:
            page = (await store.ok("usage/history", email=EMAIL, product_id=addon.number, limit=5))["data"]
            found = [line["entry_id"] for line in page["entries"] if line["type"] == "usage"]
            for event in found[:1]:
                path = f"/v1/usage_events/{event}/reverse"
                headers = {"Authorization": f"Bearer {api.key}"}
                await store.http.post(path, headers=headers, json={"reason": "checked"})


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("policy", ["none", "unlimited"])
async def test_the_arithmetic_holds_whatever_happens(store: Store, seed: int, policy: Any) -> None:
    addon = await make_addon(store.world, workspace_id=store.workspace_id, name="calls", policy=policy)
    await store.give(90, paid=True, addon=addon)
    chance = Random(seed)
    for step in range(30):
        await _something_happens(store, addon, chance, day=step + 1)
        data = (await store.ok("usage", email=EMAIL, product_id=addon.number))["data"]
        added = {name: int(data[name]) for name in ("credits_purchased", "credits_added")}
        gone = ("credits_used", "credits_expired", "credits_refunded", "reserved")
        assert int(data["balance"]) == sum(added.values()) - sum(int(data[name]) for name in gone), msgspec.json.encode(
            data
        )
        assert all(int(data[name]) >= 0 for name in (*added, *gone, "available", "pending"))
