"""Law 7 for a client that sends its POSTs again without a key: no second effect."""

from __future__ import annotations

import asyncio

import pytest
from tests.api.paymentkit.conftest import Kit, kit_of

from replenish.api.paymentkit import credit_grants
from replenish.flows import manage_clients
from support.world import World

pytestmark = pytest.mark.anyio


async def count(world: World, table: str) -> int:
    return await world.db.pool.fetchval(f"select count(*) from {table}")  # noqa: S608 - a name of ours


async def test_law_07_the_same_grant_again_is_the_same_grant(kit: Kit, world: World) -> None:
    credit = (await kit.meter())["currency_id"]
    first = await kit.grant(credit, "3")
    again = await kit.grant(credit, "3")
    assert again["id"] == first["id"]
    assert (await kit.grant(credit, "4"))["id"] != first["id"], "another body is another request"
    assert await count(world, "lots") == 2


async def test_law_07_many_at_once_are_one(kit: Kit, world: World) -> None:
    credit = (await kit.meter())["currency_id"]
    made = await asyncio.gather(*(kit.grant(credit, "3") for _ in range(8)))
    assert len({each["id"] for each in made}) == 1
    assert await count(world, "lots") == 1


async def test_law_07_another_client_asks_for_itself(kit: Kit, world: World) -> None:
    credit = (await kit.meter())["currency_id"]
    second = await kit_of(world)
    assert (await kit.grant(credit, "3"))["id"] != (await second.grant(credit, "3"))["id"]


@pytest.mark.parametrize(("passed", "lots"), [("14 seconds", 1), ("16 seconds", 2)])
async def test_law_07_fifteen_seconds_after_the_answer(kit: Kit, world: World, passed: str, lots: int) -> None:
    credit = (await kit.meter())["currency_id"]
    await kit.grant(credit, "3")
    await world.db.pool.execute(
        "update resent_requests set started_at = started_at - $1::text::interval,"
        " finished_at = finished_at - $1::text::interval",
        passed,
    )
    await kit.grant(credit, "3")
    assert await count(world, "lots") == lots


@pytest.mark.parametrize(("passed", "lots"), [("70 seconds", 1), ("80 seconds", 2)])
async def test_law_07_an_answer_that_was_lost(kit: Kit, world: World, passed: str, lots: int) -> None:
    """The process died between commit and answer: the client waits up to a minute and asks again."""
    credit = (await kit.meter())["currency_id"]
    await kit.grant(credit, "3")
    await world.db.pool.execute(
        "update resent_requests set started_at = started_at - $1::text::interval, finished_at = null", passed
    )
    await kit.grant(credit, "3")
    assert await count(world, "lots") == lots


async def test_law_07_a_fault_of_ours_after_the_commit(kit: Kit, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The grant stands, its answer is a 500; the client sends it again, and finds it."""
    credit = (await kit.meter())["currency_id"]

    async def broken(*_: object) -> list[object]:
        raise RuntimeError("the answer cannot be written")

    body = {"customer_id": "ann", "currency_id": credit, "amount": "3", "category": "paid"}
    with monkeypatch.context() as patch:
        patch.setattr(credit_grants, "show_grants", broken)
        assert (await kit.send("POST", "/credit-grants", body)).status_code == 500
    assert await count(world, "lots") == 1
    assert (await kit.ok("POST", "/credit-grants", body))["amount"] == "300"
    assert await count(world, "lots") == 1


async def test_law_07_a_refusal_is_not_remembered(kit: Kit) -> None:
    body = {"name": "Pack", "prices": [{"unit_amount": "1", "currency_id": "soon"}]}
    assert (await kit.refused("POST", "/products", body))[0] == 400
    await kit.ok("POST", "/payment-currencies", {"name": "Soon", "symbol": "SOON", "decimal": 2})
    assert (await kit.ok("POST", "/products", body | {"prices": [{"unit_amount": "1", "currency_id": "SOON"}]}))["id"]


async def test_law_07_a_key_of_its_own_is_honoured(kit: Kit, world: World) -> None:
    credit = (await kit.meter())["currency_id"]
    body = {"customer_id": "ann", "currency_id": credit, "amount": "3", "category": "paid"}
    bearer = {"Authorization": f"Bearer {world.api.key}"}
    ids = [
        (await kit.send("POST", "/credit-grants", body, headers=bearer | {"Idempotency-Key": key})).json()["id"]
        for key in ("one", "one", "two")
    ]
    assert ids[0] == ids[1] != ids[2]
    other = await kit.send(
        "POST", "/credit-grants", body | {"amount": "9"}, headers=bearer | {"Idempotency-Key": "one"}
    )
    assert other.status_code == 409


async def test_law_07_what_only_sets_something_is_done_each_time(kit: Kit) -> None:
    await kit.meter()
    for verb, status in (("deactivate", "inactive"), ("activate", "active"), ("deactivate", "inactive")):
        assert (await kit.ok("PUT", f"/meters/renders/{verb}"))["status"] == status
    for name in ("A", "B", "A"):
        await kit.ok("PUT", "/meters/renders", {"name": name})
    assert (await kit.ok("GET", "/meters/renders"))["name"] == "A"


async def test_law_07_meter_events_by_their_identifier(kit: Kit, world: World) -> None:
    credit = (await kit.meter())["currency_id"]
    await kit.grant(credit, "10")
    first = await kit.use("job-1", "2")
    assert (await kit.use("job-1", 2, timestamp=1))["id"] == first["id"], "another timestamp, the same event"
    assert (await kit.use("job-1", "2.00", metadata={"try": 2}))["id"] == first["id"]
    body = {"event_name": "renders", "identifier": "job-1", "payload": {"customer_id": "ann", "value": "3"}}
    assert (await kit.refused("POST", "/meter-events", body))[:2] == (409, "IDEMPOTENCY_MISMATCH")
    many = await asyncio.gather(*(kit.use("job-2", "1") for _ in range(10)))
    assert len({each["id"] for each in many}) == 1
    summary = await kit.ok("GET", "/credit-grants/summary", customer_id="ann")
    assert summary[credit]["remainingAmount"] == "700"
    assert await count(world, "usage_events") == 2


async def test_old_requests_are_forgotten(kit: Kit, world: World) -> None:
    credit = (await kit.meter())["currency_id"]
    await kit.grant(credit, "3")
    await world.db.pool.execute("update resent_requests set started_at = now() - interval '2 hours'")
    await manage_clients.begin_request(db=world.db, workspace_id=world.test, digest=b"new")
    assert await count(world, "resent_requests") == 1
