"""`make bench`: our paths beside the raw limits, in one run, as ratios.

Starts its own PostgreSQL with full durability, alternates the sides, prints medians, p50, p99 and ratios, and writes JSON.
Numbers of different runs do not compare: the machine is never the same twice. Ratios of one run do.
"""

import argparse
import asyncio
import contextlib
import signal
import sys
import tempfile
from pathlib import Path

import msgspec
import uvloop

from bench import sides
from bench.growth import grow
from bench.report import NAMES, keep, show_machine, show_settings
from bench.serving import Serving
from bench.shop import Shop, open_shop
from bench.sides import Load
from bench.timing import Sample, median
from replenish.main.embedded_postgres import EmbeddedPostgres
from replenish.main.postgres_binaries import EMBEDDED_POSTGRES


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each run, after a second of warming up")
    parser.add_argument("--rounds", type=int, default=3, help="how often each side runs, in turn")
    parser.add_argument("--callers", type=int, nargs="+", help="1 8 32 128; with --growth: 128")
    parser.add_argument("--sides", help="abcdef; with --growth: cd")
    parser.add_argument("--wallets", choices=["spread", "hot", "both"], default="both")
    parser.add_argument("--growth", action="store_true", help="with events already stored, beside an empty database")
    parser.add_argument(
        "--stored", type=_numbers, default=[0, 1_000_000, 10_000_000], help="how many, each size: 0,1000000,10000000"
    )
    parser.add_argument(
        "--settle", type=float, default=30.0, help="seconds of unmeasured usage before the rounds of --growth"
    )
    parser.add_argument(
        "--settings", type=_settings, default={}, help="of the server: shared_buffers=256MB,max_wal_size=1GB"
    )
    given = parser.parse_args()
    given.callers = given.callers or ([128] if given.growth else [1, 8, 32, 128])
    given.sides = given.sides or ("cd" if given.growth else "abcdef")
    # Ended politely in whichever way, the servers and their folder go, too.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    with contextlib.suppress(KeyboardInterrupt), tempfile.TemporaryDirectory(prefix="replenish-bench-") as folder:
        Path(folder).chmod(0o711)
        if given.growth:
            grow(given, Path(folder))
        else:
            with EmbeddedPostgres(
                Path(folder) / "home", settings={"max_connections": "300", **given.settings}
            ) as server:
                uvloop.run(bench(given, server, Path(folder)))
        return
    sys.exit("interrupted; server and data are gone")


def _settings(text: str) -> dict[str, str]:
    return dict(one.split("=", 1) for one in text.split(","))


def _numbers(text: str) -> list[int]:
    return sorted({int(number) for number in text.split(",")})


async def bench(given: argparse.Namespace, server: EmbeddedPostgres, folder: Path) -> None:
    show_machine()
    shown = await show_settings(server.url())
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
    kept = [
        {"side": side, "name": NAMES[side], "hot": hot, "callers": callers, **msgspec.structs.asdict(one)}
        for (side, hot, callers), one in rows.items()
    ]
    keep({"settings": shown, "rows": kept})


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
        with Serving(shop) as port:
            for side, path, batch in (("d", "/v1/usage", 1), ("e", "/noop", 1), ("f", "/v1/usage/batch", 1000)):
                # A thousand events a request from 128 callers only fills the queue; eight are plenty.
                calm = Load(min(load.callers, 8), load.seconds, load.hot) if side == "f" else load
                if side in chosen:
                    results[side] = await sides.over_http(shop, calm, port=port, path=path, batch=batch)
    for side, sample in results.items():
        where = "hot" if load.hot else "spread"
        print(f"  {side} {where} {load.callers}: {sample.per_second:.0f}/s", file=sys.stderr, flush=True)
    return results


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


if __name__ == "__main__":
    main()
