"""Who and what is meant; and that nobody reaches another workspace's buyer, product or invoice (law 16)."""

from collections.abc import AsyncIterator

import pytest

from replenish.core.ids import CUSTOMER, PRODUCT
from replenish.flows import manage_catalog, manage_customers
from support.addons import EMAIL, Store, make_addon, open_store

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    async with open_store(database_url) as opened:
        yield opened


async def test_several_balances_need_a_product(store: Store) -> None:
    minutes = await make_addon(store.world, workspace_id=store.workspace_id, name="minutes")
    assert (await store.ok("usage", email=EMAIL))["balance"] == "112"
    await store.give(7, paid=True, addon=minutes)
    answer = await store.send("usage", email=EMAIL)
    assert answer.status_code == 409
    assert answer.json()["error"] == {
        "type": "ambiguous_addon",
        "field": "product_id",
        "candidates": [
            {"product_id": store.pack.number, "product_name": "500 credits", "campaign_id": store.campaign},
            {"product_id": minutes.number, "product_name": "minutes", "campaign_id": None},
        ],
    }
    assert (await store.ok("usage", email=EMAIL, product_id=minutes.number))["balance"] == "7"


async def test_a_buyer_without_balances_has_the_only_addon_there_is(store: Store) -> None:
    await store.customer("ben", "ben@example.test")
    assert (await store.ok("usage", email="ben@example.test"))["data"]["addon"]["product_id"] == store.pack.number
    await make_addon(store.world, workspace_id=store.workspace_id, name="minutes")
    error = await store.refused(409, "usage", email="ben@example.test")
    assert [candidate["product_name"] for candidate in error["candidates"]] == ["500 credits", "minutes"]


async def test_two_buyers_with_one_address_need_an_id(store: Store) -> None:
    await store.customer("ann-2", EMAIL.upper())
    assert (await store.refused(409, "usage", email=EMAIL))["type"] == "ambiguous_buyer"
    assert (await store.ok("usage", email=EMAIL, buyer_id="ann"))["balance"] == "112"


@pytest.mark.parametrize(
    ("fields", "status", "kind"),
    [
        ({"email": "nobody@example.test"}, 404, "buyer_not_found"),
        ({"buyer_id": "nobody"}, 404, "buyer_not_found"),
        ({"buyer_id": "cus_00000000000000000000000000"}, 404, "buyer_not_found"),
        ({"invoice_id": "PK-0000000000"}, 404, "invoice_not_found"),
        ({"email": EMAIL, "product_id": 99}, 404, "addon_not_found"),
        ({"email": EMAIL, "product_id": "99999999999999999999"}, 404, "addon_not_found"),
        ({"email": EMAIL, "product_id": "-1"}, 404, "addon_not_found"),
        ({"email": EMAIL, "product_id": "prod_00000000000000000000000000"}, 404, "addon_not_found"),
        ({"email": EMAIL, "product_id": "mug"}, 403, "not_an_addon"),
    ],
)
@pytest.mark.parametrize("path", ["usage", "usage/add"])
async def test_what_is_not_there(store: Store, fields: dict[str, object], status: int, kind: str, path: str) -> None:
    await manage_catalog.create_product(
        db=store.world.db, workspace_id=store.workspace_id, name="Mug", type_="good", lookup_key="mug"
    )
    assert (await store.refused(status, path, {"units": -1, **fields}))["type"] == kind


async def test_law_16_another_workspaces_things_are_not_found(store: Store) -> None:
    live = store.world.live
    cleo = await manage_customers.create_customer(
        db=store.world.db, workspace_id=live, external_id="cleo", email="cleo@example.test"
    )
    theirs = await make_addon(store.world, workspace_id=live, name="theirs")
    for path in ("usage", "usage/add"):
        for name, value, kind in (
            ("email", "cleo@example.test", "buyer_not_found"),
            ("buyer_id", CUSTOMER.text(cleo), "buyer_not_found"),
            ("buyer_id", "cleo", "buyer_not_found"),
        ):
            error = await store.refused(404, path, {name: value, "product_id": 1, "units": 5})
            assert error["type"] == kind
        product = PRODUCT.text(theirs.product_id)
        error = await store.refused(404, path, email=EMAIL, product_id=product, units=5)
        assert error["type"] == "addon_not_found"
        # And the other way round.
        error = await store.refused(404, path, auth_token=store.world.live_api.key, email=EMAIL, units=5)
        assert error["type"] == "buyer_not_found"
    assert await store.balance() == "112"
