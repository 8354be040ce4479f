"""Calls and words that have no place here, each with the failure that it would bring."""

from __future__ import annotations

import ast
import re
import subprocess
import tokenize
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "replenish"

MONEY_PATHS = (
    *("wallets/", "ledger/", "catalog/", "usage/", "topups/", "recharge/", "payments/", "receipts/", "flows/"),
    *("reports/", "providers/", "api/", "customers/", "core/money.py"),
)
SQL_PATHS = re.compile(r"(^|/)(store|queries)(/|\.py$)|^reports/|^main/|^core/(migrate|db|transaction|jobs)\.py$")
SQL = re.compile(
    r"\s*(select\s.+\sfrom\s|insert\s+into\s|update\s+\w+\s+set\s|delete\s+from\s|with\s+\w+\s+as\s*\()",
    re.IGNORECASE | re.DOTALL,
)


def calls_a_float(path: str, node: ast.AST) -> str | None:
    """Law 5: a binary fraction cannot hold 0.1, and the difference is somebody's money."""
    if path.startswith(MONEY_PATHS) and isinstance(node, ast.Call) and _name(node.func) == "float":
        return "float( on a path that money takes; Decimal, Credits or Money"
    return None


def asks_the_machine_for_the_time(path: str, node: ast.AST) -> str | None:
    """A rule that reads the clock cannot be tested at midnight, nor moved by a test clock (law 4)."""
    clocks = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "datetime.datetime.now"}
    if path != "core/clock.py" and isinstance(node, ast.Call) and _name(node.func) in clocks:
        return f"{_name(node.func)}() outside core/clock.py: take `now` as an argument"
    return None


def prints(path: str, node: ast.AST) -> str | None:
    """Standard output of a server is nobody's; a forgotten print may carry a secret there (law 17)."""
    if not path.startswith("main/") and isinstance(node, ast.Call) and _name(node.func) in {"print", "pprint"}:
        return "print( in the program: log it, or return it"
    return None


def sleeps_in_a_thread(path: str, node: ast.AST) -> str | None:
    """time.sleep stops the event loop: every request in the process waits with it."""
    allowed = path.startswith(("main/embedded_postgres", "main/dev.py"))  # before the loop, or beside it
    if not allowed and isinstance(node, ast.Call) and _name(node.func) == "time.sleep":
        return "time.sleep( stops the event loop: asyncio.sleep, or better an event to wait for"
    return None


def carries_sql(path: str, node: ast.AST) -> str | None:
    """A query outside the stores is one that nobody finds when the table changes, and that no one scoped (law 16)."""
    if SQL_PATHS.search(path) or not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        return None
    return "SQL outside a store, queries or reports" if SQL.match(node.value) else None


RULES: tuple[Callable[[str, ast.AST], str | None], ...] = (
    calls_a_float,
    asks_the_machine_for_the_time,
    prints,
    sleeps_in_a_thread,
    carries_sql,
)


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_name(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _docstrings(tree: ast.AST) -> set[int]:
    """Sentences may begin with 'Select … from'; they are no queries."""
    return {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
        and isinstance(node.body[0].value, ast.Constant)
    }


def banned(path: str, source: str) -> Iterator[str]:
    """What one file of the program must not contain. `path` is relative to the package."""
    tree = ast.parse(source)
    skipped = _docstrings(tree)
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        for rule in RULES:
            problem = rule(path, node)
            if problem:
                yield f"{path}:{getattr(node, 'lineno', 0)}: {problem}"


def test_the_program_calls_nothing_banned() -> None:
    found = [
        problem
        for file in sorted(SOURCE.rglob("*.py"))
        for problem in banned(file.relative_to(SOURCE).as_posix(), file.read_text())
    ]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("path", "source", "says"),
    [
        ("wallets/burn_down.py", "x = float('0.1')", "float("),
        ("core/money.py", "x = float(y)", "float("),
        ("flows/a.py", "now = datetime.now(UTC)", "datetime.now"),
        ("flows/a.py", "now = datetime.datetime.now()", "datetime.datetime.now"),
        ("web/a.py", "now = time.time()", "time.time"),
        ("catalog/rating.py", "print(1)", "print("),
        ("worker/a.py", "time.sleep(1)", "time.sleep("),
        ("flows/a.py", "await tx.fetch('select a from wallets where id = $1', 1)", "SQL"),
        ("admin/a.py", "sql = f'update wallets set available = {x}'", "SQL"),
        ("wallets/operations.py", "q = '''\n  with due as (select 1) select * from due'''", "SQL"),
        ("web/a.py", "q = 'DELETE FROM lots'", "SQL"),
    ],
)
def test_a_banned_call_is_caught(path: str, source: str, says: str) -> None:
    assert [says in problem for problem in banned(path, source)] == [True]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("web/formats.py", "x = float('0.1')"),
        ("core/clock.py", "now = datetime.now(UTC)"),
        ("main/cli.py", "print(1)"),
        ("wallets/store.py", "q = 'select a from wallets'"),
        ("catalog/store/prices.py", "q = 'insert into prices (id) values ($1)'"),
        ("wallets/operations.py", "def f():\n    '''Select the lots from the wallet.'''"),
        ("web/a.py", "label = 'Select a product'"),
    ],
)
def test_what_is_allowed_is_not(path: str, source: str) -> None:
    assert list(banned(path, source)) == []


