"""`replenish dev` as a newcomer meets it: started, looked at, stopped, killed in every way, started again."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from replenish.main.postgres_process import running_postmaster
from support.dev import Dev, free_port
from support.processes import is_alive, kill
from support.waiting import wait_until

pytestmark = pytest.mark.timeout(240)


class Devs:
    def __init__(self) -> None:
        self.started: list[Dev] = []

    def start(self, home: Path, *, port: int | None = None, variables: dict[str, str] | None = None) -> Dev:
        dev = Dev(home, port=port or free_port(), variables=variables)
        self.started.append(dev)
        return dev


@pytest.fixture
def devs() -> Iterator[Devs]:
    devs = Devs()
    yield devs
    for dev in devs.started:
        # In good order first: a killed server leaves its shared memory in /dev/shm until the machine restarts.
        dev.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            dev.process.wait(timeout=60)
        kill(dev.everything())
        dev.process.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_ends_every_process_it_started(home: Path, devs: Devs, number: signal.Signals) -> None:
    dev = devs.start(home).wait()
    everything = dev.everything()
    assert len(everything) >= 5  # itself, web, worker, PostgreSQL and its children
    dev.process.send_signal(number)
    assert dev.process.wait() == 0, dev.said
    assert [pid for pid in everything if is_alive(pid)] == []
    assert "PostgreSQL stopped" in dev.said


def test_twice_in_a_row_keeps_the_data_and_the_secret(home: Path, devs: Devs) -> None:
    first = devs.start(home).wait()
    first.ask("create table kept as select 7 as a")
    secret = (home / "secret_key").read_text()
    first.process.terminate()
    first.process.wait()
    second = devs.start(home, port=first.port).wait()
    assert second.ask("select a from kept") == 7
    assert (home / "secret_key").read_text() == secret
    assert (home / "secret_key").stat().st_mode & 0o777 == 0o600
    assert "migrations" not in second.said


def test_two_folders_at_once(place: Path, devs: Devs) -> None:
    ann, ben = devs.start(place / "ann"), devs.start(place / "ben")
    ann.wait().process.terminate()
    ann.process.wait()
    assert ben.wait().is_healthy()


def test_after_a_kill_of_everything_the_next_start_recovers(home: Path, devs: Devs) -> None:
    first = devs.start(home).wait()
    first.ask("create table kept as select 7 as a")
    kill(first.everything())
    first.process.wait()
    second = devs.start(home, port=first.port).wait()
    assert second.ask("select a from kept") == 7


def test_when_it_is_killed_its_children_and_its_database_end(home: Path, devs: Devs) -> None:
    dev = devs.start(home).wait()
    everything = dev.everything()
    kill([dev.process.pid])
    dev.process.wait()
    wait_until(lambda: not any(is_alive(pid) for pid in everything), what="the end of every process")


def test_a_child_that_dies_is_started_again(home: Path, devs: Devs) -> None:
    dev = devs.start(home).wait()
    before = dev.children()
    kill(list(before.values()))
    wait_until(dev.is_healthy, what="a new web process")
    wait_until(lambda: set(dev.children()) == {"serve", "worker"}, what="a new worker")
    assert not set(before.values()) & set(dev.children().values())
    assert "web ended (killed by SIGKILL); starting it again" in dev.said


def test_a_database_that_dies_is_started_again(home: Path, devs: Devs) -> None:
    dev = devs.start(home).wait()
    server = running_postmaster(dev.data)
    assert server is not None
    kill([server])
    wait_until(lambda: running_postmaster(dev.data) not in {None, server}, what="a new server")
    wait_until(dev.is_healthy, what="health")


def test_a_busy_port_is_named_with_the_way_out(home: Path, devs: Devs) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port: int = other.getsockname()[1]
        dev = devs.start(home, port=port)
        assert dev.process.wait() == 1
        assert f"PORT={port} is in use by another program. Choose another one: PORT={port + 1} make run" in dev.said
        assert not home.exists()


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"PORT": "eighty"}, "PORT='eighty' is not a port number"),
        ({"REPLENISH_DATABASE_URL": "mysql://ann@localhost/x"}, "REPLENISH_DATABASE_URL must start with postgresql://"),
        ({"REPLENISH_DATABASE_URL": "postgresql://ann@127.0.0.1:1/x"}, "The database cannot be used"),
    ],
    ids=["port", "not PostgreSQL", "nobody there"],
)
def test_a_wrong_setting_is_one_line_that_names_it(
    home: Path, devs: Devs, variables: dict[str, str], says: str
) -> None:
    dev = devs.start(home, variables=variables)
    assert dev.process.wait() == 1
    assert says in dev.said
    assert "Traceback" not in dev.said


def test_a_database_of_ones_own_is_used_instead(home: Path, devs: Devs, database_url: str) -> None:
    dev = devs.start(home, variables={"REPLENISH_DATABASE_URL": database_url}).wait()
    assert dev.is_healthy()
    assert not (home / "postgres").exists()
    dev.process.terminate()
    assert dev.process.wait() == 0
