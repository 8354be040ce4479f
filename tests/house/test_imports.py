"""The import contracts bite: for each, a line that breaks it is put into a copy of the program.

What a contract cannot say (a name rather than a module, a library of the outside) is checked here on the syntax tree.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "replenish"

# (a file, what is added to it, words of the contract that must break)
VIOLATIONS = [
    ("core/clock.py", "import replenish.ledger.model", "Layers"),
    ("wallets/model.py", "import replenish.web", "Layers"),
    ("usage/queries.py", "import replenish.customers.queries", "Layers"),
    ("portal/__init__.py", "import replenish.admin", "Layers"),
    ("novelties/__init__.py", "", "Layers"),
    ("portal/__init__.py", "import replenish.providers.sandbox.client", "The outside world is handed in by main"),
    ("portal/__init__.py", "import replenish.wallets.store", "SQL is its feature's own business"),
    ("usage/queries.py", "import replenish.wallets.store", "Wallets' SQL is wallets' own"),
    ("wallets/queries.py", "import replenish.ledger.store", "The ledger's SQL is the ledger's own"),
    ("api/__init__.py", "import replenish.usage.operations", "Writes go through a flow"),
    ("wallets/burn_down.py", "import replenish.core.clock", "Pure rules"),
    ("ledger/model.py", "import asyncpg", "Pure rules"),
    ("core/errors.py", "import replenish.core.ids\n", "No knots"),
]


def lint(copy: Path) -> subprocess.CompletedProcess[str]:
    """The project's own contracts over a copy of the program."""
    program = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
    return subprocess.run(
        [sys.executable, "-c", program, "--no-cache", "--no-logo", "--config", str(ROOT / "pyproject.toml")],
        check=False,
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy), "COLUMNS": "300"},
        capture_output=True,
        text=True,
    )


def copy_of_the_program(to: Path) -> Path:
    shutil.copytree(SOURCE, to / "replenish", ignore=shutil.ignore_patterns("__pycache__", "static"))
    return to


def test_the_program_keeps_every_contract() -> None:
    answer = lint(SOURCE.parent)
    assert answer.returncode == 0, answer.stdout


@pytest.mark.parametrize(("file", "added", "contract"), VIOLATIONS, ids=[f"{row[0]}: {row[1]}" for row in VIOLATIONS])
def test_a_line_that_breaks_a_contract_is_caught(tmp_path: Path, file: str, added: str, contract: str) -> None:
    copy = copy_of_the_program(tmp_path)
    target = copy / "replenish" / file
    target.parent.mkdir(exist_ok=True)
    with target.open("a") as source:
        source.write(f"\n{added}\n")
    if contract == "No knots":  # a cycle needs both directions
        with (copy / "replenish/core/ids.py").open("a") as source:
            source.write("\nimport replenish.core.errors\n")
    answer = lint(copy)
    broken = [line for line in answer.stdout.splitlines() if line.endswith("BROKEN")]
    assert any(line.startswith(contract) for line in broken), answer.stdout


# -- what the contracts cannot say

# A library of the outside stays in the one folder that translates it: leaving it must not mean rewriting the rest.
HOMES = {
    "stripe": "providers/stripe",
    "web3": "providers/evm",
    "eth_account": "providers/evm",
    "eth_utils": "providers/evm",
    "eth_abi": "providers/evm",
}


def misplaced_imports(path: str, source: str) -> Iterator[str]:
    """What a file imports that belongs elsewhere. `path` is relative to the package."""
    for node in ast.walk(ast.parse(source)):
        modules: list[str] = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules = [node.module]
            # Law 9 and "no nesting" hold only while one folder opens transactions; the type Tx may go everywhere.
            names = {alias.name for alias in node.names}
            opens = (node.module == "replenish.core.transaction" and "transaction" in names) or (
                node.module == "replenish.core" and "transaction" in names
            )
            if opens and not path.startswith("flows/"):
                yield f"{path}:{node.lineno}: only flows open transactions"
        for module in modules:
            if module == "replenish.core.transaction" and isinstance(node, ast.Import):
                yield f"{path}:{node.lineno}: import the name Tx, not the module that opens transactions"
            home = HOMES.get(module.partition(".")[0])
            if home and not path.startswith(home):
                yield f"{path}:{node.lineno}: {module} belongs in {home} only"


def test_transactions_and_vendors_stay_where_they_belong() -> None:
    found = [
        problem
        for file in sorted(SOURCE.rglob("*.py"))
        for problem in misplaced_imports(file.relative_to(SOURCE).as_posix(), file.read_text())
    ]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("path", "source", "says"),
    [
        ("wallets/operations.py", "from replenish.core.transaction import Tx, transaction", "only flows"),
        ("main/demo.py", "from replenish.core import transaction", "only flows"),
        ("admin/pages.py", "import replenish.core.transaction", "import the name Tx"),
        ("flows/buy_credits.py", "def f():\n    import stripe", "providers/stripe only"),
        ("providers/stripe/client.py", "from web3 import Web3", "providers/evm only"),
        ("providers/sandbox/client.py", "from stripe.error import CardError", "providers/stripe only"),
    ],
)
def test_a_misplaced_import_is_caught(path: str, source: str, says: str) -> None:
    assert [says in problem for problem in misplaced_imports(path, source)] == [True]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("wallets/store.py", "from replenish.core.transaction import Tx"),
        ("flows/buy_credits.py", "from replenish.core.transaction import transaction"),
        ("providers/stripe/client.py", "import stripe"),
        ("providers/evm/client.py", "from web3 import Web3"),
    ],
)
def test_a_well_placed_import_is_not(path: str, source: str) -> None:
    assert list(misplaced_imports(path, source)) == []
