"""The embedded server against real kills: of its owner, of itself, of the making of its folder."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import asyncpg
import pytest

from replenish.main.postgres_process import running_postmaster
from support.postgres import Processes, ask, embedded, postmaster_of
from support.processes import descendants, kill
from support.waiting import wait_until

pytestmark = pytest.mark.timeout(240)


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_new_folder_gets_a_durable_server_behind_a_password(home: Path) -> None:
    with embedded(home) as server:
        rows = ask(
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
        assert mode_of(server.socket_folder / ".s.PGSQL.5432") == 0o700


def test_what_was_written_is_there_after_a_restart(home: Path) -> None:
    with embedded(home) as server:
        ask(server, "create table kept as select 7 as a")
    assert running_postmaster(server.data) is None
    with embedded(home) as server:
        assert ask(server, "select a from kept") == [(7,)]


def test_the_last_user_stops_it(home: Path, processes: Processes) -> None:
    ann = embedded(home).start()
    ben = processes.start(home, "print(server.stop())")
    assert ben.communicate()[0] == "False\n"
    assert ask(ann, "select 1") == [(1,)]
    assert ann.stop() is True
    assert running_postmaster(ann.data) is None
    assert ann.stop() is False


def test_it_outlives_a_killed_owner_and_the_next_one_really_stops_it(home: Path, processes: Processes) -> None:
    ann = processes.start(home, "os.kill(os.getpid(), signal.SIGKILL)")
    assert ann.wait() == -signal.SIGKILL
    ben = embedded(home)
    first = running_postmaster((home / "postgres").resolve() / "data")
    assert first is not None
    ben.start()
    assert postmaster_of(ben) == first
    assert ben.stop() is True
    assert running_postmaster(ben.data) is None


def test_a_killed_server_recovers_with_everything_committed(home: Path) -> None:
    ann = embedded(home).start()
    ask(ann, "create table kept as select generate_series(1, 1000) as a")
    os.kill(postmaster_of(ann), signal.SIGKILL)  # and stays a zombie: we are its parent and do not reap it
    wait_until(lambda: running_postmaster(ann.data) is None)
    assert (ann.data / "postmaster.pid").exists()
    with embedded(home) as ben:
        assert ask(ben, "select count(*) from kept") == [(1000,)]
        assert ann.stop() is False
    assert running_postmaster(ann.data) is None


def test_its_user_can_bring_a_killed_server_back(home: Path) -> None:
    with embedded(home) as server:
        ask(server, "create table kept as select 7 as a")
        assert server.is_running()
        os.kill(postmaster_of(server), signal.SIGKILL)
        wait_until(lambda: not server.is_running())
        server.start()
        assert ask(server, "select a from kept") == [(7,)]
    assert not server.is_running()


def test_everything_killed_at_once_while_writing(home: Path, processes: Processes) -> None:
    ann = embedded(home).start()
    ask(ann, "create table kept (a int)")
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
    os.kill(postmaster_of(ann), signal.SIGKILL)
    acknowledged = 50 + len(writer.communicate()[0].splitlines())
    with embedded(home) as ben:
        kept = ask(ben, "select count(*) from kept")[0][0]
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
    with embedded(home) as server:
        assert ask(server, "select 1") == [(1,)]
        # A surviving initdb may still be busy with its own folder; nobody looks there, and the next making sweeps it up.
        assert killed == "owner" or list(server.folder.glob("data.new*")) == []


def test_six_racing_for_an_empty_folder_share_oneembedded(home: Path, processes: Processes) -> None:
    racers = [
        processes.start(home, "print('in', flush=True)\nsys.stdin.read()\nprint(server.stop())") for _ in range(6)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "in\n"
    answers = [racer.communicate()[0] for racer in racers]
    assert sorted(answers) == ["False\n"] * 5 + ["True\n"]
