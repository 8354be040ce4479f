"""Coming in by a one-time link, switching between live and test, and going."""

import asyncio

import pytest

from replenish.flows import manage_workspaces as flow
from support.admin import Admin
from support.world import World

pytestmark = pytest.mark.anyio


async def test_opening_the_link_spends_nothing_the_button_does(world: World) -> None:
    """Mail filters open every link they see."""
    async with Admin.of(world) as olga, Admin.of(world) as scanner:
        await olga.hire("olga@acme.example")
        link = await olga.link()
        for _ in range(3):
            await scanner.go(link)
            assert not scanner.signed_in
        await olga.go(link)
        await olga.press("Sign in")
        assert olga.path == "/admin"
        assert "olga@acme.example" in olga.text


async def test_law_17_a_sign_in_link_works_once(world: World) -> None:
    async with Admin.of(world) as olga, Admin.of(world) as thief:
        await olga.hire("olga@acme.example")
        link = await olga.link()
        for visitor in (olga, thief):
            await visitor.go(link)
        forms = [(visitor, visitor.form("Sign in").values) for visitor in (olga, thief)]
        answers = await asyncio.gather(*(visitor.http.post(link, data=values) for visitor, values in forms))
        assert sorted(answer.status_code for answer in answers) == [200, 410]
        assert [olga.signed_in, thief.signed_in].count(True) == 1


@pytest.mark.parametrize("how", ["used", "unknown", "long", "old", "disabled"])
async def test_a_link_that_has_ended_says_so_kindly(world: World, how: str) -> None:
    async with Admin.of(world) as late:
        await late.hire("olga@acme.example")
        link = await late.link()
        if how == "used":
            await late.go(link)
            await late.press("Sign in")
            await late.press("Sign out")
        elif how == "unknown":
            link = "/admin/enter/nothing-like-a-token"
        elif how == "long":
            link = f"/admin/enter/{'x' * 3000}"
        elif how == "old":
            await world.db.pool.execute("update operator_sessions set link_expires_at = now() - interval '1 second'")
        else:
            await world.db.pool.execute("update operators set disabled_at = now()")
        await late.go(link)
        await late.press("Sign in", status=410)
        assert "This link has ended" in late.text
        assert not late.signed_in


async def test_without_a_session_every_page_leads_to_the_sign_in(world: World) -> None:
    async with Admin.of(world) as nobody:
        await nobody.go("/admin")
        assert nobody.path == "/admin/sign-in"


async def test_signing_out_ends_the_session_where_it_is_kept(admin: Admin) -> None:
    stolen = admin.http.cookies["replenish_admin"]
    await admin.press("Sign out")
    assert "You are signed out." in admin.text
    assert not admin.signed_in
    async with Admin.of(admin.world) as thief:
        thief.http.cookies.set("replenish_admin", stolen, path="/admin", domain="127.0.0.1")
        await thief.go("/admin")
        assert thief.path == "/admin/sign-in"


async def test_a_disabled_operator_is_out_at_once(admin: Admin) -> None:
    await admin.world.db.pool.execute("update operators set disabled_at = now()")
    await admin.go("/admin")
    assert admin.path == "/admin/sign-in"


async def test_law_17_the_session_cookie_is_for_the_admin_only(world: World) -> None:
    async with Admin.of(world) as olga:
        await olga.hire("olga@acme.example")
        await olga.go(await olga.link())
        answer = await olga.http.post(olga.answer.url.path, data=olga.form("Sign in").values, follow_redirects=False)
        cookie = next(value for value in answer.headers.get_list("set-cookie") if "replenish_admin" in value)
        assert "Path=/admin;" in f"{cookie};"
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie


async def test_the_switch_shows_the_other_twin(admin: Admin) -> None:
    await admin.world.api.post("/customers", {"external_id": "ann", "name": "Ann"})
    await admin.go("/admin")
    assert "Test workspace" in admin.text
    assert "Customers 1" in admin.text
    await admin.press("Switch to live")
    assert "You are now in the live workspace." in admin.text
    assert "Test workspace" not in admin.text
    assert "Customers 0" in admin.text
    await admin.press("Switch to test")
    assert "Customers 1" in admin.text


async def test_law_17_no_form_works_without_its_token(admin: Admin) -> None:
    for path in ("/admin/switch", "/admin/sign-out"):
        await admin.post(path, {}, status=403)
    await admin.go("/admin")
    assert "Test workspace" in admin.text


async def test_another_operator_cannot_end_a_session(world: World) -> None:
    async with Admin.of(world) as olga, Admin.of(world) as ben:
        await olga.hire("olga@acme.example")
        await olga.enter()
        ben_id = await ben.hire("ben@acme.example")
        session = await world.db.fetchval("select id from operator_sessions")
        with pytest.raises(Exception, match="No such session"):
            await flow.leave_admin(db=world.db, operator_id=ben_id, session_id=session)  # pyright: ignore[reportArgumentType] # a row's id
        await olga.go("/admin")
        assert olga.path == "/admin"
