"""A provider's message over HTTP: verified, stored, answered 202, and acted on later."""

from collections.abc import AsyncIterator

import httpx
import pytest

from replenish.core.db import Database
from replenish.core.ids import WORKSPACE
from replenish.core.money import Credits
from replenish.flows.open_checkout import create_checkout_session
from replenish.flows.pay_checkout import pay_checkout
from replenish.payments import queries as payments
from replenish.payments.next_step import Visit
from replenish.providers.sandbox.events import Pump, http_sender, sign
from support.shop import Shop, close_shop, open_shop
from support.world import BASE_URL, SECRET_KEY, World, open_world

pytestmark = pytest.mark.anyio


@pytest.fixture
async def shop(db: Database, database_url: str) -> AsyncIterator[Shop]:
    opened = await open_shop(db, database_url)
    yield opened
    await close_shop(opened)


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with open_world(database_url) as opened:
        yield opened


async def open_page(shop: Shop) -> str:
    session_id, _ = await create_checkout_session(
        db=shop.db, workspace_id=shop.workspace_id, customer_id=shop.ann, price_id=shop.price_id
    )
    session = await payments.session(shop.db, workspace_id=shop.workspace_id, session_id=session_id)
    step = await pay_checkout(
        db=shop.db,
        providers=shop.providers,
        slug=session.slug,
        quantity=1,
        return_url="https://shop.example/back",
        cancel_url="https://shop.example/cancel",
    )
    assert isinstance(step, Visit)
    return httpx.URL(step.url).path


async def test_ann_pays_and_never_comes_back(shop: Shop, world: World) -> None:
    """She closes the tab after paying: the sandbox's own message, over HTTP, credits her."""
    path = await open_page(shop)
    page = await world.http.get(path)
    assert "10.00 USD" in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert (await world.http.get("/providers/sandbox/style.css")).status_code == 200
    card = {"number": "4242424242424242", "expires": "12/40", "cvc": "123"}
    assert (await world.http.post(path, data=card)).status_code == 303
    assert "Payment received" in (await world.http.get(path)).text
    assert await shop.credits(shop.ann) == Credits(0)
    pump = Pump(pool=shop.pool, secret=SECRET_KEY, base_url=BASE_URL, send=http_sender(world.http))
    assert await pump.run_once() == 1
    assert await shop.act() == 1
    assert await shop.credits(shop.ann) == Credits(200_000)


async def test_what_is_not_from_the_provider_gets_nowhere(shop: Shop, world: World) -> None:
    account = WORKSPACE.text(shop.workspace_id)
    body = b'{"id":"x","kind":"payment.settled","account":"a","object_id":"o","created_at":"2026-11-23T00:00:00Z"}'
    forged = {
        "webhook-id": "x",
        "webhook-timestamp": "1",
        "webhook-signature": sign(secret="guessed", account=account, message_id="x", timestamp=1, body=body),
    }
    for headers, content in (({}, body), (forged, body), (forged, b""), ({}, b"\xff" * 1000)):
        answer = await world.http.post(f"/webhooks/sandbox/{account}", headers=headers, content=content)
        assert answer.status_code == 401
        assert answer.json()["code"] == "bad_signature"
    assert (await world.http.post("/webhooks/nobody/account", content=body)).status_code == 404
    assert (await world.http.post(f"/webhooks/sandbox/{'a' * 300}", content=body)).status_code == 404
    large = await world.http.post(f"/webhooks/sandbox/{account}", content=b"x" * 1_100_000)
    assert large.status_code == 413
    assert await shop.db.fetchval("select count(*) from inbox") == 0


async def test_pages_that_are_not_there(world: World) -> None:
    assert (await world.http.get("/providers/sandbox/nothing")).status_code == 404
    assert (await world.http.post("/providers/sandbox/nothing", data={"number": "1"})).status_code == 404
    assert (await world.http.post("/providers/sandbox/nothing/authentication", data={})).status_code == 404
    large = await world.http.post("/providers/sandbox/nothing", data={"number": "4" * 20_000})
    assert large.status_code == 413


async def test_what_is_typed_into_a_page_is_only_shown_as_text(shop: Shop, world: World) -> None:
    path = await open_page(shop)
    typed = {"number": "<script>1</script>", "expires": '"><script>alert(1)</script>', "cvc": "<b>"}
    answer = await world.http.post(path, data=typed)
    assert answer.status_code == 422
    assert "<script>" not in answer.text
