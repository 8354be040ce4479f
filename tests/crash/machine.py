"""Where the program runs and is killed, and the books that it leaves."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.crash.line import API_KEY

from support.dev import Dev, environment, free_port
from support.processes import kill


class Machine:
    """Where the program runs: on one port, in one folder, until it is killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.dev: Dev | None = None

    def start(self) -> Dev:
        self.dev = Dev(self.folder, port=self.port, variables={"REPLENISH_DEV_API_KEY": API_KEY}).wait()
        return self.dev

    def targets(self) -> list[int]:
        assert self.dev is not None
        return self.dev.everything()

    def kill_only(self, pids: list[int]) -> None:
        """These, whatever becomes of the others."""
        kill(pids)

    def kill(self, pids: list[int]) -> None:
        assert self.dev is not None
        kill(pids)
        self.dev.process.wait()

    def end(self) -> None:
        """In good order, so that the server takes its shared memory along."""
        if self.dev is not None:
            self.dev.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.dev.process.wait(timeout=60)
            kill(self.dev.everything())
            self.dev.process.wait()


@pytest.fixture
def machine(home: Path) -> Iterator[Machine]:
    machine = Machine(home)
    yield machine
    machine.end()


def verify(dev: Dev) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "replenish.main.cli", "verify"],
        env=environment(dev.home, {}),
        check=False,
        capture_output=True,
        text=True,
    )
