"""Usage over HTTP: one event, many events, what is refused and how it says so."""

from collections.abc import AsyncIterator

import pytest

from support.world import World, open_world

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with open_world(database_url) as opened:
        meter = await opened.api.post("/meters", {"name": "API calls", "event_name": "calls", "unit": "call"})
        await opened.api.post("/customers", {"external_id": "ann", "name": "Ann"})
        grant = {"customer_id": "ann", "currency_id": meter["currency_id"], "amount": "100", "category": "paid"}
        await opened.api.post("/credit_grants", grant)
        yield opened


def event(key: str, value: str, **fields: object) -> dict[str, object]:
    return {"customer_id": "ann", "meter_id": "calls", "idempotency_key": key, "value": value} | fields


async def test_one_event_debits_and_a_replay_answers_the_same(world: World) -> None:
    first = await world.api.post("/usage", event("job-1", "12.5", properties={"model": "m1"}))
    again = await world.api.post("/usage", event("job-1", "12.50", properties={"model": "m1"}))
    assert (first["replayed"], again["replayed"]) == (False, True)
    assert first["event"] == again["event"]
    assert first["event"]["debit"] == "12.5"
    assert first["event"]["properties"] == {"model": "m1"}
    assert first["balance"] == again["balance"] == "87.5"
    conflict = await world.api.post("/usage", event("job-1", "13"), status=409)
    assert conflict["code"] == "idempotency_mismatch"


async def test_402_carries_the_numbers_and_takes_nothing(world: World) -> None:
    refused = await world.api.post("/usage", event("job-1", "100.01"), status=402)
    assert refused["code"] == "insufficient_credits"
    assert {name: refused[name] for name in ("required", "available", "balance", "owed", "top_up_url")} == {
        "required": "100.01",
        "available": "100",
        "balance": "100",
        "owed": "0",
        "top_up_url": None,
    }
    assert (await world.api.get("/customers/ann/balances"))["data"][0]["balance"] == "100"


async def sell(world: World, **config: object) -> None:
    meter = await world.api.get("/meters/calls")
    product = await world.api.post("/products", {"name": "Pack", "type": "credit"})
    price = await world.api.post(
        "/prices",
        {
            "product_id": product["id"],
            "unit_amount": "10",
            "currency_id": "USDC",
            "credit_config": {"currency_id": meter["currency_id"], "credit_amount": "1000"},
        },
    )
    await world.api.put(
        f"/payment_currencies/{meter['currency_id']}/recharge_config", {"base_price_id": price["id"]} | config
    )


async def test_the_address_in_a_402_names_whose_credits_it_buys(world: World) -> None:
    await sell(world)
    ben = await world.api.post("/customers", {"external_id": "ben"})
    ann = await world.api.get("/customers/ann")
    one = await world.api.post("/usage", event("job-1", "1000"), status=402)
    many = await world.api.post(
        "/usage/batch", {"events": [event("job-2", "1000"), event("job-3", "1000", customer_id="ben")]}, status=200
    )
    held = await world.api.post("/holds", {"customer_id": "ann", "meter_id": "calls", "value": "1000"}, status=402)
    (balance,) = (await world.api.get("/customers/ann/balances"))["data"]
    same = await world.api.get(f"/customers/ann/balances/{balance['currency_id']}")
    batch = [result["refusal"]["top_up_url"] for result in many["data"]]
    anns = [one["top_up_url"], batch[0], held["top_up_url"], balance["top_up_url"], same["top_up_url"]]
    assert {url.partition("?for=")[2].partition(".")[0] for url in anns} == {ann["id"]}
    assert len(set(anns)) == 1
    assert batch[1].partition("?for=")[2].partition(".")[0] == ben["id"]
    assert batch[1].partition("?")[0] == anns[0].partition("?")[0]


