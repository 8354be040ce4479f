"""Servers of a test's own, and other processes that use them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import asyncpg

from replenish.main.embedded_postgres import EmbeddedPostgres
from replenish.main.postgres_binaries import EMBEDDED_POSTGRES, BinaryPackage
from replenish.main.postgres_process import running_postmaster


def embedded(
    home: Path, *, settings: Mapping[str, str] | None = None, package: BinaryPackage = EMBEDDED_POSTGRES
) -> EmbeddedPostgres:
    # Shared memory among its own files, so that a killed server leaves nothing in /dev/shm when its folder is gone.
    own = {"dynamic_shared_memory_type": "mmap", **(settings or {})}
    return EmbeddedPostgres(home, outside=home.parent / "outside", settings=own, package=package)


def ask(server: EmbeddedPostgres, sql: str) -> list[tuple[object, ...]]:
    async def fetch() -> list[tuple[object, ...]]:
        connection = await asyncpg.connect(server.url(), timeout=20)
        try:
            return [tuple(row) for row in await connection.fetch(sql)]
        finally:
            await connection.close()

    return asyncio.run(fetch())


def postmaster_of(server: EmbeddedPostgres) -> int:
    pid = running_postmaster(server.data)
    assert pid is not None
    return pid


class Processes:
    """Other processes that start a server in `home` and then do something; ended with the test."""

    def __init__(self) -> None:
        self.running: list[subprocess.Popen[str]] = []

    def start(self, home: Path, then: str) -> subprocess.Popen[str]:
        code = (
            "import os, signal, sys, time\nfrom pathlib import Path\n"
            "from replenish.main.embedded_postgres import EmbeddedPostgres\n"
            f"server = EmbeddedPostgres(Path({str(home)!r}), outside=Path({str(home.parent / 'outside')!r})).start()\n"
            f"{then}\n"
        )
        return self.run(code)

    def run(self, code: str, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            stdout=subprocess.PIPE,
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.running.append(process)
        return process
