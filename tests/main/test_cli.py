"""The commands of production, as an operator types them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from replenish.access.queries import identity, workspaces
from replenish.core.db import Database
from replenish.core.ids import WORKSPACE
from replenish.core.migrate import migrations
from replenish.flows.manage_workspaces import create_workspace

COMMANDS = ("dev", "serve", "worker", "migrate", "verify")
SECRET = "s" * 32


def _replenish(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(("REPLENISH_", "PYTEST_"))}
    return subprocess.run(
        [sys.executable, "-m", "replenish.main.cli", *arguments],
        check=False,
        cwd=cwd,
        env={**inherited, "NO_COLOR": "1", "COLUMNS": "200", **variables},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


def test_help_lists_every_command_and_each_explains_itself(tmp_path: Path) -> None:
    overview = _replenish("--help", cwd=tmp_path)
    assert overview.returncode == 0
    for command in COMMANDS:
        assert re.search(rf"\b{command}\b", overview.stdout)
        own = _replenish(command, "--help", cwd=tmp_path)
        assert own.returncode == 0
        assert "Usage:" in own.stdout
        assert "REPLENISH_" in own.stdout


@pytest.mark.parametrize(("command", "code"), [("serve", 1), ("worker", 1), ("migrate", 1), ("verify", 2)])
def test_without_a_database_url_a_command_says_that_it_needs_one(tmp_path: Path, command: str, code: int) -> None:
    answer = _replenish(command, cwd=tmp_path)
    assert answer.returncode == code
    assert answer.stderr == "replenish: set REPLENISH_DATABASE_URL=postgresql://user:password@host/database\n"


@pytest.mark.parametrize("command", ["serve", "worker"])
@pytest.mark.parametrize(
    ("secret", "says"), [("", "REPLENISH_SECRET_KEY"), ("short", "REPLENISH_SECRET_KEY")], ids=["none", "short"]
)
def test_without_a_secret_key_nothing_is_served(tmp_path: Path, command: str, secret: str, says: str) -> None:
    answer = _replenish(
        command, cwd=tmp_path, REPLENISH_DATABASE_URL="postgresql://ann@localhost/x", REPLENISH_SECRET_KEY=secret
    )
    assert answer.returncode == 1
    assert says in answer.stderr


def test_migrate_brings_an_empty_database_up_and_can_be_repeated(tmp_path: Path, empty_database_url: str) -> None:
    first = _replenish("migrate", cwd=tmp_path, REPLENISH_DATABASE_URL=empty_database_url)
    assert first.stdout.splitlines() == [f"applied {migration.name}" for migration in migrations()]
    again = _replenish("migrate", cwd=tmp_path, REPLENISH_DATABASE_URL=empty_database_url)
    assert (again.returncode, again.stdout) == (0, "nothing to apply\n")


@pytest.mark.parametrize("command", ["serve", "worker", "verify"])
def test_a_database_without_the_migrations_is_not_served(tmp_path: Path, empty_database_url: str, command: str) -> None:
    answer = _replenish(
        command, cwd=tmp_path, REPLENISH_DATABASE_URL=empty_database_url, REPLENISH_SECRET_KEY=SECRET, PORT="8799"
    )
    assert answer.returncode != 0
    assert "Run `replenish migrate` first" in answer.stderr


async def test_verify_is_quiet_about_sound_books_and_fails_on_a_difference(
    tmp_path: Path, pool: asyncpg.Pool[asyncpg.Record], database_url: str
) -> None:
    clean = _replenish("verify", cwd=tmp_path, REPLENISH_DATABASE_URL=database_url)
    assert (clean.returncode, clean.stderr) == (0, "")
    assert {line.rpartition(": ")[2] for line in clean.stdout.splitlines()} == {"ok"}
    await pool.execute(
        "insert into wallets (customer_id, id, workspace_id, currency_id, now_at, recorded_at, issued, available)"
        " select gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), now(), now(), 7, 7"
    )
    wrong = _replenish("verify", cwd=tmp_path, REPLENISH_DATABASE_URL=database_url)
    assert wrong.returncode == 1
    assert "expected 0, found 7" in wrong.stderr


async def test_operators_are_added_and_let_in(
    tmp_path: Path, pool: asyncpg.Pool[asyncpg.Record], database_url: str
) -> None:
    given = {"REPLENISH_DATABASE_URL": database_url, "REPLENISH_BASE_URL": "https://credits.acme.example/"}
    early = _replenish("operators", "add", "olga@acme.example", cwd=tmp_path, **given)
    assert (early.returncode, early.stderr) == (
        1,
        "replenish: there is no workspace yet: make one with replenish workspaces add NAME\n",
    )
    db = Database(pool)
    await create_workspace(db=db, name="Acme")
    link = r"https://credits\.acme\.example/admin/enter/[A-Za-z0-9_-]{43}\n"
    assert re.fullmatch(link, _replenish("operators", "add", "olga@acme.example", cwd=tmp_path, **given).stdout)
    assert re.fullmatch(link, _replenish("operators", "link", "Olga@Acme.example", cwd=tmp_path, **given).stdout)
    for refused, says in (
        (("add", "olga@acme.example"), "already has an account"),
        (("add", "ben@acme.example", "--role", "king"), "role must be one of owner, member, viewer"),
        (("link", "nobody@acme.example"), "nobody who may sign in has the address 'nobody@acme.example'"),
    ):
        answer = _replenish("operators", *refused, cwd=tmp_path, **given)
        assert answer.returncode == 1
        assert says in answer.stderr


async def test_a_new_database_is_set_up_from_the_command_line(
    tmp_path: Path, pool: asyncpg.Pool[asyncpg.Record], database_url: str
) -> None:
    given = {"REPLENISH_DATABASE_URL": database_url, "REPLENISH_BASE_URL": "https://credits.acme.example/"}
    made = _replenish("workspaces", "add", "Acme Inc", "--time-zone", "Europe/Berlin", cwd=tmp_path, **given)
    assert "shown once" in made.stderr
    assert "replenish operators add EMAIL --workspace 'Acme Inc'" in made.stderr
    db = Database(pool)
    known = {WORKSPACE.text(one.id): one for one in await workspaces(db)}
    assert [(one.mode, one.time_zone) for one in known.values()] == [
        ("live", "Europe/Berlin"),
        ("test", "Europe/Berlin"),
    ]
    for line, (workspace_id, workspace) in zip(made.stdout.splitlines(), known.items(), strict=True):
        mode, shown_id, secret = line.split()
        assert (mode, shown_id) == (workspace.mode, workspace_id)
        assert secret.startswith(f"rk_{mode}_")
        found = await identity(db, key=secret)
        assert found is not None
        assert (found.workspace_id, found.mode, list(found.scopes)) == (workspace.id, mode, ["*"])
    listed = _replenish("workspaces", "list", cwd=tmp_path, **given).stdout.splitlines()
    assert listed == [f"{own}  {one.mode}  Europe/Berlin  Acme Inc" for own, one in known.items()]
    added = _replenish("operators", "add", "olga@acme.example", "--workspace", "Acme Inc", cwd=tmp_path, **given)
    assert added.stdout.startswith("https://credits.acme.example/admin/enter/")
    for arguments, mode in (((), "live"), (("--test",), "test")):
        secret = _replenish("workspaces", "key", *arguments, cwd=tmp_path, **given).stdout.strip()
        found = await identity(db, key=secret)
        assert found is not None
        assert found.mode == mode


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("acme",), "there is a workspace named 'acme' already"),
        ((" ",), "name must not be empty"),
        (("Umbrella", "--time-zone", "Europe/Nowhere"), "time_zone is not a time zone"),
    ],
    ids=["taken", "no name", "no time zone"],
)
async def test_a_workspace_that_cannot_be_made_says_why(
    tmp_path: Path, db: Database, database_url: str, arguments: tuple[str, ...], says: str
) -> None:
    await create_workspace(db=db, name="Acme")
    answer = _replenish("workspaces", "add", *arguments, cwd=tmp_path, REPLENISH_DATABASE_URL=database_url)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert says in answer.stderr
    assert len(await workspaces(db)) == 2
