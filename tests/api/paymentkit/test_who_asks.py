"""Who may ask: a signature by a registered key, or an API key; for the workspace that `livemode` picks."""

from __future__ import annotations

import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.api.paymentkit.conftest import Kit, kit_of

from replenish.api.paymentkit import call
from replenish.core.errors import Conflict, Invalid
from replenish.flows import manage_api_keys, manage_clients, manage_workspaces
from support.world import World

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are remembered for a second; a test that changes them shall not wait."""
    monkeypatch.setattr(call, "_REMEMBERED_SECONDS", 0.0)


async def test_live_and_test_are_two_workspaces(kit: Kit) -> None:
    await kit.meter()
    kit.livemode = True
    assert await kit.refused("GET", "/meters/renders") == (404, "METER_NOT_FOUND", "No such meter.")
    await kit.meter()
    assert (await kit.ok("GET", "/meters/renders"))["livemode"] is True


@pytest.mark.parametrize("changed", ["method", "path", "query", "body"])
async def test_a_signature_covers_the_whole_request(kit: Kit, changed: str) -> None:
    body = {"name": "Renders", "event_name": "renders", "unit": "render"}
    signed: dict[str, object] = {"method": "POST", "path": "/api/meters", "query": "livemode=false", "body": body}
    other = {"method": "PUT", "path": "/api/products", "query": "livemode=true", "body": body | {"unit": "x"}}
    signed[changed] = other[changed]
    headers = kit.headers(str(signed["method"]), str(signed["path"]), str(signed["query"]), signed["body"])
    answer = await kit.send("POST", "/meters", body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "SIGNATURE_INVALID")


async def test_old_signatures_and_strangers(kit: Kit, world: World) -> None:
    old = kit.headers("GET", "/api/meters", "livemode=false", None, issued=int(time.time()) - 301)
    answer = await kit.send("GET", "/meters", headers=old)
    assert (answer.status_code, answer.json()["code"]) == (401, "SIGNATURE_EXPIRED")
    stranger = Kit(world, Ed25519PrivateKey.generate())
    assert (await stranger.refused("GET", "/meters"))[:2] == (401, "SIGNATURE_INVALID")
    answer = await kit.send("GET", "/meters", headers={})
    assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHENTICATED")


async def test_the_same_signature_again_is_a_request_sent_again(kit: Kit) -> None:
    headers = kit.headers("GET", "/api/meters", "livemode=false", None)
    for _ in range(3):
        assert (await kit.send("GET", "/meters", headers=headers)).status_code == 200


async def test_a_name_with_odd_letters_is_signed_before_it_is_encoded(kit: Kit) -> None:
    """The client signs the path as it was given, and its HTTP library encodes it."""
    await kit.ok("GET", "/customers/plain", create="true")
    headers = kit.headers("GET", "/api/customers/Ann Lee", "livemode=false&create=true", None)
    answer = await kit.world.http.get("/api/customers/Ann%20Lee?livemode=false&create=true", headers=headers)
    assert answer.json()["did"] == "Ann Lee"


async def test_law_17_a_revoked_key_stops_and_the_same_key_can_come_back(kit: Kit, world: World) -> None:
    assert kit.key_id is not None
    await manage_clients.revoke_client_key(db=world.db, workspace_id=world.live, key_id=kit.key_id)
    assert (await kit.refused("GET", "/meters"))[0] == 401
    again = await manage_clients.add_client_key(
        db=world.db, workspace_id=world.live, name="back", public_key=f"0x{kit.public_key}"
    )
    assert again == kit.key_id
    await kit.ok("GET", "/meters")


async def test_law_16_another_merchants_client_sees_nothing_of_this_one(kit: Kit, world: World) -> None:
    meter = await kit.meter()
    twins = await manage_workspaces.create_workspace(db=world.db, name="Other")
    other = Kit(world, Ed25519PrivateKey.generate())
    await manage_clients.add_client_key(db=world.db, workspace_id=twins.live, name="other", public_key=other.public_key)
    assert (await other.refused("GET", f"/meters/{meter['id']}"))[0] == 404
    assert (await other.ok("GET", "/meters"))["count"] == 0
    with pytest.raises(Conflict):
        await manage_clients.add_client_key(
            db=world.db, workspace_id=twins.live, name="stolen", public_key=kit.public_key
        )


async def test_a_key_that_names_its_component_is_good_for_that_one_only(world: World) -> None:
    kit = Kit(world, Ed25519PrivateKey.generate())
    await manage_clients.add_client_key(
        db=world.db, workspace_id=world.live, name="named", public_key=kit.public_key, component="z9Other"
    )
    assert (await kit.refused("GET", "/meters"))[0] == 401


async def test_wrong_public_keys_are_refused(world: World) -> None:
    for wrong in ("", "0x", "46" * 31, "zz" * 32, "é"):
        with pytest.raises(Invalid) as refused:
            await manage_clients.add_client_key(db=world.db, workspace_id=world.live, name="x", public_key=wrong)
        assert refused.value.field == "public_key"
    with pytest.raises(Invalid) as refused:
        await manage_clients.add_client_key(db=world.db, workspace_id=world.test, name="x", public_key="46" * 32)
    assert refused.value.field == "workspace_id"


async def test_an_api_key_is_good_for_its_own_mode(kit: Kit, world: World) -> None:
    bearer = {"Authorization": f"Bearer {world.api.key}"}
    assert (await kit.send("GET", "/meters", headers=bearer)).status_code == 200
    answer = await kit.send("GET", "/meters", headers=bearer, livemode="true")
    assert answer.status_code == 400
    assert answer.json()["error"] == "livemode: is true, but this API key is of the test workspace"
    assert (await kit.send("GET", "/meters", headers={"Authorization": "Bearer rk_test_no"})).status_code == 401
    assert (await kit.send("GET", "/meters", livemode="maybe")).status_code == 400


async def test_an_api_key_needs_the_scope(kit: Kit, world: World) -> None:
    reader = await manage_api_keys.create_api_key(db=world.db, workspace_id=world.test, name="reader", scopes=["read"])
    headers = {"Authorization": f"Bearer {reader.secret}"}
    body = {"name": "Renders", "event_name": "renders", "unit": "render"}
    answer = await kit.send("POST", "/meters", body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "SCOPE_MISSING")
    answer = await kit.send("GET", "/customers/ann", headers=headers, create="true")
    assert (answer.status_code, answer.json()["code"]) == (403, "SCOPE_MISSING")
    assert (await kit.send("GET", "/meters", headers=headers)).status_code == 200


async def test_two_clients_of_one_merchant(kit: Kit, world: World) -> None:
    second = await kit_of(world)
    await kit.meter()
    assert (await second.ok("GET", "/meters/renders"))["event_name"] == "renders"
