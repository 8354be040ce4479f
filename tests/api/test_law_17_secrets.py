"""Law 17: secrets are stored hashed, remembered for at most a second, and never logged."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
import structlog

from replenish.access import queries
from replenish.core.db import Database
from replenish.core.errors import Unauthenticated
from replenish.core.ids import API_KEY, CUSTOMER
from replenish.core.redaction import redact
from replenish.flows import manage_api_keys, manage_portal_sessions, manage_workspaces
from replenish.web.identity import Doorkeeper
from support.api_shop import SECRET_KEY, Client, Shop
from support.openapi import routes


async def _everything(db: Database) -> str:
    tables = await db.fetch(
        "select relname as name from pg_class join pg_namespace n on n.oid = relnamespace"
        " where nspname = 'public' and relkind = 'r'"
    )
    parts = [
        await db.fetchval(f"select string_agg(t::text, ' ') from \"{row['name']}\" t")  # noqa: S608 - names of our own tables
        for row in tables
    ]
    return " ".join(str(part) for part in parts)


async def test_law_17_the_database_holds_no_secret(ann: Shop, db: Database) -> None:
    made = await ann.ok("POST", "/v1/api_keys", {"name": "New", "scopes": ["read"]})
    session = await ann.ok("POST", "/v1/portal_sessions", {"customer_id": "ann"})
    token = session["url"].rpartition("/")[2]
    entrance = await manage_portal_sessions.enter_portal(db=db, token=token)
    operator = await manage_workspaces.create_operator(db=db, workspace_id=ann.live, email="ann@example.com")
    link = await manage_workspaces.create_sign_in_link(db=db, operator_id=operator)
    cookie = await manage_workspaces.enter_admin(db=db, token=link)
    stored = await _everything(db)
    for secret in (ann.key, made["secret"], token, entrance.cookie, link, cookie):
        assert len(secret) >= 40
        assert secret not in stored
        assert secret.encode().hex() not in stored


async def test_law_17_a_revoked_key_stops_within_a_second(ann: Shop, db: Database) -> None:
    made = await manage_api_keys.create_api_key(db=db, workspace_id=ann.test, name="Short", scopes=["read"])
    clock = [100.0]
    doorkeeper = Doorkeeper(db, clock=lambda: clock[0])
    header = f"Bearer {made.secret}"
    assert (await doorkeeper.identity(header)).api_key_id == made.id
    await manage_api_keys.revoke_api_key(db=db, workspace_id=ann.test, api_key_id=made.id)
    clock[0] += 0.99
    assert (await doorkeeper.identity(header)).api_key_id == made.id
    clock[0] += 0.01
    with pytest.raises(Unauthenticated):
        await doorkeeper.identity(header)


async def test_law_17_an_unknown_key_is_not_remembered(ann: Shop, db: Database) -> None:
    secret = "rk_test_" + "n" * 43
    doorkeeper = Doorkeeper(db, clock=lambda: 100.0)
    with pytest.raises(Unauthenticated):
        await doorkeeper.identity(f"Bearer {secret}")
    await manage_api_keys.create_api_key(db=db, workspace_id=ann.test, name="Given", scopes=["read"], secret=secret)
    assert (await doorkeeper.identity(f"Bearer {secret}")).workspace_id == ann.test


async def test_law_17_a_rotated_key_works_on_for_its_grace(ann: Shop, db: Database) -> None:
    old = await ann.ok("POST", "/v1/api_keys", {"name": "Old", "scopes": ["read", "usage:write"]})
    new = await ann.ok("POST", f"/v1/api_keys/{old['id']}/rotate", {"grace_seconds": 3600})
    assert (new["name"], new["scopes"]) == ("Old", ["read", "usage:write"])
    assert new["secret"] != old["secret"]
    shown = await ann.ok("GET", f"/v1/api_keys/{old['id']}")
    assert shown["replaced_by"] == new["id"]
    for secret in (old["secret"], new["secret"]):
        assert (await ann.call("GET", "/v1/workspace", key=secret)).status_code == 200
    # The hour passes.
    await db.pool.execute("update api_keys set expires_at = now() where replaced_by is not null")
    assert await queries.identity(db, key=old["secret"]) is None
    assert await queries.identity(db, key=new["secret"]) is not None
    again = await ann.call("POST", f"/v1/api_keys/{old['id']}/rotate", {})
    assert (again.status_code, again.json()["code"]) == (409, "api_key_ended")


async def test_law_17_rotation_never_makes_a_key_live_longer(ann: Shop) -> None:
    soon = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    old = await ann.ok("POST", "/v1/api_keys", {"name": "Old", "scopes": ["read"], "expires_at": soon})
    await ann.ok("POST", f"/v1/api_keys/{old['id']}/rotate", {"grace_seconds": 86400})
    shown = await ann.ok("GET", f"/v1/api_keys/{old['id']}")
    assert shown["expires_at"] == old["expires_at"]


# scopes of the key, method, path, body, status
SCOPES = [
    (["read"], "GET", "/v1/products", None, 200),
    (["read"], "POST", "/v1/products", {"name": "x"}, 403),
    (["catalog:write"], "POST", "/v1/products", {"name": "x"}, 201),
    (["catalog:write"], "GET", "/v1/products", None, 403),
    (["read", "catalog:write"], "GET", "/v1/products", None, 200),
    (["catalog:write"], "POST", "/v1/customers", {"external_id": "x"}, 403),
    (["customers:write"], "POST", "/v1/customers", {"external_id": "x"}, 201),
    (["read"], "POST", "/v1/portal_sessions", {"customer_id": "ann"}, 403),
    (["keys:write"], "POST", "/v1/api_keys", {"name": "x", "scopes": ["keys:write"]}, 201),
    (["keys:write"], "POST", "/v1/api_keys", {"name": "x", "scopes": ["read"]}, 403),
    (["keys:write"], "POST", "/v1/api_keys", {"name": "x", "scopes": ["*"]}, 403),
    (["keys:write"], "PATCH", "/v1/workspace", {"name": "x"}, 403),
    (["*"], "PATCH", "/v1/workspace", {"name": "x"}, 200),
]


async def test_a_key_does_what_its_scopes_say(ann: Shop) -> None:
    for scopes, method, path, body, status in SCOPES:
        made = await ann.ok("POST", "/v1/api_keys", {"name": "Some", "scopes": scopes})
        answer = await ann.call(method, path, body, key=made["secret"])
        assert answer.status_code == status, f"{scopes} {method} {path}: {answer.text}"
        if status == 403:
            assert answer.json()["code"] == "scope_missing"


async def test_a_key_cannot_rotate_a_mightier_one(ann: Shop, db: Database) -> None:
    weak = await ann.ok("POST", "/v1/api_keys", {"name": "Weak", "scopes": ["keys:write"]})
    mighty = await manage_api_keys.create_api_key(db=db, workspace_id=ann.test, name="Mighty", scopes=["*"])
    answer = await ann.call("POST", f"/v1/api_keys/{API_KEY.text(mighty.id)}/rotate", {}, key=weak["secret"])
    assert answer.status_code == 403
    assert "secret" not in answer.json()


HEADERS = [
    "",
    "Bearer",
    "Bearer ",
    "Basic {key}",
    "{key}",
    "Bearer {key}x",
    "Bearer rk_live_{key}",
    "Bearer rk_test_x",
    "Bearer " + "x" * 5000,
    "Bearer rk_test_" + "é" * 40,
]


async def test_no_route_answers_without_a_good_key(client: Client, ann: Shop) -> None:
    document = (await client.get("/openapi.json")).json()
    for route in routes(document):
        for header in HEADERS:
            value = header.replace("{key}", ann.key).encode()
            answer = await client.request(route.method, route.filled("x"), headers={b"Authorization": value})
            assert answer.status_code == 401, f"{route} {header[:40]!r}: {answer.status_code}"
            assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_portal_link_works_once_even_for_two_at_the_same_time(ann: Shop, db: Database) -> None:
    session = await ann.ok("POST", "/v1/portal_sessions", {"customer_id": "ann"})
    token = session["url"].rpartition("/")[2]
    results = await asyncio.gather(
        *(manage_portal_sessions.enter_portal(db=db, token=token) for _ in range(5)), return_exceptions=True
    )
    entrances = [result for result in results if isinstance(result, manage_portal_sessions.Entrance)]
    assert len(entrances) == 1
    assert all(isinstance(result, Unauthenticated) for result in results if result not in entrances)
    visitor = await Doorkeeper(db).portal_visitor(entrances[0].cookie)
    assert visitor is not None
    assert CUSTOMER.text(visitor.customer_id) == ann.id("customers")
    shown = await ann.ok("GET", f"/v1/portal_sessions/{session['id']}")
    assert shown["url"] is None
    await ann.ok("POST", f"/v1/portal_sessions/{session['id']}/end")
    assert await Doorkeeper(db).portal_visitor(entrances[0].cookie) is None


async def test_a_portal_link_ends(ann: Shop, db: Database) -> None:
    session = await ann.ok("POST", "/v1/portal_sessions", {"customer_id": "ann"})
    token = session["url"].rpartition("/")[2]
    await db.pool.execute("update portal_sessions set link_expires_at = now()")
    with pytest.raises(Unauthenticated):
        await manage_portal_sessions.enter_portal(db=db, token=token)


async def test_a_sign_in_link_works_once(ann: Shop, db: Database) -> None:
    operator = await manage_workspaces.create_operator(db=db, workspace_id=ann.live, email="ann@example.com")
    link = await manage_workspaces.create_sign_in_link(db=db, operator_id=operator)
    cookie = await manage_workspaces.enter_admin(db=db, token=link)
    with pytest.raises(Unauthenticated):
        await manage_workspaces.enter_admin(db=db, token=link)
    visitor = await Doorkeeper(db).operator_visitor(cookie)
    assert visitor is not None
    assert (visitor.workspace_id, visitor.test_workspace_id) == (ann.live, ann.test)
    await manage_workspaces.leave_admin(db=db, operator_id=operator, session_id=visitor.session_id)
    assert await Doorkeeper(db).operator_visitor(cookie) is None


@pytest.mark.parametrize("cookie", [None, "", "x", "x" * 5000, "\ud800"])
async def test_no_cookie_of_ours_is_nobody(db: Database, cookie: str | None) -> None:
    assert await Doorkeeper(db).portal_visitor(cookie) is None
    assert await Doorkeeper(db).operator_visitor(cookie) is None


# a line's value, what may not stand in it
LINES = [
    ({"authorization": "Bearer rk_test_abcdefghijklmnop"}, "abcdefgh"),
    ({"event": "got Bearer abcdefghijklmnop"}, "abcdefgh"),
    ({"event": "key rk_live_abcdefghijklmnop here"}, "abcdefgh"),
    ({"headers": {"Cookie": "replenish_portal=abcdefgh"}}, "abcdefgh"),
    ({"headers": [["x", {"set-cookie": "abcdefgh"}]]}, "abcdefgh"),
    ({"exception": "connect to postgresql://replenish:abcdefgh@host/db failed"}, "abcdefgh"),
    ({"path": "/portal/enter/abcdefghijkl"}, "abcdefgh"),
    ({"api_key": "abcdefgh"}, "abcdefgh"),
    ({"password": "abcdefgh", "fine": 5}, "abcdefgh"),
]


@pytest.mark.parametrize(("line", "secret"), LINES)
def test_law_17_log_lines_are_redacted(line: dict[str, object], secret: str) -> None:
    assert secret not in str(redact(None, "info", dict(line)))


async def test_law_17_a_fault_logs_no_secret_and_answers_none(ann: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    async def breaks(*_: object, **__: object) -> None:
        raise RuntimeError(f"broken while holding {SECRET_KEY}")

    monkeypatch.setattr("replenish.catalog.queries.campaigns", breaks)
    with structlog.testing.capture_logs() as lines:
        answer = await ann.call("GET", "/v1/campaigns")
    assert answer.status_code == 500
    problem = answer.json()
    assert SECRET_KEY not in answer.text
    assert "RuntimeError" not in answer.text
    assert [line["incident"] for line in lines if line["event"] == "unexpected"] == [problem["incident"]]
    assert ann.key not in str(lines)
