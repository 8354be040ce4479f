"""The documents name what is there, and only that."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "replenish"

# Between our own processes; nobody sets them by hand.
INTERNAL = {"REPLENISH_PARENT_PIPE", "REPLENISH_DEV"}


def undocumented(*, readme: str, makefile: str, cli: str, settings: set[str]) -> Iterator[str]:
    """A switch that only its author knows will be set wrongly, or not at all, by everybody else."""
    targets = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    for target in targets[1].split() if targets else []:
        if f"make {target}" not in readme:
            yield f"make {target} is not in README.md"
    commands = re.findall(r"^@app\.command\((?:\s*\"(\w+)\")?[^@]*?\)\ndef (\w+)", cli, re.MULTILINE | re.DOTALL)
    for named, function in commands:
        if f"replenish {named or function}" not in readme:
            yield f"replenish {named or function} is not in README.md"
    for name in sorted(settings - INTERNAL):
        if f"`{name}`" not in readme:
            yield f"{name} is not in README.md"


def settings_in_use() -> set[str]:
    return {
        name
        for folder in (SOURCE, ROOT / "tests" / "conftest.py", ROOT / "tests" / "browser" / "watching.py")
        for file in (folder.rglob("*.py") if folder.is_dir() else [folder])
        for name in re.findall(r"[\"'](REPLENISH_[A-Z_]+)[\"']", file.read_text())
    }


def test_the_readme_names_every_target_command_and_setting() -> None:
    found = list(
        undocumented(
            readme=(ROOT / "README.md").read_text(),
            makefile=(ROOT / "Makefile").read_text(),
            cli=(SOURCE / "main" / "cli.py").read_text(),
            settings=settings_in_use(),
        )
    )
    assert not found, "\n" + "\n".join(found)


def test_what_the_readme_lacks_is_caught() -> None:
    found = list(
        undocumented(
            readme="make run, replenish serve, `REPLENISH_HOME`",
            makefile=".PHONY: run bake\n",
            cli='@app.command(epilog=HELP)\ndef serve() -> None:\n@app.command("worker", epilog=HELP)\ndef work() -> None:\n',
            settings={"REPLENISH_HOME", "REPLENISH_OVEN", "REPLENISH_DEV"},
        )
    )
    assert found == [
        "make bake is not in README.md",
        "replenish worker is not in README.md",
        "REPLENISH_OVEN is not in README.md",
    ]


def missing_laws(text: str) -> list[int]:
    """A law without its number in the book cannot be cited, nor found from a test that cites it."""
    return [number for number in range(1, 18) if not re.search(rf"(^|\D){number}\D", text)]


def test_every_law_is_in_the_book() -> None:
    text = "\n".join(re.findall(r"^(?:\W*)(\d+)\b", (ROOT / "docs/laws.md").read_text(), re.MULTILINE)) + "\n"
    assert missing_laws(text) == []
    assert missing_laws(text.replace("12\n", "")) == [12]


LAW_TEST = re.compile(r"def test_law_(\d+)_")


def test_tests_cite_laws_that_exist() -> None:
    cited = {
        int(number)
        for file in sorted((ROOT / "tests").rglob("test_*.py"))
        for number in LAW_TEST.findall(file.read_text())
    }
    assert cited <= set(range(1, 18))


def dead_links(document: Path, text: str) -> Iterator[str]:
    """A link that leads nowhere tells a reader that nobody reads this."""
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if "://" not in target and not target.startswith("mailto:") and not (document.parent / target).exists():
            yield f"{document.name}: {target}"


def test_links_between_documents_lead_somewhere() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *SOURCE.rglob("*.md")]
    assert [problem for file in documents for problem in dead_links(file, file.read_text())] == []


@pytest.mark.parametrize(
    ("text", "count"), [("[a](nowhere.md)", 1), ("[a](README.md)", 0), ("[a](https://b.example)", 0)]
)
def test_a_dead_link_is_caught(text: str, count: int) -> None:
    assert len(list(dead_links(ROOT / "README.md", text))) == count


FEATURES = (
    "customers",
    "access",
    "catalog",
    "usage",
    "topups",
    "recharge",
    "schedules",
    "payments",
    "notifications",
    "wallets",
    "ledger",
)


@pytest.mark.parametrize("feature", FEATURES)
def test_every_feature_says_what_it_is_for(feature: str) -> None:
    """Who opens a folder of rules should read first what they are about, and which laws they keep."""
    readme = SOURCE / feature / "README.md"
    assert readme.exists(), f"{feature}/ has no README.md"
    assert len(readme.read_text().splitlines()) >= 3
