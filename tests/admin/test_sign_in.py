"""Signing in by password, setting one, the sessions of one operator, and what the audit log says of it."""

import pytest

from replenish.access.sign_in import passwords
from replenish.flows.manage_workspaces import create_workspace
from support.admin import Admin
from support.world import World

pytestmark = pytest.mark.anyio
PASSWORD = "four plain words together"
OTHER = "quite another sentence"


async def set_password(admin: Admin, password: str = PASSWORD, *, status: int = 200, **values: str) -> None:
    await admin.go("/admin/account")
    button = next(
        name for form in admin.page.forms for name in form.buttons if name in {"Set password", "Change password"}
    )
    await admin.press(button, status=status, **{"password": password, "again": password, **values})


async def sign_in(somebody: Admin, email: str, password: str, *, status: int = 200) -> None:
    await somebody.go("/admin/sign-in")
    await somebody.press("Sign in", email=email, password=password, status=status)


async def long_ago(admin: Admin) -> None:
    """The link that opened these sessions stands for a password no longer."""
    await admin.world.db.pool.execute("update operator_sessions set entered_at = now() - interval '16 minutes'")


async def test_a_password_is_set_once_in_and_opens_the_door_afterwards(admin: Admin) -> None:
    await set_password(admin)
    assert "Your password is set." in admin.text
    async with Admin.of(admin.world) as later:
        await sign_in(later, "Olga@Acme.example", PASSWORD)
        assert later.path == "/admin"
        assert "olga@acme.example" in later.text


async def test_law_17_passwords_are_stored_by_argon2(admin: Admin) -> None:
    await set_password(admin)
    stored = await admin.world.db.fetchval("select password_hash from operators")
    assert str(stored).startswith("$argon2id$")
    assert PASSWORD not in str(stored)


@pytest.mark.parametrize("why", ["wrong", "unknown", "disabled", "none set", "long", "odd"])
async def test_law_17_every_refusal_reads_the_same(admin: Admin, why: str) -> None:
    if why != "none set":
        await set_password(admin)
    if why == "disabled":
        await admin.world.db.pool.execute("update operators set disabled_at = now()")
    email = {"unknown": "eve@acme.example", "odd": "\x00\ud800@x"}.get(why, "olga@acme.example")
    password = {"wrong": OTHER, "long": PASSWORD * 20}.get(why, PASSWORD)
    async with Admin.of(admin.world) as somebody:
        await somebody.go("/admin/sign-in")
        values = {**somebody.form("Sign in").values, "email": email.replace("\ud800", ""), "password": password}
        await somebody.post("/admin/sign-in", values, status=422)
        assert "This e-mail address and password do not belong together." in somebody.text
        assert not somebody.signed_in


