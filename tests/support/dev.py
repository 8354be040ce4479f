"""`replenish dev` in processes of its own, as a newcomer starts it."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import asyncpg
import httpx

from replenish.main.postgres_process import running_postmaster
from support.processes import descendants
from support.waiting import wait_until


class Dev:
    """One `replenish dev` in a process of its own."""

    def __init__(self, home: Path, *, port: int, variables: dict[str, str] | None = None) -> None:
        self.home = home
        self.port = port
        self.log = home.parent / f"{home.name}-{port}.log"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "replenish.main.cli", "dev"],
                env=environment(home, {"PORT": str(port), **(variables or {})}),
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self.log.read_text()

    def wait(self) -> Dev:
        """Until it has told its user that it runs."""
        wait_until(
            lambda: "Ctrl-C stops" in self.said or self.process.poll() is not None, what=f"a start in {self.home}"
        )
        assert "Ctrl-C stops" in self.said, self.said
        return self

    @property
    def data(self) -> Path:
        return (self.home / "postgres").resolve() / "data"

    def everything(self) -> list[int]:
        """Each of its processes."""
        server = running_postmaster(self.data)
        roots = {self.process.pid} | ({server} if server else set())
        return [found for root in roots for found in [*descendants(root), root]]

    def children(self) -> dict[str, int]:
        """Process ids of `serve` and `worker`."""
        found: dict[str, int] = {}
        for pid in descendants(self.process.pid):
            command = subprocess.run(["ps", "-ww", "-o", "command=", "-p", str(pid)], check=False, capture_output=True)
            match = re.search(rb"replenish\.main\.cli (serve|worker)", command.stdout)
            if match:
                found[match[1].decode()] = pid
        return found

    def is_healthy(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/healthz", trust_env=False).is_success
        except httpx.TransportError:
            return False

    async def connect(self) -> asyncpg.Connection[asyncpg.Record]:
        """To its database, over its own socket."""
        folder = (self.home / "postgres").resolve()
        return await asyncpg.connect(
            host=str(folder), user="replenish", password=(folder / "password").read_text(), database="replenish"
        )

    def ask(self, sql: str) -> object:
        """A question to its database."""

        async def ask() -> object:
            connection = await self.connect()
            try:
                return await connection.fetchval(sql)
            finally:
                await connection.close()

        return asyncio.run(ask())


def environment(home: Path, variables: dict[str, str]) -> dict[str, str]:
    """This process's, without what would make ours behave as in somebody's own installation."""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(("REPLENISH_", "PYTEST_"))}
    return {**inherited, "REPLENISH_HOME": str(home), **variables}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
