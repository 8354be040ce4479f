"""The story of the first credits: a merchant sets up, Ann buys, uses, is topped up twice, and is told why not a third time.

Over HTTP only: the merchant through the API, Ann through the pages as they are with JavaScript off; the worker's own jobs run
between the steps.
"""

from collections.abc import AsyncIterator

import pytest

from replenish.reports.verify import verify
from replenish.worker.jobs import jobs
from support.visitor import Visitor
from support.world import World, open_world

pytestmark = pytest.mark.anyio
VISA = {"number": "4242 4242 4242 4242", "expires": "12/70", "cvc": "123"}


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with open_world(database_url) as opened:
        yield opened


async def work(world: World) -> None:
    """What the worker does until nothing is due."""
    listed = jobs(world.db, providers=world.context.providers, settings=world.context.settings)
    recurring = [job for job in listed if job.every_seconds < 60]
    while sum([await job.run() for job in recurring]):
        pass


async def set_up(world: World) -> dict:
    """The guide's calls: a meter makes its credit currency; a product and a price sell it; the recharge config joins them."""
    api = world.api
    meter = await api.post("/meters", {"name": "API calls", "event_name": "api_calls", "unit": "call"})
    product = await api.post("/products", {"name": "200,000 Credits Pack", "type": "credit"})
    price = await api.post(
        "/prices",
        {
            "product_id": product["id"],
            "type": "one_time",
            "unit_amount": "10",
            "currency_id": "USDC",
            "meter_id": meter["id"],
            "credit_config": {
                "priority": 50,
                "valid_duration_value": 0,
                "valid_duration_unit": "days",
                "currency_id": meter["currency_id"],
                "credit_amount": "200000",
            },
        },
    )
    path = f"/payment_currencies/{meter['currency_id']}/recharge_config"
    await api.put(path, {"base_price_id": price["id"]})
    await api.post("/customers", {"external_id": "ann", "email": "ann@example.com", "name": "Ann"})
    return meter


async def use(world: World, key: str, value: int, *, status: int = 201) -> dict:
    body = {"customer_id": "ann", "meter_id": "api_calls", "idempotency_key": key, "value": str(value)}
    answer = await world.api.post("/usage", body, status=status)
    await work(world)
    return answer


async def balance(world: World) -> str:
    return (await world.api.get("/customers/ann/balances"))["data"][0]["balance"]


async def buy_one_pack_and_save_the_card(ann: Visitor, link: str) -> None:
    await ann.open(link)
    await ann.press("Open billing page")
    await ann.open("/portal/buy")
    assert "200,000" in ann.text
    await ann.press("Pay 10 USDC", save="yes")
    await ann.follow("Continue")
    await ann.press("Pay 10.00 USDC", **VISA)
    await ann.follow("Back to")
    assert "Your credits are there" in ann.text
    await ann.open("/portal")
    assert "200,000" in ann.text


async def switch_automatic_top_up_on(ann: Visitor) -> None:
    await ann.open("/portal/auto-recharge")
    await ann.press("Continue", threshold="50000", month_amount_max="20")
    assert "falls below 50,000" in ann.text
    await ann.press("Agree and switch on", consent="yes")
    assert "Automatic top-up is on" in ann.text


async def test_first_credits(world: World) -> None:
    await set_up(world)
    session = await world.api.post("/portal_sessions", {"customer_id": "ann"})
    ann = Visitor(world.http)
    await buy_one_pack_and_save_the_card(ann, session["url"])
    assert await balance(world) == "200000"
    await switch_automatic_top_up_on(ann)

    # Not at the line, but below it: one charge.
    await use(world, "job-1", 150_000)
    assert await balance(world) == "50000"
    await use(world, "job-2", 1)
    assert await balance(world) == "249999"
    # On: a second one. And on: the third is refused by the cap, and says so, once.
    await use(world, "job-3", 220_000)
    assert await balance(world) == "229999"
    await use(world, "job-4", 200_000)
    await use(world, "job-5", 9)
    assert await balance(world) == "29990"

    attempts = (await world.api.get("/recharge_attempts", customer_id="ann"))["data"]
    assert [attempt["state"] for attempt in attempts] == ["refused", "succeeded", "succeeded"]
    assert attempts[0]["reason"] == "cap_month"
    rule = (await world.api.get("/recharge_rules", customer_id="ann"))["data"][0]
    assert (rule["status"], rule["reason"]) == ("blocked", "cap_month")
    await ann.open("/portal/auto-recharge")
    assert "Monthly cap of 20 USDC reached" in ann.text
    await ann.open("/portal/history")
    assert ann.text.count("Automatic top-up PK-") == 2
    assert "was below 50,000" in ann.text or "was below 50000" in ann.text

    refused = await use(world, "job-6", 29_991, status=402)
    assert (refused["balance"], refused["required"]) == ("29990", "29991")
    stranger = Visitor(world.http)
    await stranger.open(refused["top_up_url"])
    assert "200,000 Credits Pack" in stranger.text
    verdict = await verify(world.db)
    assert verdict.clean, verdict.differences
