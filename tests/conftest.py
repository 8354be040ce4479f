"""One PostgreSQL for the run, one template made by the real migrations, one cheap clone of it for each test.

`REPLENISH_TEST_DATABASE_URL` names another server to use (its role must be allowed to create databases); otherwise the embedded
one is started in a temporary folder and shared by all of xdist's workers. Async tests and fixtures run on anyio's plugin.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from replenish.core.db import Database, connect
from replenish.core.migrate import migrate, migrations
from replenish.main.embedded_postgres import NOT_DURABLE, EmbeddedPostgres
from replenish.main.postgres_process import running_postmaster

TEMPLATE_LOCK: Final = 5_308_414_417_923_317_205
# Whoever needs a server that survives a kill starts one with its own settings (tests/crash, tests/main).
SERVER_SETTINGS: Final = {**NOT_DURABLE, "max_connections": "300", "wal_level": "minimal", "max_wal_senders": "0"}
MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of our own in it, with a random name
MEMORY_NEEDED: Final = 2_000_000_000


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """The standard library's own loop, the one whose debug mode and warnings the tests are held to."""
    return "asyncio", {"use_uvloop": False}


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """The run's server, as a role that may create databases."""
    given = os.environ.get("REPLENISH_TEST_DATABASE_URL")
    if given:
        yield given
        return
    base = _where_files_are_cheap()
    _sweep_up_killed_runs(base)
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or secrets.token_hex(8)
    home = base / f"replenish-tests-{os.geteuid()}-{run}"
    home.mkdir(mode=0o711, exist_ok=True)
    server = EmbeddedPostgres(home, settings=SERVER_SETTINGS).start()
    yield server.url()
    if server.stop():  # the last of the workers
        shutil.rmtree(home)


def _where_files_are_cheap() -> Path:
    """A clone is 550 files: 10 ms in memory, 350 ms on a disk."""
    with contextlib.suppress(OSError):
        if shutil.disk_usage(MEMORY).free > MEMORY_NEEDED and os.access(MEMORY, os.W_OK):
            return MEMORY
    return Path(tempfile.gettempdir())


def _sweep_up_killed_runs(base: Path) -> None:
    """End the server that a killed run left behind: nobody holds its lock any more."""
    for home in base.glob(f"replenish-tests-{os.geteuid()}-*"):
        folder = home / "postgres"
        with contextlib.suppress(OSError), (folder / "users.lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            pid = running_postmaster(folder / "data")
            if pid is not None:
                os.kill(pid, signal.SIGQUIT)
            shutil.rmtree(home, ignore_errors=True)


def _on_server(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


@pytest.fixture(scope="session")
def template(server_url: str) -> str:
    """The name of a database with every migration applied and nothing else; made by whichever worker comes first."""
    digest = hashlib.sha256("".join(migration.sql for migration in migrations()).encode()).hexdigest()[:16]
    name = f"replenish_template_{digest}"
    asyncio.run(_make_template(server_url, name))
    return name


async def _make_template(server_url: str, name: str) -> None:
    connection = await asyncpg.connect(server_url)
    try:
        await connection.execute("select pg_advisory_lock($1)", TEMPLATE_LOCK)
        if await connection.fetchval("select exists (select from pg_database where datname = $1)", name):
            return
        unfinished = f"{name}_{secrets.token_hex(4)}"  # renamed when complete: a run may be killed in between
        await connection.execute(f'create database "{unfinished}"')
        await migrate(_on_server(server_url, unfinished))
        await connection.execute(f'alter database "{unfinished}" rename to "{name}"')
    finally:
        await connection.close()


@pytest.fixture
def database_url(server_url: str, template: str) -> Iterator[str]:
    """A migrated, empty database of the test's own."""
    # Copying files is fastest where nothing is synced; a server of somebody's own knows best by itself.
    strategy = "" if os.environ.get("REPLENISH_TEST_DATABASE_URL") else "strategy file_copy"
    with _new_database(server_url, f'template "{template}" {strategy}') as url:
        yield url


@pytest.fixture
def empty_database_url(server_url: str) -> Iterator[str]:
    """A database of the test's own without a single migration."""
    with _new_database(server_url, "") as url:
        yield url


@contextlib.contextmanager
def _new_database(server_url: str, options: str) -> Generator[str]:
    name = f"replenish_test_{secrets.token_hex(8)}"
    asyncio.run(_execute(server_url, f'create database "{name}" {options}'))
    try:
        yield _on_server(server_url, name)
    finally:
        asyncio.run(_execute(server_url, f'drop database if exists "{name}" with (force)'))


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """The program's own pool on the test's database, wide enough for tests that run things side by side."""
    database = await connect(database_url, size_max=20, application="replenish tests")
    yield database
    await database.close()


@pytest.fixture
def pool(db: Database) -> asyncpg.Pool[asyncpg.Record]:
    """For a test's own SQL."""
    return db.pool
