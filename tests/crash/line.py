"""The line to a program that is killed again and again: every request is repeated until it is answered.

Nothing is forgiven while it runs: a lost connection or a 5xx counts as unanswered only if a kill lies between the request and
its end. A repeated request is word for word the first one, with the same key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx
import msgspec

from support.visitor import Visitor

API_KEY = "rk_test_" + "crashcrashcrashcrashcrashcrashcrash"


class Unanswered(Exception):
    """Nobody knows what became of it."""


class Answer(msgspec.Struct, frozen=True):
    status: int
    body: Any


class Line:
    """Knows whether the program is up, and how often it was killed."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.kills = 0
        self.unanswered = 0
        self._failing = False
        self._up = asyncio.Event()

    def fails_from_now_on(self) -> None:
        """The kill is under way. Nobody is told: requests go on into it."""
        self.kills += 1
        self._failing = True

    def is_dead(self) -> None:
        """Everybody has noticed, and waits for the next start."""
        self._up.clear()
        self._failing = False

    def is_up(self) -> None:
        self._up.set()

    def client(self, headers: Mapping[str, str] | None = None) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=_Transport(self), base_url=self.base_url, headers=headers)

    async def send(self, send: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        """One try. Raises Unanswered when a kill swallowed it; what fails without a kill fails the test."""
        await self._up.wait()
        kills, doubtful = self.kills, self._failing
        try:
            answer = await send()
            await answer.aread()
            if answer.status_code < 500:
                return answer
            failure = f"{answer.request.url} {answer.status_code} {answer.text}"
        except httpx.TransportError as lost:
            failure = f"{lost.request.url} {lost!r}"
        assert doubtful or self.kills > kills, f"it failed while all was well: {failure}"
        self.unanswered += 1
        raise Unanswered(failure)


class _Transport(httpx.AsyncHTTPTransport):
    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        async def send() -> httpx.Response:
            try:
                answer = await httpx.AsyncHTTPTransport.handle_async_request(self, request)
            except httpx.TransportError as lost:
                lost.request = request
                raise
            answer.request = request
            return answer

        return await self._line.send(send)


class Api:
    """API v1, as a merchant's careful program calls it."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def ask(self, method: str, path: str, body: object = None, *, key: str | None = None) -> Answer:
        """Until it is answered; a request that is still being worked on (409 `in_progress`) is asked about again."""
        while True:
            headers = {} if key is None else {"Idempotency-Key": key}
            try:
                answer = await self.http.request(method, f"/v1{path}", json=body, headers=headers)
            except Unanswered:
                continue
            found = answer.json()
            if answer.status_code == 429 or (answer.status_code, found.get("code")) == (409, "in_progress"):
                await asyncio.sleep(0.2)
                continue
            return Answer(answer.status_code, found)

    async def must(self, method: str, path: str, body: object = None, *, key: str | None = None) -> Any:
        """As `ask`; anything but success fails the test."""
        answer = await self.ask(method, path, body, key=key)
        assert answer.status < 300, (method, path, body, answer)
        return answer.body


class Customer(Visitor):
    """A customer at a browser without scripts. A step may raise Unanswered; then they open the page again."""

    def offers(self, button: str) -> str | None:
        """The button that begins with these words, if the page has one."""
        return next((one for form in self.page.forms for one in form.buttons if one.startswith(button)), None)

    async def type_card(self, number: str, *, button: str) -> None:
        """On the provider's page, where `open` has led by way of ours; and back to the shop."""
        if any(words == "Continue" for words, _ in self.page.links):
            await self.follow("Continue")
        found = self.offers(button)
        if found is not None:
            await self.press(found, number=number, expires="12/70", cvc="123")
        await self.follow("Back to")
