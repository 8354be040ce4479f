"""The published client of PaymentKit, installed once, and a server of ours that it talks to."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from replenish.core import db as database
from replenish.core.settings import Settings
from replenish.main.demo import ensure_demo
from support.waiting import wait_until

HERE: Final = Path(__file__).parents[2] / "examples/paymentkit"
CLIENT: Final = "@blocklet/payment-js@1.27.2"
SEED: Final = bytes.fromhex("46" * 32)
PUBLIC_KEY: Final = Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes_raw().hex()
SECRET: Final = "a secret of the tests, long enough to sign with"
API_KEY: Final = "rk_test_a-key-that-only-these-tests-know-0123456789"


def cache() -> Path:
    """Outside the repository: 788 packages that take two minutes."""
    given = os.environ.get("REPLENISH_TEST_CACHE") or os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(given).expanduser() / "replenish-tests" / CLIENT.replace("/", "-").replace("@", "")


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the real client beside the guide's own snippets, as they were printed."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        _missing("node and npm are not here: PaymentKit's client runs on Node 20 or newer")
    folder = tmp_path_factory.mktemp("paymentkit-client")
    shutil.copytree(HERE, folder, dirs_exist_ok=True)
    (folder / "node_modules").symlink_to(_installed() / "node_modules")
    return folder


def _installed() -> Path:
    folder = cache()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            shutil.rmtree(folder / "node_modules", ignore_errors=True)
            (folder / "package.json").write_text('{"private": true}')
            asked = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", CLIENT]
            done = subprocess.run(asked, cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode:
                _missing(f"{CLIENT} could not be installed: {done.stderr[-500:]}")
            (folder / "complete").touch()
    return folder


def _missing(what: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


class Serving:
    """`replenish serve` and `replenish worker` over the demo workspace, with the client's key registered."""

    def __init__(self, port: int, client: Path) -> None:
        self.port = port
        self.client = client
        self.url = f"http://127.0.0.1:{port}"

    def run(self, script: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """One of the client's scripts, in a Node of its own."""
        return subprocess.run(
            ["node", "--import", "./register.mjs", script, *arguments],
            cwd=self.client,
            env={**os.environ, "PK_PORT": str(self.port), "NO_PROXY": "127.0.0.1", **variables},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


class Refused(Exception):
    """The client threw: what the server answered."""

    def __init__(self, status: int, answer: Any) -> None:
        super().__init__(f"{status}: {answer}")
        self.status = status
        self.answer = answer


class Client:
    """The published client in a Node of its own: `client("meters.create", {...})`."""

    def __init__(self, serving: Serving, **variables: str) -> None:
        self.process = subprocess.Popen(
            ["node", "--import", "./register.mjs", "talk.mjs"],
            cwd=serving.client,
            env={**os.environ, "PK_PORT": str(serving.port), "NO_PROXY": "127.0.0.1", **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._read() == {"ok": "ready"}

    def __call__(self, call: str, *arguments: object) -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"call": call, "with": arguments}) + "\n")
        self.process.stdin.flush()
        answer = self._read()
        if "ok" in answer:
            return answer["ok"]
        raise Refused(answer["status"], answer["error"])

    def refused(self, call: str, *arguments: object) -> Refused:
        with pytest.raises(Refused) as raised:
            self(call, *arguments)
        return raised.value

    def _read(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the client ended"
        return json.loads(line)

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


async def _fill(settings: Settings) -> None:
    db = await database.connect(settings.database_url, size_max=2)
    try:
        await ensure_demo(db=db, settings=settings, api_key=API_KEY, client_key=f"0x{PUBLIC_KEY}")
    finally:
        await db.close()


@pytest.fixture
def serving(database_url: str, client: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serving]:
    monkeypatch.setenv("REPLENISH_HOME", str(tmp_path))
    port = _free_port()
    settings = Settings(
        database_url=database_url, secret_key=SECRET, base_url=f"http://127.0.0.1:{port}", port=port, dev=True
    )
    asyncio.run(_fill(settings))
    environment = {
        **os.environ,
        "REPLENISH_DATABASE_URL": database_url,
        "REPLENISH_SECRET_KEY": SECRET,
        "REPLENISH_BASE_URL": settings.base_url,
        "REPLENISH_DEV": "1",
        "PORT": str(port),
    }
    log = tmp_path / "server.log"
    with log.open("wb") as output:
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", "replenish.main.cli", command], env=environment, stdout=output, stderr=output
            )
            for command in ("serve", "worker")
        ]
        try:
            wait_until(lambda: _answers(settings.base_url, processes[0], log), what="the server's start")
            yield Serving(port, client)
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(timeout=30)


def _answers(url: str, process: subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    try:
        return httpx.get(f"{url}/healthz", trust_env=False).is_success
    except httpx.TransportError:
        return False


@pytest.fixture
def payment(serving: Serving) -> Iterator[Client]:
    """The live mode that the client has by itself."""
    client = Client(serving)
    yield client
    client.close()