async def test_law_17_an_unknown_address_costs_the_same_work(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []
    verify = passwords._verify  # pyright: ignore[reportPrivateUsage] # counted, not replaced

    def counting(stored: str, password: str) -> bool:
        compared.append(stored.split("$p", maxsplit=1)[0])
        return verify(stored, password)

    monkeypatch.setattr(passwords, "_verify", counting)
    stored = await passwords.hash_of(PASSWORD)
    assert await passwords.matches(stored, PASSWORD)
    assert not await passwords.matches(None, PASSWORD)
    assert not await passwords.matches(stored, "x" * 300)
    assert len(compared) == 3
    assert stored.split("$")[:4] == passwords._nobodys().split("$")[:4]  # pyright: ignore[reportPrivateUsage] # the same parameters
    assert world.live


async def test_law_17_guesses_are_counted_by_address(admin: Admin) -> None:
    await set_password(admin)
    async with Admin.of(admin.world) as guesser:
        await guesser.go("/admin/sign-in")
        values = {**guesser.form("Sign in").values, "email": "OLGA@acme.example", "password": OTHER}
        for _ in range(10):
            await guesser.post("/admin/sign-in", values, status=422)
        await guesser.post("/admin/sign-in", values, status=429)
        assert "Too many" in guesser.text
        assert int(guesser.answer.headers["retry-after"]) > 0


async def test_law_17_no_form_of_the_account_works_without_its_token(admin: Admin) -> None:
    fields = {"email": "olga@acme.example", "password": PASSWORD, "again": PASSWORD}
    for path in ("/admin/sign-in", "/admin/account/password", "/admin/account/sessions/end-others"):
        await admin.post(path, fields, status=403)
    assert await admin.world.db.fetchval("select password_hash from operators") is None


@pytest.mark.parametrize(
    ("password", "again", "says"),
    [
        ("short", "short", "must have at least 12 characters"),
        ("x" * 257, "x" * 257, "must have at most 256 characters"),
        ("aaaaaaaaaaaaaa", "aaaaaaaaaaaaaa", "is too easy to guess"),
        (PASSWORD, OTHER, "New password, again : is not the same"),
    ],
)
async def test_what_is_no_password(admin: Admin, password: str, again: str, says: str) -> None:
    await set_password(admin, password, again=again, status=422)
    assert says in admin.text


async def test_a_change_needs_the_present_password_and_ends_other_sessions(admin: Admin) -> None:
    await set_password(admin)
    async with Admin.of(admin.world) as office:
        await sign_in(office, "olga@acme.example", PASSWORD)
        unused = await admin.link()
        for current, says in (("", "say your present password"), (OTHER, "is not your present password")):
            await set_password(office, OTHER, current=current, status=422)
            assert says in office.text
        await set_password(office, OTHER, current=PASSWORD)
        await office.go("/admin")
        assert office.path == "/admin"
        await admin.go("/admin")
        assert admin.path == "/admin/sign-in"
        await admin.go(unused)
        await admin.press("Sign in", status=410)
        await sign_in(admin, "olga@acme.example", PASSWORD, status=422)
        await sign_in(admin, "olga@acme.example", OTHER)


async def test_a_lost_password_is_replaced_by_who_just_opened_a_link(admin: Admin) -> None:
    await set_password(admin)
    await set_password(admin, OTHER)
    await long_ago(admin)
    await set_password(admin, PASSWORD, status=422)
    assert "say your present password" in admin.text


async def test_sessions_are_listed_and_ended(admin: Admin) -> None:
    await set_password(admin)
    async with Admin.of(admin.world) as office, Admin.of(admin.world) as phone:
        office.http.headers["User-Agent"] = "Office <b>browser</b>"
        for one in (office, phone):
            await sign_in(one, "olga@acme.example", PASSWORD)
        await admin.go("/admin/account")
        assert "Office <b>browser</b>" in admin.text
        assert admin.text.count("Sign out there") == 2
        await admin.press("Sign out there")
        assert admin.text.count("Sign out there") == 1
        await admin.press("Sign out everywhere else")
        assert "Sign out there" not in admin.text
        for one in (office, phone):
            await one.go("/admin")
            assert one.path == "/admin/sign-in"


async def test_law_16_nobody_ends_another_operators_session(admin: Admin) -> None:
    session = await admin.world.db.fetchval("select id from operator_sessions")
    async with Admin.of(admin.world) as ben:
        await ben.hire("ben@acme.example")
        await ben.enter()
        token = ben.form("Sign out").values
        for wrong in (session, "nothing"):
            await ben.post(f"/admin/account/sessions/{wrong}/end", token, status=404)
    await admin.go("/admin")
    assert admin.path == "/admin"


async def test_the_audit_log_says_who_did_what_and_holds_no_password(admin: Admin) -> None:
    await admin.go("/admin/campaigns/new")
    await admin.press("Save", name="Spring")
    await set_password(admin)
    await admin.go("/admin/audit")
    assert "Operator password set" in admin.text
    assert "Campaign created" in admin.text
    assert "Spring" in admin.text
    assert PASSWORD not in admin.answer.text
    assert "argon2" not in admin.answer.text
    await admin.press("Switch to live")
    await admin.go("/admin/audit")
    assert "Operator password set" in admin.text
    assert "Spring" not in admin.text


async def test_the_audit_log_has_pages(admin: Admin) -> None:
    for number in range(51):
        await admin.go("/admin/campaigns/new")
        await admin.press("Save", name=f"Campaign {number}")
    await admin.go("/admin/audit")
    assert "Campaign 50" in admin.text
    assert "Campaign 0 " not in admin.text
    await admin.follow("Older")
    assert "Campaign 0 " in admin.text
    await admin.go("/admin/audit?before=nonsense", status=404)


async def test_law_16_another_merchants_audit_is_not_shown(admin: Admin) -> None:

    await set_password(admin)
    other = await create_workspace(db=admin.world.db, name="Umbrella")
    async with Admin.of(admin.world) as eve:
        await eve.hire("eve@umbrella.example", workspace_id=other.live)
        await eve.enter()
        await eve.go("/admin/audit")
        assert "Nothing was changed yet" in eve.text
