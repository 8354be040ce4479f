"""Files and functions stay small enough to be read in one go, tests included.

What grows past a screen or two collects a second job, and nobody sees which of the two a change touches.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLACES = ("src", "sdk", "tests", "bench", "examples", "scripts")
LINES_BY_HABIT = 400
LINES_AT_MOST = 600
FUNCTION_LINES_AT_MOST = 70

# Files between habit and limit, each with the reason why it is better whole.
LONG_FOR_A_REASON: dict[str, str] = {}


def python_files() -> list[Path]:
    return sorted(
        file
        for place in PLACES
        for file in (ROOT / place).rglob("*.py")
        if not {"node_modules", ".venv"} & set(file.parts)
    )


def oversized(path: str, source: str) -> Iterator[str]:
    """What is too long in one file."""
    lines = source.count("\n")
    if lines > LINES_AT_MOST:
        yield f"{path}: {lines} lines, at most {LINES_AT_MOST}"
    elif lines > LINES_BY_HABIT and path not in LONG_FOR_A_REASON:
        yield f"{path}: {lines} lines, more than {LINES_BY_HABIT}: split it, or say why not in LONG_FOR_A_REASON"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES_AT_MOST:
                yield f"{path}:{node.lineno}: {node.name} has {length} lines, at most {FUNCTION_LINES_AT_MOST}"


def test_every_file_and_function_is_small() -> None:
    found = [
        problem for file in python_files() for problem in oversized(file.relative_to(ROOT).as_posix(), file.read_text())
    ]
    assert not found, "\n" + "\n".join(found)


def test_no_reason_outlives_its_file() -> None:
    stale = [path for path in LONG_FOR_A_REASON if (ROOT / path).read_text().count("\n") <= LINES_BY_HABIT]
    assert stale == []


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("x = 1\n" * 601, ["601 lines, at most 600"]),
        ("x = 1\n" * 401, ["more than 400: split it"]),
        ("x = 1\n" * 400, []),
        ("def long():\n" + "    x = 1\n" * 70, ["long has 71 lines"]),
        ("async def long():\n" + "    x = 1\n" * 70, ["long has 71 lines"]),
        ("class A:\n    def long(self):\n" + "        x = 1\n" * 70, ["long has 71 lines"]),
        ("def short():\n" + "    x = 1\n" * 69, []),
    ],
)
def test_what_is_too_long_is_caught(source: str, says: list[str]) -> None:
    found = list(oversized("sample.py", source))
    assert [said in problem for said, problem in zip(says, found, strict=True)] == [True] * len(says)