async def test_the_merchants_own_checkout_is_answered_as_they_wrote_it(world: World) -> None:
    await sell(world, checkout_url="https://northwind.example/buy?plan=1")
    refused = await world.api.post("/usage", event("job-1", "1000"), status=402)
    assert refused["top_up_url"] == "https://northwind.example/buy?plan=1"


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"customer_id": "nobody"}, 404, None),
        ({"meter_id": "nothing"}, 404, None),
        ({"value": "-1"}, 422, "value"),
        ({"value": "NaN"}, 422, "value"),
        ({"value": "1e3"}, 422, "value"),
        ({"value": "9" * 400}, 422, "value"),
        ({"value": 5}, 422, "value"),
        ({"value": "0.0000000000000000001"}, 422, "value"),
        ({"timestamp": "yesterday"}, 422, "timestamp"),
        ({"timestamp": "2099-01-01T00:00:00Z"}, 422, "timestamp"),
        ({"timestamp": "2001-01-01T00:00:00Z"}, 422, "timestamp"),
        ({"timestamp": "2027-01-01T00:00:00"}, 422, "timestamp"),
        ({"idempotency_key": ""}, 422, "idempotency_key"),
        ({"idempotency_key": "k" * 256}, 422, "idempotency_key"),
        ({"shortfall": "perhaps"}, 422, "shortfall"),
        ({"properties": {"deep": {"er": 1}}}, 422, "properties"),
        ({"amount": "5"}, 422, "amount"),
    ],
)
async def test_bad_input_names_its_field_and_changes_nothing(
    world: World, change: dict[str, object], status: int, field: str | None
) -> None:
    problem = await world.api.post("/usage", event("job-1", "1") | change, status=status)
    if field is not None:
        assert problem["errors"][0]["field"].startswith(field)
    assert (await world.api.get("/customers/ann/balances"))["data"][0]["balance"] == "100"
    assert (await world.api.get("/usage_events", customer_id="ann"))["data"] == []


async def test_a_batch_answers_for_each_event_in_order(world: World) -> None:
    batch = {
        "events": [
            event("job-1", "60"),
            event("job-2", "60"),
            event("job-3", "30", customer_id="nobody"),
            event("job-4", "30"),
            event("job-1", "60"),
            event("job-5", "-1"),
        ]
    }
    answer = await world.api.post("/usage/batch", batch, status=200)
    shown = [(one["status"], (one["refusal"] or {}).get("code")) for one in answer["data"]]
    assert shown == [
        ("recorded", None),
        ("refused", "insufficient_credits"),
        ("refused", "customer_not_found"),
        ("recorded", None),
        ("replayed", None),
        ("refused", "invalid"),
    ]
    assert answer["data"][5]["refusal"]["field"] == "events[5].value"
    assert answer["data"][3]["balance"] == "10"


@pytest.mark.parametrize("events", [[], [event(f"job-{place}", "1") for place in range(1001)]], ids=["none", "1001"])
async def test_a_batch_has_1_to_1000_events(world: World, events: list[object]) -> None:
    problem = await world.api.post("/usage/batch", {"events": events}, status=422)
    assert problem["errors"][0]["field"] == "events"


async def test_a_reversed_event_gives_its_credits_back_once(world: World) -> None:
    recorded = await world.api.post("/usage", event("job-1", "40"))
    path = f"/usage_events/{recorded['event']['id']}"
    reversal = await world.api.post(f"{path}/reverse", {"reason": "the job failed"}, key="undo-1")
    again = await world.api.post(f"{path}/reverse", {"reason": "the job failed"}, key="undo-1")
    assert reversal == again
    assert reversal["returned"] == "40"
    twice = await world.api.post(f"{path}/reverse", {"reason": "once more"}, status=409)
    assert twice["code"] == "event_reversed"
    assert (await world.api.get(path))["reversal"] == reversal
    assert (await world.api.get("/customers/ann/balances"))["data"][0]["balance"] == "100"


