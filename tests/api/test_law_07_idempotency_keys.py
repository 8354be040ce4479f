"""Law 7: same key and same fields, same answer and no second effect; same key and other fields, 409."""

import asyncio

import pytest

from replenish.core.db import Database
from support.api_shop import CREATED, Client, Shop
from support.contents import contents
from support.openapi import routes

CATALOG = (*CREATED, "payment_currencies")
MONEY = ("budgets", "credit_grants", "grant_schedules", "adjustments", "checkout_sessions", "topups", "refunds")


@pytest.mark.parametrize("resource", CATALOG)
async def test_law_07_the_same_request_makes_one_object(ann: Shop, db: Database, resource: str) -> None:
    await _make_twice(ann, db, resource)


async def test_law_07_the_same_request_moves_credits_and_money_once(trading: Shop, db: Database) -> None:
    for resource in MONEY:
        await _make_twice(trading, db, resource)


async def _make_twice(ann: Shop, db: Database, resource: str) -> None:
    headers = {"Idempotency-Key": f"order-{resource}"}
    body = ann.body(resource, "-again")
    first = await ann.call("POST", f"/v1/{resource}", body, headers=headers)
    assert first.status_code == 201, first.text
    before = await contents(db)
    # Fields in another order and spelled-out defaults are the same fields.
    for again in (body, dict(reversed(body.items()))):
        second = await ann.call("POST", f"/v1/{resource}", again, headers=headers)
        assert second.status_code == 201
        # A key's secret was shown once; all else is the same answer.
        assert {**second.json(), "secret": None} == {**first.json(), "secret": None}
    assert await contents(db) == before


@pytest.mark.parametrize("resource", CATALOG)
async def test_law_07_other_fields_under_the_same_key_are_refused(ann: Shop, db: Database, resource: str) -> None:
    await _ask_otherwise(ann, db, resource)


async def test_law_07_other_amounts_under_the_same_key_are_refused(trading: Shop, db: Database) -> None:
    for resource in MONEY:
        await _ask_otherwise(trading, db, resource)


async def _ask_otherwise(ann: Shop, db: Database, resource: str) -> None:
    headers = {"Idempotency-Key": f"order-{resource}"}
    await ann.ok("POST", f"/v1/{resource}", ann.body(resource, "-one"), headers=headers)
    before = await contents(db)
    other = {**ann.body(resource, "-two")}
    answer = await ann.call("POST", f"/v1/{resource}", other, headers=headers)
    assert answer.status_code == 409, answer.text
    assert answer.json()["code"] == "idempotency_mismatch"
    # The same body on another route is another request, too.
    answer = await ann.call("POST", "/v1/customers", {"external_id": "someone-else"}, headers=headers)
    assert answer.status_code == 409
    assert await contents(db) == before


async def test_law_07_simultaneous_requests_make_one_object(ann: Shop) -> None:
    answers = await asyncio.gather(
        *(
            ann.call("POST", "/v1/customers", {"external_id": "ben"}, headers={"Idempotency-Key": "at-once"})
            for _ in range(10)
        )
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_law_07_a_refused_request_leaves_its_key_free(ann: Shop) -> None:
    headers = {"Idempotency-Key": "order-1"}
    bad = await ann.call("POST", "/v1/customers", {"external_id": "ann"}, headers=headers)
    assert bad.status_code == 409
    good = await ann.call("POST", "/v1/customers", {"external_id": "ben"}, headers=headers)
    assert good.status_code == 201


async def test_law_07_a_replay_shows_the_present_state(ann: Shop) -> None:
    headers = {"Idempotency-Key": "order-1"}
    made = await ann.ok("POST", "/v1/customers", {"external_id": "ben"}, headers=headers)
    await ann.ok("PATCH", f"/v1/customers/{made['id']}", {"name": "Ben"})
    again = await ann.ok("POST", "/v1/customers", {"external_id": "ben"}, headers=headers)
    assert (again["id"], again["name"]) == (made["id"], "Ben")


async def test_law_07_keys_of_two_workspaces_are_strangers(ann: Shop, ben: Shop) -> None:
    headers = {"Idempotency-Key": "order-1"}
    one = await ann.ok("POST", "/v1/customers", {"external_id": "carol"}, headers=headers)
    two = await ben.ok("POST", "/v1/customers", {"external_id": "carol"}, headers=headers)
    three = await ann.ok("POST", "/v1/customers", {"external_id": "carol"}, headers=headers, key=ann.live_key)
    assert len({one["id"], two["id"], three["id"]}) == 3


async def test_law_07_a_key_is_kept_for_30_days(ann: Shop, db: Database) -> None:
    headers = {"Idempotency-Key": "order-1"}
    await ann.ok("POST", "/v1/customers", {"external_id": "ben"}, headers=headers)
    await db.pool.execute("update request_keys set created_at = now() - interval '29 days'")
    assert (await ann.call("POST", "/v1/customers", {"external_id": "carol"}, headers=headers)).status_code == 409
    await db.pool.execute("update request_keys set created_at = now() - interval '31 days'")
    assert (await ann.call("POST", "/v1/customers", {"external_id": "carol"}, headers=headers)).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "\x7f"])
async def test_law_07_a_key_that_is_none_is_refused_by_name(ann: Shop, key: str) -> None:
    answer = await ann.call("POST", "/v1/customers", {"external_id": "ben"}, headers={"Idempotency-Key": key})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["Idempotency-Key"]


async def test_law_07_every_route_that_creates_takes_a_key(client: Client) -> None:
    document = (await client.get("/openapi.json")).json()
    creating = [route for route in routes(document) if "201" in route.operation["responses"]]
    assert len(creating) >= len(CATALOG) + len(MONEY)
    # Usage has its own key in the body, kept for good.
    assert [str(route) for route in creating if not route.takes_key and route.resource != "usage"] == []
