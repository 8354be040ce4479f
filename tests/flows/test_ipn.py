"""Notifications of sales: owed with the settlement, signed, delivered at least once, logged."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

import pytest

from replenish.catalog import queries as catalog
from replenish.core.errors import Invalid, NotFound
from replenish.core.ids import CampaignId
from replenish.core.sealing import Box
from replenish.flows.deliver_ipn import deliver_ipn
from replenish.flows.manage_catalog import change_product
from replenish.flows.manage_ipn import reseal_secrets, set_ipn, set_ipn_secret
from replenish.notifications.ipn import queries
from replenish.notifications.ipn.model import hash_of, verification_code_of
from replenish.notifications.ipn.operations import PAUSES
from replenish.notifications.outgoing import Reply
from support.addons import EMAIL, Store, open_store, save_card, work
from support.world import SECRET_KEY

pytestmark = pytest.mark.anyio
BOX = Box([SECRET_KEY])
URL = "https://merchant.example/ipn"
SECRET = "what-our-php-knows"


class Receiver:
    """Merchants' servers: answers what it is told to, and keeps what it got."""

    def __init__(self) -> None:
        self.answers: list[int | None] = []
        self.got: list[tuple[str, dict[str, str]]] = []

    async def post(self, *, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        assert headers["Content-Type"] == "application/x-www-form-urlencoded"
        status = self.answers.pop(0) if self.answers else 200
        if status is not None:
            self.got.append((url, dict(parse_qsl(body.decode(), keep_blank_values=True))))
        return Reply(status, "told to")


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    async with open_store(database_url) as opened:
        await save_card(opened)
        yield opened
        await opened.assert_books_agree()


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


async def campaign_of(store: Store) -> CampaignId:
    product = await catalog.product(store.world.db, workspace_id=store.workspace_id, product_id=store.pack.product_id)
    assert product.campaign_id is not None
    return product.campaign_id


async def listen(store: Store, **more: Any) -> str | None:
    saved = await set_ipn(
        db=store.world.db,
        box=BOX,
        workspace_id=store.workspace_id,
        product_id=store.pack.product_id,
        **({"url": URL} | more),
    )
    return saved.secret


async def deliver(store: Store, receiver: Receiver, box: Box = BOX) -> int:
    """Everything that is due at this moment."""
    count = 0
    while await deliver_ipn(db=store.world.db, post=receiver.post, box=box):
        count += 1
    return count


async def wait(store: Store) -> None:
    await store.world.db.pool.execute("update ipn_deliveries set due_at = now() where due_at is not null")


async def deliveries(store: Store) -> list[Any]:
    return await queries.deliveries(store.world.db, workspace_id=store.workspace_id)


async def test_a_sale_is_told_with_both_signatures(store: Store, receiver: Receiver) -> None:
    secret = await listen(store)
    assert secret is not None
    bought = (await store.ok("topup", email=EMAIL, packs=2))["data"]
    assert await deliver(store, receiver) == 1
    ((url, fields),) = receiver.got
    assert url == URL
    code, hashed = fields.pop("verification_code"), fields["hash"]
    assert verification_code_of(list(fields.items()), secret=secret) == code
    assert hash_of([(name, value) for name, value in fields.items() if name != "hash"], secret=secret) == hashed
    assert fields.pop("transaction_id").startswith("PK-")
    assert fields.pop("transaction_time").isdigit()
    assert fields | {"hash": ""} == {
        "event": "sales",
        "mode": "test",
        "payment_processor": "sandbox",
        "is_rebill": "0",
        "amount": "38.00",
        "currency": "USD",
        "quantity": "2",
        "buyer_ip": "",
        "buyer_first_name": "",
        "buyer_last_name": "",
        "buyer_email": EMAIL,
        "invoice_id": bought["invoice_id"],
        "tracking_id": "",
        "product_id": str(store.pack.number),
        "product_name": "500 credits",
        "campaign_id": str(store.campaign),
        "campaign_name": "Spring",
        "coupon": "",
        "addon_credits": "1000",
        "addon_balance": "1112",
        "addon_topup": "0",
        "hash": "",
    }
    assert await deliver(store, receiver) == 0


async def test_an_automatic_top_up_is_a_rebill(store: Store, receiver: Receiver) -> None:
    await listen(store)
    words = "Whenever my balance falls below 100 you may charge my card 19 USD."
    await store.ok("auto-topup", email=EMAIL, enabled=1, threshold=100, consent=words)
    await store.use(-50)
    await work(store)
    await deliver(store, receiver)
    ((_, fields),) = receiver.got
    told = {name: fields[name] for name in ("event", "is_rebill", "addon_topup", "amount", "addon_balance")}
    assert told == {
        "event": "subscription-payment",
        "is_rebill": "1",
        "addon_topup": "1",
        "amount": "19.00",
        "addon_balance": "562",
    }


async def test_nothing_is_told_without_an_address_or_without_a_sale(store: Store, receiver: Receiver) -> None:
    await store.ok("topup", email=EMAIL)
    await listen(store)
    await store.use(-1)
    await store.use(5)
    await save_card(store, "4000000000000002")
    method = (await store.world.api.get("/payment_methods", customer_id="ann"))["data"][0]["id"]
    await store.refused(402, "topup", email=EMAIL, payment_method_id=method)
    assert await deliver(store, receiver) == 0
    await listen(store, url=None)
    await store.ok("topup", email=EMAIL)
    assert await deliveries(store) == []


async def test_a_refusing_receiver_gets_it_again_and_each_try_is_logged(store: Store, receiver: Receiver) -> None:
    await listen(store)
    await store.ok("topup", email=EMAIL)
    receiver.answers = [500, None, 302]
    for _ in range(3):
        assert await deliver(store, receiver) == 1
        assert await deliver(store, receiver) == 0  # it waits
        await wait(store)
    assert await deliver(store, receiver) == 1
    (delivery,) = await deliveries(store)
    assert (delivery.tries, delivery.due_at, delivery.given_up_at) == (4, None, None)
    assert delivery.delivered_at is not None
    tries = await queries.tries(store.world.db, customer_id=store.ann, delivery_id=delivery.id)
    assert [(one.url, one.status) for one in tries] == [(URL, 500), (URL, None), (URL, 302), (URL, 200)]
    assert len({tuple(fields.items()) for _, fields in receiver.got}) == 1


async def test_it_is_given_up_in_the_end(store: Store, receiver: Receiver) -> None:
    await listen(store)
    await store.ok("topup", email=EMAIL)
    receiver.answers = [500] * 100
    for _ in range(len(PAUSES) + 1):
        assert await deliver(store, receiver) == 1
        await wait(store)
    assert await deliver(store, receiver) == 0
    (delivery,) = await deliveries(store)
    assert (delivery.tries, delivery.delivered_at) == (len(PAUSES) + 1, None)
    assert delivery.given_up_at is not None


async def test_a_worker_that_dies_with_it_leaves_it_to_the_next(store: Store, receiver: Receiver) -> None:
    await listen(store)
    await store.ok("topup", email=EMAIL)

    async def dies(**_: object) -> Reply:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await deliver_ipn(db=store.world.db, post=dies, box=BOX)
    assert await deliver(store, receiver) == 0
    await wait(store)
    assert await deliver(store, receiver) == 1


async def test_many_workers_send_it_once(store: Store, receiver: Receiver) -> None:
    await listen(store)
    for _ in range(3):
        await store.ok("topup", email=EMAIL)
    sent = await asyncio.gather(*(deliver_ipn(db=store.world.db, post=receiver.post, box=BOX) for _ in range(10)))
    assert sum(sent) == 3
    assert len({fields["invoice_id"] for _, fields in receiver.got}) == len(receiver.got) == 3


async def test_law_17_the_secret_is_the_campaigns_encrypted_and_shown_once(store: Store, receiver: Receiver) -> None:
    first = await listen(store)
    assert first is not None
    assert await listen(store, url="https://merchant.example/other") is None
    kept = await store.world.db.fetchval("select sealed from ipn_secrets")
    assert isinstance(kept, bytes)
    assert first.encode() not in kept
    where = {"db": store.world.db, "box": BOX, "workspace_id": store.workspace_id}
    assert await set_ipn_secret(**where, campaign_id=await campaign_of(store), secret=SECRET) == SECRET
    await store.ok("topup", email=EMAIL)
    await deliver(store, receiver)
    url, fields = receiver.got[0]
    assert url == "https://merchant.example/other"
    code = fields.pop("verification_code")
    assert verification_code_of(list(fields.items()), secret=SECRET) == code


async def test_law_17_a_rotated_master_key(store: Store, receiver: Receiver) -> None:
    await listen(store)
    rotated = Box(["another master key, long enough to be one", SECRET_KEY])
    assert await reseal_secrets(db=store.world.db, box=rotated) == 1
    assert await reseal_secrets(db=store.world.db, box=rotated) == 0
    await store.ok("topup", email=EMAIL)
    # A process that still has only the old key cannot sign; it does not lose what it cannot send.
    assert await deliver(store, receiver) == 1
    assert receiver.got == []
    await wait(store)
    assert await deliver(store, receiver, rotated) == 1
    assert len(receiver.got) == 1


@pytest.mark.parametrize("url", ["", "ftp://x.example/", "merchant.example", "https://ann:pw@x.example/", "x" * 3000])
async def test_addresses_that_are_none(store: Store, url: str) -> None:
    with pytest.raises(Invalid) as refused:
        await listen(store, url=url)
    assert refused.value.field == "url"


async def test_a_product_needs_a_campaign_and_a_secret_some_length(store: Store) -> None:
    where = {"db": store.world.db, "box": BOX, "workspace_id": store.workspace_id}
    with pytest.raises(Invalid, match="at least"):
        await set_ipn_secret(**where, campaign_id=await campaign_of(store), secret="short")
    await change_product(
        db=store.world.db, workspace_id=store.workspace_id, product_id=store.pack.product_id, campaign_id=None
    )
    with pytest.raises(Invalid, match="campaign"):
        await listen(store)


async def test_law_16_another_workspaces_product_and_campaign_are_not_found(store: Store) -> None:
    where = {"db": store.world.db, "box": BOX, "workspace_id": store.world.live}
    with pytest.raises(NotFound):
        await set_ipn(**where, product_id=store.pack.product_id, url=URL)
    with pytest.raises(NotFound):
        await set_ipn_secret(**where, campaign_id=await campaign_of(store))