async def test_the_statement_tells_everything_and_pages_exactly(world: World) -> None:
    for place in range(7):
        await world.api.post("/usage", event(f"job-{place}", "1"))
    adjustment = {"customer_id": "ann", "currency_id": None, "amount": "-3", "reason": "sorry"}
    balance = (await world.api.get("/customers/ann/balances"))["data"][0]
    await world.api.post("/adjustments", adjustment | {"currency_id": balance["currency_id"]})
    lines, cursor = [], None
    while True:
        page = await world.api.get("/credit_transactions", customer_id="ann", limit=2, cursor=cursor)
        lines += page["data"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert [(line["type"], line["amount"], line["balance_after"]) for line in lines] == [
        ("adjustment", "-3", "90"),
        *[("usage", "-1", str(balance)) for balance in range(93, 100)],
        ("grant", "100", "100"),
    ]
    only = await world.api.get("/credit_transactions", customer_id="ann", type="grant,adjustment")
    assert [line["type"] for line in only["data"]] == ["adjustment", "grant"]
    wrong = await world.api.get("/credit_transactions", customer_id="ann", type="gift", status=422)
    assert wrong["errors"][0]["field"] == "type"


async def test_grants_are_made_listed_and_voided(world: World) -> None:
    balance = (await world.api.get("/customers/ann/balances"))["data"][0]
    body = {
        "customer_id": "ann",
        "currency_id": balance["currency_id"],
        "amount": "5",
        "expires_at": "2099-01-01T00:00:00Z",
    }
    made = await world.api.post("/credit_grants", body, key="gift-1")
    assert await world.api.post("/credit_grants", body, key="gift-1") == made
    other = await world.api.post("/credit_grants", body | {"amount": "6"}, key="gift-1", status=409)
    assert other["code"] == "idempotency_mismatch"
    voided = await world.api.post(f"/credit_grants/{made['id']}/void", status=200)
    assert (voided["status"], voided["remaining"]) == ("voided", "0")
    listed = await world.api.get("/credit_grants", customer_id="ann")
    assert [(one["amount"], one["status"]) for one in listed["data"]] == [("5", "voided"), ("100", "granted")]
    refused = await world.api.post("/credit_grants", body | {"currency_id": "USD"}, status=422)
    assert refused["errors"][0]["field"] == "currency_id"


async def test_usage_by_day_adds_up_and_says_what_came_back(world: World) -> None:
    await world.api.post("/usage", event("job-1", "10"))
    wrong = (await world.api.post("/usage", event("job-2", "2.5")))["event"]
    await world.api.post(f"/usage_events/{wrong['id']}/reverse", {"reason": "wrong"})
    currency = (await world.api.get("/meters/calls"))["currency_id"]
    hold = await world.api.post("/holds", {"customer_id": "ann", "currency_id": currency, "value": "5"})
    await world.api.post(f"/holds/{hold['id']}/capture", {"value": "4"}, status=200)
    today = wrong["booked_at"][:10]
    meter = (await world.api.get("/meters/calls"))["id"]
    days = await world.api.get("/usage_days", customer_id="ann")
    by_meter = {day["meter_id"]: day for day in days["data"]}
    shown = {"day": today, "customer_id": wrong["customer_id"], "wallet_id": days["data"][0]["wallet_id"]}
    assert by_meter == {
        meter: shown | {"meter_id": meter, "events": 2, "value": "12.5", "debit": "12.5", "reversed": "2.5"},
        None: shown | {"meter_id": None, "events": 1, "value": "4", "debit": "4", "reversed": "0"},
    }
    first = await world.api.get("/usage_days", customer_id="ann", limit=1)
    second = await world.api.get("/usage_days", customer_id="ann", limit=1, cursor=first["next_cursor"])
    assert first["data"] + second["data"] == days["data"]
    assert second["next_cursor"] is None
    only = await world.api.get("/usage_days", customer_id="ann", meter_id="calls", since=today, until=today)
    assert only["data"] == [by_meter[meter]]
    assert (await world.api.get("/usage_days", customer_id="ann", until="2001-01-01"))["data"] == []
    for wrong_way in ({"since": "2027-01-02", "until": "2027-01-01"}, {"since": "yesterday"}, {"cursor": "nonsense"}):
        await world.api.get("/usage_days", customer_id="ann", **wrong_way, status=422)
