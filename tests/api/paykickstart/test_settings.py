"""What a merchant sets for these endpoints: refusals with status 200, and where notifications of sales go."""

from collections.abc import AsyncIterator
from urllib.parse import parse_qsl

import pytest

from replenish.core.ids import CAMPAIGN, PRODUCT
from replenish.core.sealing import Box
from replenish.flows.deliver_ipn import deliver_ipn
from replenish.notifications.ipn.model import verification_code_of
from replenish.notifications.outgoing import Reply
from support.addons import EMAIL, Store, open_store, save_card
from support.world import SECRET_KEY

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    async with open_store(database_url) as opened:
        yield opened


async def test_always_200_for_clients_that_read_only_the_body(store: Store) -> None:
    assert (await store.send("usage/add", email=EMAIL, units=-200)).status_code == 402
    changed = await store.world.api.patch("/workspace", {"paykickstart_always_200": True})
    assert changed["paykickstart_always_200"] is True
    for fields, code, kind in (
        ({"email": EMAIL, "units": -200}, 402, "insufficient_credits"),
        ({"email": EMAIL, "units": 0}, 422, "validation_error"),
        ({"email": "nobody@example.test", "units": -1}, 404, "buyer_not_found"),
    ):
        answer = await store.send("usage/add", fields)
        body = answer.json()
        assert (answer.status_code, body["code"], body["status"], body["error"]["type"]) == (200, code, False, kind)
    # Nobody knows whose client an unknown token is; and the live twin has its own setting.
    assert (await store.send("usage", auth_token="rk_test_nobody", email=EMAIL)).status_code == 401
    assert (await store.send("usage", auth_token=store.world.live_api.key, email=EMAIL)).status_code == 404
    await store.world.api.patch("/workspace", {"paykickstart_always_200": False})
    assert (await store.send("usage/add", email=EMAIL, units=-200)).status_code == 402


async def test_notifications_are_set_over_the_api(store: Store) -> None:
    api, product = store.world.api, PRODUCT.text(store.pack.product_id)
    assert (await api.get(f"/products/{product}/ipn"))["url"] is None
    made = await api.put(f"/products/{product}/ipn", {"url": "https://merchant.example/ipn"})
    assert (made["charset"], len(made["secret"])) == ("utf-8", 32)
    shown = await api.get(f"/products/{product}/ipn")
    assert (shown["url"], shown["secret"]) == ("https://merchant.example/ipn", None)
    await api.put(f"/products/{product}/ipn", {"url": "not an address"}, status=422)
    campaign = (await api.get("/campaigns"))["data"][0]["id"]
    assert CAMPAIGN.try_parse(campaign) is not None
    known = await api.post(f"/campaigns/{campaign}/ipn_secret", {"secret": "what-our-php-knows"}, status=200)
    assert known == {"campaign_id": campaign, "secret": "what-our-php-knows"}
    await save_card(store)
    await store.ok("topup", email=EMAIL)
    got: list[bytes] = []

    async def post(*, url: str, headers: object, body: bytes) -> Reply:
        assert (url, headers) != ("", None)
        got.append(body)
        return Reply(200, "thanks")

    # The application's own settings opened the box, and so does the worker's.
    assert await deliver_ipn(db=store.world.db, post=post, box=Box([SECRET_KEY])) == 1
    fields = dict(parse_qsl(got[0].decode(), keep_blank_values=True))
    code = fields.pop("verification_code")
    assert verification_code_of(list(fields.items()), secret="what-our-php-knows") == code
    assert (await api.put(f"/products/{product}/ipn", {"url": None}))["url"] is None
