"""An operator with a browser that has no screen: follows links, fills forms in, and sees what a person would."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape
from html.parser import HTMLParser

import httpx

from replenish.access.model import Mode, Role
from replenish.core.ids import OperatorId, WorkspaceId
from replenish.flows import manage_workspaces as flow
from support.world import BASE_URL, World

COOKIE = "replenish_admin"


class Form:
    """One form of a page: where it goes, and what a browser would send if nothing were touched."""

    def __init__(self, name: str, action: str) -> None:
        self.name = name
        self.action = action
        self.values: dict[str, str] = {}
        self.buttons: list[str] = []


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[tuple[str, str]] = []
        self.text: list[str] = []
        self._form: Form | None = None
        self._select: str | None = None
        self._area: str | None = None
        self._link: list[str] | None = None
        # Where a button's form is, and the words on it; it may stand before its form.
        self._button: tuple[Form | str, list[str]] | None = None
        self._ahead: dict[str, list[str]] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = given.get("name") or ""
        if tag == "form":
            self._form = Form(given.get("id") or "", given.get("action") or "")
            self._form.buttons += self._ahead.get(self._form.name, [])
            self.forms.append(self._form)
        elif tag == "a":
            self._link = [given.get("href") or "", ""]
        elif tag == "button" and given.get("type") == "submit":
            owner = given.get("form") or self._form
            assert owner is not None, "a button that sends nothing"
            self._button = (owner, [])
        if self._form is None:
            return
        kind = given.get("type") or "text"
        if tag == "input" and name and (kind not in {"radio", "checkbox"} or "checked" in given):
            self._form.values[name] = given.get("value") or ""
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and (self._select not in self._form.values or "selected" in given):
            self._form.values[self._select] = given.get("value") or ""
        elif tag == "textarea":
            self._area = name
            self._form.values[name] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = None
        elif tag == "textarea":
            self._area = None
        elif tag == "a" and self._link is not None:
            self.links.append((self._link[0], " ".join(self._link[1].split())))
            self._link = None
        elif tag == "button" and self._button is not None:
            owner, words = self._button
            text = " ".join("".join(words).split())
            if isinstance(owner, Form):
                owner.buttons.append(text)
            else:
                self._ahead.setdefault(owner, []).append(text)
            self._button = None

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if self._link is not None:
            self._link[1] += data
        if self._button is not None:
            self._button[1].append(data)
        if self._form is not None and self._area is not None:
            # A browser drops the line end right after the tag.
            self._form.values[self._area] += data.removeprefix("\n")


class Admin:
    """A person at a browser. `answer` is the last page, after redirects."""

    def __init__(self, world: World, http: httpx.AsyncClient) -> None:
        self.world = world
        self.http = http
        self.answer = httpx.Response(200, text="")
        self.operator_id: OperatorId | None = None

    @classmethod
    @asynccontextmanager
    async def of(cls, world: World) -> AsyncIterator[Admin]:
        transport = httpx.ASGITransport(app=world.app, raise_app_exceptions=False)
        headers = {"Accept": "text/html", "User-Agent": "Test browser"}
        async with httpx.AsyncClient(
            transport=transport, base_url=BASE_URL, headers=headers, follow_redirects=True
        ) as http:
            yield cls(world, http)

    # Who it is

    async def hire(self, email: str, *, role: Role = "owner", workspace_id: WorkspaceId | None = None) -> OperatorId:
        live = self.world.live if workspace_id is None else workspace_id
        self.operator_id = await flow.create_operator(db=self.world.db, workspace_id=live, email=email, role=role)
        return self.operator_id

    async def link(self, mode: Mode = "test") -> str:
        assert self.operator_id is not None
        token = await flow.create_sign_in_link(db=self.world.db, operator_id=self.operator_id, mode=mode)
        return f"/admin/enter/{token}"

    async def enter(self, mode: Mode = "test") -> None:
        await self.go(await self.link(mode))
        await self.press("Sign in")
        assert self.path == "/admin", self.text

    @property
    def signed_in(self) -> bool:
        return COOKIE in self.http.cookies

    # What it sees

    @property
    def page(self) -> _Reader:
        reader = _Reader()
        reader.feed(self.answer.text)
        return reader

    @property
    def text(self) -> str:
        return " ".join(unescape(" ".join(self.page.text)).split())

    @property
    def status(self) -> int:
        return self.answer.status_code

    @property
    def path(self) -> str:
        return self.answer.url.path.rstrip("/")

    # What it does

    async def go(self, path: str, *, status: int = 200) -> None:
        self.answer = await self.http.get(path)
        assert self.status == status, (path, self.status, self.text)

    async def follow(self, words: str) -> None:
        found = [href for href, text in self.page.links if text == words]
        assert found, (words, [text for _, text in self.page.links])
        await self.go(found[0])

    def form(self, button: str) -> Form:
        """The form whose button says so."""
        found = [form for form in self.page.forms if button in form.buttons]
        assert found, (button, [form.buttons for form in self.page.forms])
        return found[0]

    async def press(self, button: str, *, status: int = 200, **values: str) -> None:
        """Fill the form of this button in and send it."""
        form = self.form(button)
        await self.post(form.action or self.answer.url.path, {**form.values, **values}, status=status)

    async def post(self, path: str, values: dict[str, str], *, status: int = 200) -> None:
        self.answer = await self.http.post(path, data=values)
        assert self.status == status, (path, self.status, self.text)
