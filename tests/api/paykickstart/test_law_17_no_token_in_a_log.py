"""A token that came in a query must stand in no log: not in the server's access log, not in ours (law 17)."""

import asyncio
import io
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, redirect_stderr

import httpx
import pytest
import uvicorn

from replenish.core.redaction import clean
from replenish.core.settings import Settings
from replenish.main import log
from replenish.main.app import create_app
from support.addons import EMAIL, open_store
from support.world import BASE_URL, SECRET_KEY

pytestmark = pytest.mark.anyio
WRONG = "a-token-that-nobody-knows"


@contextmanager
def written() -> Iterator[io.StringIO]:
    """Every line of every logger, as a file would have it."""
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    loggers = [logging.getLogger(name) for name in ("", "uvicorn.access", "uvicorn.error")]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        with redirect_stderr(lines):
            log.configure(readable=False)
            yield lines
    finally:
        for logger in loggers:
            logger.removeHandler(handler)


@asynccontextmanager
async def served(database_url: str) -> AsyncIterator[str]:
    """The application under uvicorn, with the access log that its own command switches off."""
    settings = Settings(database_url=database_url, secret_key=SECRET_KEY, base_url=BASE_URL, dev=True)
    config = uvicorn.Config(create_app(settings), port=0, access_log=True, log_level="info", log_config=None)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server._serve())
    try:
        while not server.started:
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


async def test_law_17_the_access_log_names_no_token(database_url: str) -> None:
    async with open_store(database_url) as store:
        with written() as lines:
            async with served(database_url) as url, httpx.AsyncClient(base_url=url) as http:
                for token, status in ((store.token, 200), (WRONG, 401)):
                    query = {"auth_token": token, "email": EMAIL, "product_id": "1"}
                    answer = await http.get("/buyer-addon/usage", params=query)
                    assert answer.status_code == status
                    body = {"auth_token": token, "email": EMAIL, "units": "-1"}
                    await http.post("/api/buyer-addon/usage/add", data=body)
                encoded = "".join(f"%{ord(letter):02x}" for letter in "auth_token")
                await http.get(f"/buyer-addon/usage?email={EMAIL}&{encoded}={WRONG}")
        told = lines.getvalue()
    # httpx tells of each request, too, in a logger of its own: what a client logs is the client's.
    ours = "\n".join(line for line in told.splitlines() if not line.startswith("HTTP Request:"))
    assert '"GET /buyer-addon/usage?auth_token=[redacted]&email=' in ours
    assert "/api/buyer-addon/usage/add" in ours
    assert store.token not in ours
    assert WRONG not in ours


@pytest.mark.parametrize(
    "line",
    [
        f"GET /buyer-addon/usage?auth_token={WRONG}&email=a",
        f"GET /buyer-addon/usage?email=a&AUTH_TOKEN={WRONG}",
        f"GET /buyer-addon/usage?email=a&auth%5Ftoken={WRONG}",
        f"GET /buyer-addon/usage?%61uth_toke%6e={WRONG}",
        f'{{"auth_token": "{WRONG}", "units": 1}}',
        f"{{'auth_token': '{WRONG}'}}",
        f"auth_token={WRONG}",
        f"Authorization: Bearer {WRONG}",
    ],
)
def test_law_17_tokens_inside_texts_are_found(line: str) -> None:
    assert WRONG not in str(clean(line))
    assert "[redacted]" in str(clean(line))


def test_law_17_nothing_else_is_taken_out() -> None:
    line = '127.0.0.1:1 - "GET /v1/customers?limit=5&email=ann@example.test HTTP/1.1" 200'
    assert clean(line) == line
