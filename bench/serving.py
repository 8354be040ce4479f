"""One web process, as `replenish serve` starts it."""

import os
import socket
import subprocess
import sys
import time

import httpx

from bench.shop import Shop


class Serving:
    """A context: gives the port, ends the process."""

    def __init__(self, shop: Shop) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "uvicorn",
                "bench.server:make",
                "--factory",
                "--port",
                str(self.port),
                "--log-level",
                "error",
                "--no-access-log",
            ],
            env=os.environ
            | {
                "REPLENISH_DATABASE_URL": shop.url,
                "REPLENISH_SECRET_KEY": "the benchmark's own secret, which signs nothing",
                "REPLENISH_DEV": "1",
            },
        )

    def __enter__(self) -> int:
        deadline = time.monotonic() + 60
        # Nobody waits a minute for a process that Ctrl-C has ended, too.
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if httpx.get(f"http://127.0.0.1:{self.port}/healthz", trust_env=False).is_success:
                    return self.port
            except httpx.TransportError:
                time.sleep(0.1)
        self.__exit__()
        raise RuntimeError("the server did not start")

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            # It waits for connections that nobody closes any more.
            self.process.kill()
            self.process.wait()
