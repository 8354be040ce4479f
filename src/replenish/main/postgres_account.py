"""The operating system's account that runs PostgreSQL: ourselves, or, when we are root, one whom it will serve."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

# What the programs get to see. Nothing of the caller's: a stray PGDATA, PGOPTIONS or LD_LIBRARY_PATH would change what runs.
CLEAN_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


class EmbeddedPostgresError(Exception):
    """The database cannot be run here; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OsUser:
    """The operating system's account that PostgreSQL runs as when we are root, whom it refuses to serve."""

    name: str
    uid: int
    gid: int

    @classmethod
    def from_entry(cls, entry: pwd.struct_passwd) -> OsUser:
        return cls(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)


def may_enter(folder: Path, *, run_as: OsUser) -> bool:
    """Whether that account can reach the folder and write there: asked of the system, since modes alone miss ACLs and mounts."""
    result = subprocess.run(  # noqa: S603 - a list, the shell's script is a constant
        ["/bin/sh", "-c", 'cd "$1" && test -w .', "sh", str(folder)],
        check=False,
        cwd="/",
        env=CLEAN_ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        user=run_as.uid,
        group=run_as.gid,
        extra_groups=[],
    )
    return result.returncode == 0


def require_account() -> None:
    """PostgreSQL wants its account by name; containers started with a bare number have none."""
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        raise EmbeddedPostgresError(
            f"PostgreSQL needs an account with a name, and user id {os.geteuid()} has none in /etc/passwd. "
            "Run as an account that has one, or set REPLENISH_DATABASE_URL to a PostgreSQL of yours."
        ) from None


def account_for_root(name: str) -> OsUser:
    """The account that runs the server when we are root, made on first need."""
    with contextlib.suppress(KeyError):
        return OsUser.from_entry(pwd.getpwnam(name))
    problem = "this machine has no useradd to make one"
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is not None:
        made = subprocess.run(  # noqa: S603 - a list of constants
            [useradd, "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", name],
            check=False,
            capture_output=True,
            text=True,
        )
        with contextlib.suppress(KeyError):
            return OsUser.from_entry(pwd.getpwnam(name))  # ours, or of somebody who made it at the same moment
        problem = f"useradd could not make one: {made.stderr.strip()}"
    raise EmbeddedPostgresError(
        f"PostgreSQL does not run as root and needs an account named {name}, but {problem}. "
        f"Make it yourself (on Alpine: adduser -S {name}), run as an ordinary user, "
        "or set REPLENISH_DATABASE_URL to a PostgreSQL of yours."
    )
