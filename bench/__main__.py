"""`make bench`: our paths beside the raw limits, in one run, as ratios.

Starts its own PostgreSQL with full durability, alternates the sides, prints medians, p50, p99 and ratios, and writes JSON.
Numbers of different runs do not compare: the machine is never the same twice. Ratios of one run do.
"""

import argparse
import asyncio
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import httpx
import msgspec
import uvloop

from bench import sides
from bench.shop import Shop, open_shop
from bench.sides import Load
from bench.timing import Sample, median
from replenish.main.embedded_postgres import EmbeddedPostgres
from replenish.main.postgres_binaries import EMBEDDED_POSTGRES

SHOWN_SETTINGS = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "wal_level")
NAMES = {
    "a": "raw SQL, one function an event (pgbench)",
    "b": "a transaction an event, Python",
    "c": "our flow, in process",
    "d": "our HTTP endpoint, one event a request",
    "e": "a POST that does nothing, same server",
    "f": "our batch endpoint, 1,000 events a request",
}
RESULTS = Path(__file__).parent / "results"

Run = Callable[[Shop, Load], Awaitable[Sample]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each run, after a second of warming up")
    parser.add_argument("--rounds", type=int, default=3, help="how often each side runs, in turn")
    parser.add_argument("--callers", type=int, nargs="+", default=[1, 8, 32, 128])
    parser.add_argument("--sides", default="abcdef")
    parser.add_argument("--wallets", choices=["spread", "hot", "both"], default="both")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="replenish-bench-") as folder:
        Path(folder).chmod(0o711)
        server = EmbeddedPostgres(Path(folder) / "home", settings={"max_connections": "300"}).start()
        try:
            uvloop.run(bench(given, server, Path(folder)))
        finally:
            server.stop()


async def bench(given: argparse.Namespace, server: EmbeddedPostgres, folder: Path) -> None:
    shown = await _settings(server.url())
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(", ".join(f"{name} {value}" for name, value in shown.items()), "\n")
    found: dict[tuple[str, bool, int], list[Sample]] = {}
    wallets = {"spread": [False], "hot": [True], "both": [False, True]}[given.wallets]
    for hot in wallets:
        for callers in given.callers:
            for number in range(given.rounds):
                shop = await open_shop(server.url(), f"bench_{number}")
                load = Load(callers, given.seconds, hot)
                for side, sample in (await _round(given.sides, shop, load, folder)).items():
                    found.setdefault((side, hot, callers), []).append(sample)
    rows = {key: median(samples) for key, samples in found.items()}
    _show(rows)
    _keep(rows, shown)


async def _round(chosen: str, shop: Shop, load: Load, folder: Path) -> dict[str, Sample]:
    """Each side once, one after the other, on the same database."""
    results: dict[str, Sample] = {}
    pgbench = EMBEDDED_POSTGRES.tree() / EMBEDDED_POSTGRES.folder / "bin" / "pgbench"
    if "a" in chosen:
        results["a"] = await asyncio.to_thread(sides.raw_sql, shop, load, pgbench=pgbench, folder=folder)
    if "b" in chosen:
        results["b"] = await sides.per_event(shop, load)
    if "c" in chosen:
        results["c"] = await sides.in_process(shop, load)
    if set(chosen) & set("def"):
        with _Serving(shop) as port:
            for side, path, batch in (("d", "/v1/usage", 1), ("e", "/noop", 1), ("f", "/v1/usage/batch", 1000)):
                # A thousand events a request from 128 callers only fills the queue; eight are plenty.
                calm = Load(min(load.callers, 8), load.seconds, load.hot) if side == "f" else load
                if side in chosen:
                    results[side] = await sides.over_http(shop, calm, port=port, path=path, batch=batch)
    for side, sample in results.items():
        where = "hot" if load.hot else "spread"
        print(f"  {side} {where} {load.callers}: {sample.per_second:.0f}/s", file=sys.stderr, flush=True)
    return results


class _Serving:
    """One web process, as `replenish serve` starts it."""

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
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"http://127.0.0.1:{self.port}/healthz", trust_env=False).is_success:
                    return self.port
            except httpx.TransportError:
                time.sleep(0.1)
        raise RuntimeError("the server did not start")

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)


async def _settings(url: str) -> dict[str, str]:
    connection = await asyncpg.connect(url)
    try:
        return {name: str(await connection.fetchval("select current_setting($1)", name)) for name in SHOWN_SETTINGS}
    finally:
        await connection.close()


def _show(rows: dict[tuple[str, bool, int], Sample]) -> None:
    print(f"{'side':46} {'wallets':8} {'callers':>7} {'events/s':>9} {'p50 ms':>8} {'p99 ms':>8}  ratios")
    for (side, hot, callers), one in rows.items():
        ratios = " ".join(
            f"{one.per_second / rows[other, hot, callers].per_second:.2f}x{other}"
            for other in "abce"
            if other != side and (other, hot, callers) in rows
        )
        print(
            f"{side} {NAMES[side]:44} {'hot' if hot else 'spread':8} {callers:7} {one.per_second:9.0f}"
            f" {one.p50_ms:8.2f} {one.p99_ms:8.2f}  {ratios}"
        )


def _keep(rows: dict[tuple[str, bool, int], Sample], settings: dict[str, str]) -> None:
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    kept = {
        "settings": settings,
        "rows": [
            {"side": side, "name": NAMES[side], "hot": hot, "callers": callers, **msgspec.structs.asdict(one)}
            for (side, hot, callers), one in rows.items()
        ],
    }
    path.write_bytes(msgspec.json.format(msgspec.json.encode(kept)))
    print(f"\nwritten to {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")


if __name__ == "__main__":
    main()
