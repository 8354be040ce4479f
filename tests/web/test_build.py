"""The build hook: when it builds, what it refuses, and that the committed lock ties nobody to a registry's address."""

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the front end's sources and nothing built."""
    shutil.copytree(ROOT / "frontend", tmp_path / "frontend", ignore=shutil.ignore_patterns("node_modules"))
    shutil.copy(ROOT / "hatch_build.py", tmp_path)
    return tmp_path


def test_what_stands_is_not_built_again(hook: ModuleType, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = checkout / hook.OUT
    out.mkdir(parents=True)
    (out / ".stamp").write_text(hook.digest(checkout / "frontend"))
    # As from an sdist: no node to be had, and none needed.
    monkeypatch.setattr(hook, "find_node", lambda: pytest.fail("node was asked for"))
    assert hook.build_assets(checkout) is False


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("js/app.js", lambda file: file.write_text("// changed")),
        ("css/parts.css", lambda file: file.unlink()),
        ("js/more.js", lambda file: file.write_text("")),
        ("package-lock.json", lambda file: file.rename(file.with_name("lock.json"))),
    ],
    ids=["changed", "gone", "new", "renamed"],
)
def test_any_change_of_a_source_counts(hook: ModuleType, checkout: Path, name: str, change: object) -> None:
    before = hook.digest(checkout / "frontend")
    assert callable(change)
    change(checkout / "frontend" / name)
    assert hook.digest(checkout / "frontend") != before


def test_skipping_leaves_everything(hook: ModuleType, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPLENISH_SKIP_ASSETS", "1")
    assert hook.build_assets(checkout) is False
    assert not (checkout / hook.OUT).exists()


def test_without_a_network_the_first_build_says_so(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "http://127.0.0.1:9")
    monkeypatch.setenv("NPM_CONFIG_FETCH_RETRIES", "0")
    monkeypatch.setenv("NPM_CONFIG_CACHE", str(checkout / "cache"))
    command = [sys.executable, "hatch_build.py"]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "could not be fetched from the npm registry" in done.stderr
    assert "REPLENISH_SKIP_ASSETS=1" in done.stderr
    assert not list((checkout / "src/replenish/web").iterdir()), "nothing half-built is left"


def test_the_lock_names_hashes_and_no_addresses() -> None:
    wanted = json.loads((ROOT / "frontend/package.json").read_text())
    packages = json.loads((ROOT / "frontend/package-lock.json").read_text())["packages"]
    for name, version in {**wanted["dependencies"], **wanted["devDependencies"]}.items():
        assert packages[f"node_modules/{name}"]["version"] == version, "exact pins only"
    for name, package in packages.items():
        assert "resolved" not in package, name
        assert not name or "integrity" in package, name
