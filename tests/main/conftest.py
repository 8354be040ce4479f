"""Places for servers of their own."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from replenish.main.postgres_process import running_postmaster
from support.postgres import Processes
from support.waiting import wait_until


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every account can pass through, as pytest's own (mode 0700) is not. Servers left in it are ended."""
    folder = Path(tempfile.mkdtemp(prefix="rp-"))
    folder.chmod(0o711)
    yield folder
    for data in {file.parent for file in folder.rglob("postmaster.pid")}:
        pid = running_postmaster(data)
        if pid is not None:
            os.kill(pid, signal.SIGQUIT)
            wait_until(lambda data=data: running_postmaster(data) is None)
    shutil.rmtree(folder)


@pytest.fixture
def home(place: Path) -> Path:
    return place / "home"


@pytest.fixture
def processes() -> Iterator[Processes]:
    processes = Processes()
    yield processes
    for process in processes.running:
        process.kill()
        with process:
            pass
