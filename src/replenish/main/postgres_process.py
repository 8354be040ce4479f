"""Whether the process that a data folder names as its server is really there.

A number in a file proves nothing: after a kill it may belong to nobody, to a zombie that nobody reaps (PID 1 of many containers),
or, after a reboot, to any other program. PostgreSQL refuses to start over each of the last two until the file is removed.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def running_postmaster(data: Path) -> int | None:
    """The process id of the server that owns `data`, or None when its pid file is absent, stale or names something else."""
    try:
        pid = int((data / "postmaster.pid").read_text().split(maxsplit=1)[0])
    except (FileNotFoundError, IndexError, ValueError):
        return None
    alive = _seen_in_proc(pid, data) if Path("/proc/self/stat").exists() else seen_by_ps(pid, data)
    return pid if alive else None


def _seen_in_proc(pid: int, data: Path) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    if state in {"Z", "X"}:
        return False
    try:
        # A server's working directory is its data folder, whatever happened to the name since: compare the folders themselves.
        return Path(f"/proc/{pid}/cwd").samefile(data)
    except (FileNotFoundError, ProcessLookupError):
        return False
    except PermissionError:
        return _exists_as_ours(pid)


def seen_by_ps(pid: int, data: Path) -> bool:
    """The same question where there is no /proc (macOS): a server's command line carries its data folder."""
    try:
        result = subprocess.run(  # noqa: S603 - a list, and `ps` is wherever the system keeps it
            ["ps", "-ww", "-o", "stat=", "-o", "command=", "-p", str(pid)],  # noqa: S607 - /bin or /usr/bin, by system
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError:
        return _exists_as_ours(pid)
    state, _, command = result.stdout.strip().partition(" ")
    return result.returncode == 0 and not state.startswith("Z") and "postgres" in command and str(data) in command


def _exists_as_ours(pid: int) -> bool:
    """Without a better view: does such a process of our own exist? Assuming a server where there is none only delays; the reverse could harm."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True
