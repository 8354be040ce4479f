"""`replenish clients`: which programs may sign requests for a merchant."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from replenish.core.db import Database
from replenish.flows.manage_workspaces import create_workspace

pytestmark = pytest.mark.anyio
KEY = "ee93a4f66f8d16b819bb9beb9ffccdfcdc1412e87fee6a324c2a99a1e0e67148"


def clients(url: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(("REPLENISH_", "PYTEST_"))}
    return subprocess.run(
        [sys.executable, "-m", "replenish.main.cli", "clients", *arguments],
        check=False,
        cwd=folder,
        env={**inherited, "NO_COLOR": "1", "REPLENISH_DATABASE_URL": url},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


async def test_a_client_is_added_listed_and_revoked(db: Database, database_url: str, tmp_path: Path) -> None:
    assert clients(database_url, tmp_path, "add", KEY).stderr.startswith("replenish: there is no workspace yet")
    await create_workspace(db=db, name="Acme")
    added = clients(database_url, tmp_path, "add", f"0x{KEY}", "--name", "shop")
    assert (added.returncode, added.stdout[:3]) == (0, "ck_")
    key_id = added.stdout.strip()
    assert clients(database_url, tmp_path, "add", KEY).stdout.strip() == key_id, "the same key is the same client"
    assert clients(database_url, tmp_path, "list").stdout == f"{key_id}  Acme  shop  {KEY}\n"
    assert clients(database_url, tmp_path, "revoke", key_id).stdout == "revoked\n"
    assert clients(database_url, tmp_path, "list").stdout.endswith("revoked\n")


async def test_what_is_wrong_is_said(db: Database, database_url: str, tmp_path: Path) -> None:
    await create_workspace(db=db, name="Acme")
    for arguments, says in (
        (("add", "zz"), "must be an ed25519 public key"),
        (("add", KEY, "--workspace", "Other"), "choose one with --workspace"),
        (("revoke", "ck_01h455vb4pex5vsknk084sn02q"), "No such client key."),
        (("revoke", "zz"), "is not an id that starts with 'ck_'"),
    ):
        answer = clients(database_url, tmp_path, *arguments)
        assert answer.returncode == 1
        assert says in answer.stderr
