"""Looking at the machine's processes."""

import contextlib
import os
import signal
import subprocess


def descendants(pid: int) -> list[int]:
    """Every process below `pid`, deepest first."""
    listed = subprocess.run(["ps", "-e", "-o", "pid=,ppid="], check=True, capture_output=True, text=True)
    children: dict[int, list[int]] = {}
    for line in listed.stdout.splitlines():
        child, parent = map(int, line.split())
        children.setdefault(parent, []).append(child)

    def below(parent: int) -> list[int]:
        return [found for child in children.get(parent, []) for found in [*below(child), child]]

    return below(pid)


def is_alive(pid: int) -> bool:
    """Running, and not just waiting to be reaped."""
    listed = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], check=False, capture_output=True, text=True)
    return bool(listed.stdout.strip()) and not listed.stdout.strip().startswith("Z")


def kill(pids: list[int]) -> None:
    """SIGKILL, to whoever of them is still there."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
