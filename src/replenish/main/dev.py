"""`replenish dev`: the whole product from one command, on a database of its own.

Everything that lasts lives in one folder (`REPLENISH_HOME`). Nothing relies on an orderly end: after a kill of every process the
next start takes up what it finds.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import AsyncGenerator, Callable, Generator
from pathlib import Path
from typing import Final

import asyncpg
import httpx
from rich.console import Console
from rich.markup import escape

from replenish.core import db as database
from replenish.core import settings as environment
from replenish.core.migrate import migrate
from replenish.core.rows import value
from replenish.core.settings import Settings
from replenish.main.children import ParentPipe, keep_running
from replenish.main.demo import ensure_demo
from replenish.main.embedded_postgres import EmbeddedPostgres
from replenish.main.postgres_account import EmbeddedPostgresError

DATABASE: Final = "replenish"
START_SECONDS: Final = 120.0
# After a kill of everything, the old web process needs a moment to notice; then its port is free.
PORT_PATIENCE_SECONDS: Final = 5.0

Say = Callable[[str], None]


class CannotStartError(Exception):
    """`replenish dev` cannot go on; the message says why and what to do."""


def run(console: Console) -> None:
    """Run until Ctrl-C, SIGTERM or the terminal's end; ends everything that it started.

    Raises CannotStartError, EmbeddedPostgresError, or core.errors.Refusal.
    """
    port = environment.port_from()
    host = os.environ.get("HOST") or "127.0.0.1"
    wait_for_port(host, port, patience_seconds=PORT_PATIENCE_SECONDS)
    home = environment.home()
    home.mkdir(parents=True, exist_ok=True)

    def say(line: str) -> None:
        console.print(f"[dim]{escape(line)}[/dim]", highlight=False, soft_wrap=True)

    asyncio.run(_run(console=console, say=say, home=home, host=host, port=port))


def wait_for_port(host: str, port: int, *, patience_seconds: float) -> None:
    """Return when the port can be listened on. Raises CannotStartError that names PORT."""
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, port))
                probe.listen()
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise CannotStartError(f"Cannot listen on {host}, PORT={port}: {error.strerror}.") from error
            if time.monotonic() > deadline:
                raise CannotStartError(
                    f"PORT={port} is in use by another program. Choose another one: PORT={port + 1} make run"
                ) from error
            time.sleep(0.1)
        else:
            return


async def _run(*, console: Console, say: Say, home: Path, host: str, port: int) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stopping.set)
    async with _database(home, stopping=stopping, say=say) as url:
        applied = await migrate(url)
        if applied:
            say(f"applied {len(applied)} migrations")
        settings = Settings(
            database_url=url,
            secret_key=_secret_key(home),
            base_url=(os.environ.get("REPLENISH_BASE_URL") or f"http://{_browsable(host)}:{port}").rstrip("/"),
            host=host,
            port=port,
            dev=True,
        )
        say("preparing the demo workspace")
        db = await database.connect(url, size_max=2, application="replenish dev")
        try:
            demo = await ensure_demo(
                db=db,
                settings=settings,
                api_key=os.environ.get("REPLENISH_DEV_API_KEY"),
                client_key=os.environ.get("REPLENISH_DEV_PAYMENTKIT_KEY"),
            )
        finally:
            await db.close()
        if not stopping.is_set():
            await _serve(settings, home=home, demo=demo, console=console, say=say, stopping=stopping)


async def _serve(
    settings: Settings, *, home: Path, demo: list[tuple[str, str]], console: Console, say: Say, stopping: asyncio.Event
) -> None:
    """Web and worker, each in a process of its own, until `stopping`."""
    child_environment = {
        **os.environ,
        "REPLENISH_DATABASE_URL": settings.database_url,
        "REPLENISH_SECRET_KEY": settings.secret_key,
        "REPLENISH_BASE_URL": settings.base_url,
        "REPLENISH_DEV": "1",
        "REPLENISH_HOME": str(home),
        "HOST": settings.host,
        "PORT": str(settings.port),
    }
    pipe = ParentPipe()
    say("starting web and worker")
    children = [
        asyncio.create_task(
            keep_running(
                name,
                [sys.executable, "-m", "replenish.main.cli", command],
                environment=child_environment,
                pipe=pipe,
                stopping=stopping,
                say=say,
            )
        )
        for name, command in (("web", "serve"), ("worker", "worker"))
    ]
    try:
        if await _healthy(settings, stopping=stopping):
            _welcome(console, settings, demo=demo)
            await stopping.wait()
            say("stopping")
    finally:
        stopping.set()
        await asyncio.gather(*children)
        pipe.close()


async def _healthy(settings: Settings, *, stopping: asyncio.Event) -> bool:
    """Wait for the first 200 of /healthz; False if we are told to stop before. Raises CannotStartError when it never comes."""
    deadline = time.monotonic() + START_SECONDS
    url = f"http://{_browsable(settings.host)}:{settings.port}/healthz"
    # Straight to ourselves: a proxy of the environment has no business in between.
    async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
        while not stopping.is_set():
            with contextlib.suppress(httpx.TransportError):
                if (await client.get(url)).is_success:
                    return True
            if time.monotonic() > deadline:
                raise CannotStartError(f"The web process did not answer at {url} within {START_SECONDS:.0f} s.")
            await asyncio.sleep(0.1)
    return False


def _browsable(host: str) -> str:
    """An address that a browser on this machine can open."""
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared with, not listened on
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _welcome(console: Console, settings: Settings, *, demo: list[tuple[str, str]]) -> None:
    console.print(
        f"\n[bold green]Replenish is running[/] at {escape(settings.base_url)}\n", highlight=False, soft_wrap=True
    )
    for label, text in [*demo, ("API reference", f"{settings.base_url}/reference")]:
        # Never wrapped nor boxed: links are there to be copied, by people and by scripts.
        console.print(f"  [bold]{escape(label):<16}[/] {escape(text)}", highlight=False, soft_wrap=True)
    console.print("\n  Ctrl-C stops everything. The data stays in its folder.\n", highlight=False, soft_wrap=True)


def _secret_key(home: Path) -> str:
    """Made on the first start, kept in the home folder: sessions and stored secrets survive a restart."""
    given = os.environ.get("REPLENISH_SECRET_KEY")
    if given:
        return given
    path = home / "secret_key"
    # Written under another name and linked, so that a start that is killed, or two at once, never leave half a key.
    if not path.exists():
        unfinished = home / f"secret_key.{secrets.token_hex(4)}"
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="ascii") as file:  # noqa: PTH123 - the descriptor carries the mode from the start
            file.write(secrets.token_urlsafe(48))
        with contextlib.suppress(FileExistsError):
            os.link(unfinished, path)
        unfinished.unlink()
    return path.read_text()


def end_unused_database() -> None:
    """End the embedded server if nobody uses it: what a child does when `replenish dev` was killed."""
    server = EmbeddedPostgres(environment.home())
    server.end_if_unused()


@contextlib.contextmanager
def known_database() -> Generator[str]:
    """The URL of REPLENISH_DATABASE_URL, else of the database that `replenish dev` made in REPLENISH_HOME, running or not.

    Raises core.errors.Invalid when there is neither.
    """
    home = environment.home()
    if os.environ.get("REPLENISH_DATABASE_URL") or not (home / "postgres").exists():
        yield environment.database_url_from()
        return
    with EmbeddedPostgres(home) as server:
        yield server.url(DATABASE)


@contextlib.asynccontextmanager
async def _database(home: Path, *, stopping: asyncio.Event, say: Say) -> AsyncGenerator[str]:
    """The URL of a database: the given one, or our own for as long as this lasts."""
    given = os.environ.get("REPLENISH_DATABASE_URL")
    if given:
        say("using the database of REPLENISH_DATABASE_URL")
        yield environment.database_url_from()
        return
    server = EmbeddedPostgres(home)
    await asyncio.to_thread(server.start, say)
    watch = asyncio.create_task(_revive(server, stopping=stopping, say=say))
    try:
        say(f"PostgreSQL runs in {server.folder}")
        await _create_database(server.url())
        yield server.url(DATABASE)
    finally:
        stopping.set()
        await watch  # not cancelled: it might start the server after we stopped it
        stopped = await asyncio.to_thread(server.stop)
        say("PostgreSQL stopped" if stopped else "PostgreSQL goes on: somebody else uses it")


async def _create_database(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        row = await connection.fetchrow("select exists (select from pg_database where datname = $1) as made", DATABASE)
        if row is None or not value(row, "made", bool):
            with contextlib.suppress(asyncpg.DuplicateDatabaseError):  # two first starts at once
                await connection.execute(f'create database "{DATABASE}"')
    finally:
        await connection.close()


async def _revive(server: EmbeddedPostgres, *, stopping: asyncio.Event, say: Say) -> None:
    """Bring the server back when it was killed; web and worker reconnect by themselves."""
    while not stopping.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), timeout=1)
        if not stopping.is_set() and not server.is_running():
            say("PostgreSQL ended; starting it again")
            try:
                await asyncio.to_thread(server.start, say)
            except EmbeddedPostgresError as error:
                say(str(error))
                stopping.set()