# -- silenced warnings

SILENCER = re.compile(r"#\s*(noqa|type:\s*ignore|pyright:\s*ignore|pragma:\s*no cover)(?P<rest>.*)")
REASON = re.compile(r"(-|\u2013|#|;)\s*\S.{8,}")


def unexplained(path: str, source: str) -> Iterator[str]:
    """A silenced warning without its reason is taken for noise, copied, and hides the next real one."""
    for token in tokenize.generate_tokens(StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        match = SILENCER.search(token.string)
        if match and not REASON.search(match["rest"]):
            yield f"{path}:{token.start[0]}: {token.string.strip()}: say why, on the same line"
        if match and re.match(r"\s*(-|#|$)", match["rest"]) and match[1] == "noqa":
            yield f"{path}:{token.start[0]}: a bare noqa silences everything; name the rule"


def test_every_silenced_warning_says_why() -> None:
    files = [file for place in ("src", "sdk", "tests") for file in sorted((ROOT / place).rglob("*.py"))]
    found = [problem for file in files for problem in unexplained(file.relative_to(ROOT).as_posix(), file.read_text())]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("x = 1  # noqa: E501", 1),
        ("x = 1  # noqa", 2),
        ("x = 1  # type: ignore[arg-type]", 1),
        ("x = 1  # pyright: ignore[reportAny]", 1),
        ("x = 1  # noqa: S603 - a list of constants, no shell", 0),
        ("x = 1  # type: ignore[arg-type] # each test knows", 0),
        ("x = 1  # an ordinary remark", 0),
        ("x = '# noqa'", 0),
    ],
)
def test_a_silenced_warning_without_a_reason_is_caught(line: str, count: int) -> None:
    assert len(list(unexplained("sample.py", line + "\n"))) == count


# -- words that only make sense where this was written

# In pieces, so that this file does not contain them.
PRIVATE = re.compile("|".join(["/" + "work/", "/t" + "mp/wt", r"\b" + "shared/" + "(design|house|anchors|reference)"]))


def test_no_file_speaks_of_a_place_outside_the_project() -> None:
    """A path of one machine in a comment is a riddle on every other."""
    listed = subprocess.run(["git", "ls-files"], check=True, cwd=ROOT, capture_output=True, text=True)
    found = []
    for name in listed.stdout.splitlines():
        file = ROOT / name
        if file.is_file() and file.suffix in {".py", ".md", ".toml", ".sql", ".html", ".js", ".mjs", ".css", ""}:
            found += [
                f"{name}:{number}: {line.strip()}"
                for number, line in enumerate(file.read_text(errors="replace").splitlines(), start=1)
                if PRIVATE.search(line)
            ]
    assert not found, "\n" + "\n".join(found)


def test_a_private_path_is_caught() -> None:
    assert PRIVATE.search("see /" + "work/main/README.md")
    assert not PRIVATE.search("workers do the work/rest")
