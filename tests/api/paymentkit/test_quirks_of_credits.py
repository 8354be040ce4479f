"""Meters, meter events, debt and grants, as integrators of the original rely on them."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from tests.api.paymentkit.conftest import Kit

from replenish.flows import manage_workspaces
from replenish.reports.verify import verify
from support.world import World

pytestmark = pytest.mark.anyio

# Meters and events


async def test_law_05_a_number_that_an_event_carries_finds_its_rate_and_budget_as_at_the_other_doors(
    kit: Kit, world: World
) -> None:
    meter = await kit.meter()
    await kit.grant(meter["currency_id"], "100")
    card = [{"properties": {"version": "1.5"}, "rate": {"type": "flat", "credits_per_unit": "3"}}]
    await world.api.patch(f"/meters/{meter['id']}", {"rate_card": card})
    terms = {"customer_id": "ann", "currency_id": meter["currency_id"], "limit": "7", "window": "none"}
    await world.api.post("/budgets", terms | {"label_property": "version", "label": "1.5"})
    for place, version in enumerate((1.5, "1.5")):
        event = await kit.use(f"job-{place}", "1", metadata={"version": version})
        assert (event["credit_consumed"], event["metadata"]) == ("300", {"version": version})
    body = {"event_name": "renders", "identifier": "job-2", "payload": {"customer_id": "ann", "value": "1"}}
    third = body | {"metadata": {"version": 1.5}}
    assert (await kit.refused("POST", "/meter-events", third))[:2] == (409, "BUDGET_EXCEEDED")
    assert (await kit.use("job-2", "1", metadata={"version": 2.5}))["credit_consumed"] == "100"
    assert (await verify(world.db)).clean


@pytest.mark.parametrize("number", ["9" * 130, "1e999999999", "0.1234567890123456789012345", "1e-400"])
async def test_a_number_of_any_size_is_a_property_like_others(kit: Kit, world: World, number: str) -> None:
    """A rate card looks at it; an error there would fail the events of others that wait with it."""
    meter = await kit.meter()
    await kit.grant(meter["currency_id"], "100")
    card = [{"properties": {"size": "1"}, "rate": {"type": "flat", "credits_per_unit": "3"}}]
    await world.api.patch(f"/meters/{meter['id']}", {"rate_card": card})
    body = (
        '{"event_name": "renders", "identifier": "job-1", "payload": {"customer_id": "ann", "value": "1"},'
        f' "metadata": {{"size": {number}}}}}'
    )
    headers = {"Authorization": f"Bearer {world.api.key}", "Content-Type": "application/json"}
    answer = await world.http.post("/api/meter-events", content=body, headers=headers)
    assert (answer.status_code, answer.json().get("credit_consumed")) == (200, "100")


async def test_meters(kit: Kit) -> None:
    meter = await kit.meter(decimal="4", description="", metadata={"x": 1})
    assert (meter["paymentCurrency"]["decimal"], meter["aggregation_method"]) == (4, "sum")
    twin = await kit.meter("twin", currency_id=meter["currency_id"])
    assert twin["currency_id"] == meter["currency_id"]
    assert (await kit.ok("GET", f"/meters/{meter['id']}"))["event_name"] == "renders"
    assert (await kit.ok("PUT", "/meters/renders", {"unit": "frame"}))["unit"] == "frame"
    body = {"name": "L", "event_name": "l", "unit": "l", "aggregation_method": "last"}
    assert (await kit.refused("POST", "/meters", body))[0] == 501
    assert (await kit.refused("POST", "/meters", body | {"aggregation_method": "sum", "currency_id": "USD"}))[0] == 400


async def test_an_inactive_meter_and_an_unknown_customer(kit: Kit) -> None:
    credit = (await kit.meter())["currency_id"]
    body = {"event_name": "renders", "identifier": "1", "payload": {"customer_id": "ann", "value": "1"}}
    assert (await kit.refused("POST", "/meter-events", body))[:2] == (404, "CUSTOMER_NOT_FOUND")
    await kit.grant(credit, "1")
    await kit.ok("PUT", "/meters/renders/deactivate")
    assert (await kit.refused("POST", "/meter-events", body))[:2] == (409, "METER_INACTIVE")
    await kit.ok("PUT", "/meters/renders/activate")
    assert (await kit.ok("POST", "/meter-events", body))["status"] == "completed", "the identifier was not used up"


async def test_law_06_debt_and_its_repayment(kit: Kit, world: World) -> None:
    credit = (await kit.meter())["currency_id"]
    await kit.grant(credit, "1")
    event = await kit.use("a", "2.5", source_data={"job": "7"}, metadata={"k": "v"})
    assert (event["credit_consumed"], event["credit_pending"]) == ("100", "150")
    assert (event["source_data"], event["metadata"]) == ({"job": "7"}, {"k": "v"})
    assert (await kit.ok("GET", "/meter-events", status="requires_capture"))["count"] == 1
    assert await kit.ok("GET", "/meter-events/pending-amount", customer_id="ann") == {credit: "150"}
    second = await kit.grant(credit, "1", name="later")
    assert second["status"] == "depleted"
    assert (await kit.ok("GET", f"/meter-events/{event['id']}"))["credit_pending"] == "50"
    third = await kit.grant(credit, "2", name="enough")
    assert (third["remaining_amount"], third["status"]) == ("150", "granted")
    assert (await kit.ok("GET", f"/meter-events/{event['id']}"))["status"] == "completed"
    rows = (await kit.ok("GET", "/credit-transactions", source=event["id"]))["list"]
    assert [(row["amount"], row["type"]) for row in rows] == [
        ("-50", "consumption"),
        ("-100", "consumption"),
        ("-100", "consumption"),
    ]
    unified = (await kit.ok("GET", "/credit-transactions", customer_id="ann", include_grants="true"))["list"]
    assert [row["activity_type"] for row in unified].count("grant") == 3
    for row in unified:
        assert (await kit.ok("GET", f"/credit-transactions/{row['id']}"))["id"] == row["id"]
    total = await kit.ok("GET", "/credit-transactions/summary", customer_id="ann")
    assert (total["total_credit_amount"], total["total_quantity"], total["transaction_count"]) == ("250", "250", 3)
    assert await world.db.pool.fetchval("select count(*) from owed_items where closed_at is null") == 0


async def test_debt_has_no_limit_on_this_edge(kit: Kit, world: World) -> None:
    credit = (await kit.meter())["currency_id"]
    await kit.grant(credit, "1")
    await world.db.pool.execute("update payment_currencies set overdraft_policy = 'limited', overdraft_limit = 1")
    assert (await kit.use("a", "1000"))["credit_pending"] == "99900"
    assert (await kit.use("b", "1"))["credit_pending"] == "100"


async def test_stats(kit: Kit) -> None:
    credit = (await kit.meter())["currency_id"]
    await kit.grant(credit, "10")
    now = int(time.time())
    for number in range(3):
        await kit.use(f"job-{number}", "1.5", timestamp=now)
    asked = {"meter_id": "renders", "start": now - 60, "end": now + 60}
    for granularity in ("minute", "hour", "day"):
        found = await kit.ok("GET", "/meter-events/stats", granularity=granularity, **asked)
        assert (found["count"], found["list"][0]["event_count"], found["list"][0]["total_value"]) == (1, 3, "450")
    assert (await kit.refused("GET", "/meter-events/stats", meter_id="renders"))[0] == 400
    grants = await kit.ok("GET", "/credit-grants/stats", currency_id=credit, start_date=now - 60, end_date=now + 60)
    assert grants["stats"]["total_granted"] == "1000"
    assert grants["stats"]["total_consumed"] == "450"
    assert [each["total_remaining"] for each in grants["daily_stats"]] == ["550"]
    holders = await kit.ok("GET", "/credit-grants/holders", currency_id=credit)
    assert [(each["balance"], each["grantCount"]) for each in holders["holders"]] == [("550", 1)]
    assert holders["paging"] == {"page": 1, "pageSize": 20, "total": 1, "totalPages": 1}


# Grants


async def test_grants_begin_and_end(kit: Kit, world: World) -> None:
    credit = (await kit.meter())["currency_id"]
    now = datetime(2027, 1, 1, tzinfo=UTC)
    await manage_workspaces.move_test_clock(db=world.db, workspace_id=world.test, to=now)
    start = int(now.timestamp())
    later = await kit.grant(credit, "1", name="later", effective_at=start + 60)
    short = await kit.grant(credit, "2", name="short", expires_at=start + 60, priority=1)
    ever = await kit.grant(credit, "3", name="ever", expires_at=0)
    assert (later["status"], later["remaining_amount"], ever["expires_at"]) == ("pending", "100", None)
    await manage_workspaces.move_test_clock(db=world.db, workspace_id=world.test, to=now + timedelta(seconds=61))
    shown = {each["name"]: each for each in (await kit.ok("GET", "/credit-grants", customer_id="ann"))["list"]}
    assert [shown[name]["status"] for name in ("later", "short", "ever")] == ["granted", "expired", "granted"]
    for status, names in (("expired", {"short"}), ("granted,depleted", {"later", "ever"}), ("pending", set())):
        found = await kit.ok("GET", "/credit-grants", status=status)
        assert {each["name"] for each in found["list"]} == names
    summary = (await kit.ok("GET", "/credit-grants/summary", customer_id="ann"))[credit]
    assert (summary["totalAmount"], summary["remainingAmount"], summary["grantCount"]) == ("400", "400", 2)
    assert short["priority"] == 1


async def test_a_grant_is_labelled_and_taken_back(kit: Kit) -> None:
    credit = (await kit.meter())["currency_id"]
    grant = await kit.grant(credit, "1", metadata={"granted_by": "ben"})
    path = f"/credit-grants/{grant['id']}"
    assert await kit.ok("PUT", path, {"metadata": {"note": {"a": 1}}}) == {"success": True}
    for _ in range(2):
        assert await kit.ok("PUT", path, {"expired": True}) == {"success": True}
    after = await kit.ok("GET", path)
    assert (after["status"], after["remaining_amount"], after["metadata"]) == ("voided", "0", {"note": {"a": 1}})


async def test_scopes_name_prices_and_mean_their_meters(kit: Kit) -> None:
    credit = (await kit.meter())["currency_id"]
    await kit.meter("other", currency_id=credit)
    config = {"currency_id": credit, "credit_amount": "1"}
    price = {"unit_amount": "1", "currency_id": "USDC", "metadata": {"meter_id": "other", "credit_config": config}}
    product = await kit.ok("POST", "/products", {"name": "P", "type": "credit", "prices": [price]})
    price_id = product["prices"][0]["id"]
    scope = {"scope": {"prices": [price_id], "price_type": None}}
    grant = await kit.grant(credit, "5", applicability_config=scope)
    assert grant["applicability_config"] == scope
    assert (await kit.use("a", "1"))["credit_pending"] == "100", "another meter's credits do not pay"
    assert (await kit.use("b", "1", event_name="other"))["credit_pending"] == "0"


async def test_priority_and_times_that_cannot_be(kit: Kit) -> None:
    credit = (await kit.meter())["currency_id"]
    body = {"customer_id": "ann", "currency_id": credit, "amount": "1", "category": "paid"}
    for wrong in ({"priority": 101}, {"priority": -1}, {"expires_at": 1}, {"category": "gift"}, {"effective_at": "x"}):
        assert (await kit.refused("POST", "/credit-grants", body | wrong))[0] == 400, wrong
    assert (await kit.refused("POST", "/credit-grants", body | {"currency_id": "USD"}))[0] == 400
