"""Writes the client's `_sync/` from its `_async/`: each call is declared once, and both clients are plain, typed, readable code.

    uv run python scripts/make_sync_client.py            write it
    uv run python scripts/make_sync_client.py --check    exit with 1 when it is out of date

The result is committed, so that editors, type checkers and installs need no build step.
"""

import io
import subprocess
import sys
import tokenize
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent.parent / "sdk"
SOURCE: Final = HERE / "src/replenish_client/_async"
TARGET: Final = HERE / "src/replenish_client/_sync"
MADE: Final = "# Made from {source} by scripts/make_sync_client.py; change that one.\n"
# What has no twin that is only named without "Async".
NAMES: Final = {
    "__aiter__": "__iter__",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "aclose": "close",
    "anyio": "time",
    "_async": "_sync",
}
DOC: Final = {"asynchronous code": "synchronous code", "many tasks": "many threads", "AsyncReplenish": "Replenish"}


def synchronous(source: str) -> str:
    """The same code without `async` and `await`, and with the names of its synchronous twins."""
    made: list[tokenize.TokenInfo] = []
    dropped = 0
    row = -1
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.start[0] != row:
            row, dropped = token.start[0], 0
        if token.type == tokenize.NAME and token.string in {"async", "await"}:
            dropped += len(token.string) + 1
            continue
        text = _renamed(token)
        start = (row, token.start[1] - dropped)
        dropped += len(token.string) - len(text) if token.start[0] == token.end[0] else 0
        end = (token.end[0], token.end[1] - dropped if token.start[0] == token.end[0] else token.end[1])
        made.append(token._replace(string=text, start=start, end=end))
    return tokenize.untokenize(made)


def _renamed(token: tokenize.TokenInfo) -> str:
    if token.type == tokenize.NAME:
        return NAMES.get(token.string, token.string.removeprefix("Async"))
    if token.type in {tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", -1)}:
        text = token.string
        for word, twin in DOC.items():
            text = text.replace(word, twin)
        return text
    return token.string


def formatted(source: str) -> str:
    """Sorted and wrapped anew: names and lines have become shorter."""
    # A loop that yields each item has no shorter form in asynchronous code, but has in this.
    for command in (["check", "--fix-only", "--unsafe-fixes", "--select=I,UP028"], ["format"]):
        call = [sys.executable, "-m", "ruff", *command, "--quiet", "--stdin-filename", str(TARGET / "made.py"), "-"]
        done = subprocess.run(call, input=source, capture_output=True, text=True, check=True)  # noqa: S603 - our own words
        source = done.stdout
    return source


def made() -> dict[Path, str]:
    """Every file of `_sync` with its text."""
    files: dict[Path, str] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        inside = path.relative_to(SOURCE)
        text = path.read_text()
        head = MADE.format(source=f"_async/{inside.as_posix()}")
        files[TARGET / inside] = head + formatted(synchronous(text)) if text else ""
    return files


def main() -> int:
    files = made()
    stale = sorted({path for path in TARGET.rglob("*.py") if path not in files})
    stale += [path for path, text in files.items() if not path.is_file() or path.read_text() != text]
    if "--check" in sys.argv[1:]:
        print(*(f"out of date: {path.relative_to(HERE)}" for path in stale), sep="\n", end="\n" if stale else "")
        return 1 if stale else 0
    for path in stale:
        if path in files:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[path])
        else:
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
