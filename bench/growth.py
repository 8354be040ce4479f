"""`make bench ARGS="--growth"`: sides (c) and (d) with usage events already stored, beside an empty database, in one run.

One server holds a database of each size; rounds go from one to the next, so that noise meets all. Printed as well: bytes an event
of each relation, and how long `replenish verify` takes over all events, those of the rounds included.
"""

import argparse
import asyncio
import os
import resource
import shutil
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import asyncpg
import msgspec
import uvloop

from bench import sides
from bench.report import NAMES, keep, show_machine, show_settings
from bench.serving import Serving
from bench.shop import Shop
from bench.sides import Load
from bench.stored import FILLING_SETTINGS, Size, open_stored, sizes
from bench.timing import Sample, median
from replenish.main.embedded_postgres import EmbeddedPostgres

# With indexes, log, and the files that sorting leaves for a while.
BYTES_AN_EVENT = 2_500
SHOWN_SETTINGS = ("max_wal_size", "checkpoint_timeout", "autovacuum")
GROWTH_SIDES = "cd"
SETTLING_CALLERS = 128


class Run(msgspec.Struct, frozen=True):
    """One run of one side. `wal`: bytes of log an event."""

    side: str
    hot: bool
    callers: int
    stored: int
    sample: Sample
    wal: float


class Row(msgspec.Struct, frozen=True):
    """The medians of alternated runs. `ratios`: each round's speed beside the smallest size's in the same round."""

    side: str
    name: str
    hot: bool
    callers: int
    stored: int
    sample: Sample
    wal: float
    ratio: float
    ratios: list[float]


class Verified(msgspec.Struct, frozen=True):
    """One `replenish verify`: how many events there were, seconds, and the most memory that its process took."""

    events: int
    seconds: float
    python_mb: float


def grow(given: argparse.Namespace, folder: Path) -> None:
    """Fill; start the server anew with full durability; measure; verify."""
    if not set(given.sides) <= set(GROWTH_SIDES):
        raise SystemExit(f"--growth measures the sides {GROWTH_SIDES}")
    needed, free = BYTES_AN_EVENT * sum(given.stored), shutil.disk_usage(folder).free
    if free < needed:
        raise SystemExit(
            f"{folder} has {free / 1e9:.0f} GB free, and so many events need {needed / 1e9:.0f} GB. TMPDIR names another place."
        )
    show_machine()
    settings = {"max_connections": "300", **server_settings(), **given.settings}
    with EmbeddedPostgres(folder / "home", settings=FILLING_SETTINGS) as server:
        shops = uvloop.run(_fill(given, server.url()))
    # What the kernel has not written yet, it would write during the rounds.
    os.sync()
    with EmbeddedPostgres(folder / "home", settings=settings) as server:
        uvloop.run(_measure(given, server.url(), shops))


def server_settings() -> dict[str, str]:
    """What a server that keeps many events is given: a quarter of the memory, and minutes between checkpoints."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "shared_buffers": f"{max(256, min(memory // 4, 8 << 30) >> 20)}MB",
        "max_wal_size": "8GB",
        "checkpoint_timeout": "15min",
    }


def _wallets(given: argparse.Namespace) -> list[bool]:
    """Whether hot, each."""
    return {"spread": [False], "hot": [True], "both": [False, True]}[given.wallets]


async def _fill(given: argparse.Namespace, url: str) -> dict[int, list[Shop]]:
    """By size, the databases that the rounds take in turn: one of stored events for all, but a fresh empty one for each.

    All are made before the rounds, because dropping one forces a checkpoint on every other.
    """
    await show_settings(url, *SHOWN_SETTINGS, of="filling: ")
    shops: dict[int, list[Shop]] = {}
    for events in given.stored:
        count = 1 if events else given.rounds * len(_wallets(given)) * len(given.callers)
        shops[events] = [await open_stored(url, f"bench_{events}_{n}", events=events) for n in range(count)]
    connection = await asyncpg.connect(url)
    await connection.execute("checkpoint", timeout=3600)
    await connection.close()
    return shops


async def _measure(given: argparse.Namespace, url: str, shops: Mapping[int, Sequence[Shop]]) -> None:
    shown = await show_settings(url, *SHOWN_SETTINGS, of="measured: ")
    full = {stored: first for stored, (first, *_) in shops.items() if stored}
    taken = {stored: await sizes(shop.url) for stored, shop in full.items()}
    _show_sizes(taken)
    await _settle(full, given.settle)
    rows = _rows(await _rounds(given, shops))
    _show_rows(rows)
    verified = {stored: await _verify(shop) for stored, shop in full.items()}
    _show_verified(verified)
    keep({"settings": shown, "rows": rows, "sizes": taken, "verify": verified})


async def _settle(full: Mapping[int, Shop], seconds: float) -> None:
    """Unmeasured usage: a server that has just started has nothing in memory, and logs each page whole at its first change."""
    for stored, shop in full.items():
        print(f"  settling, {stored:,} stored", file=sys.stderr, flush=True)
        await sides.in_process(shop, Load(SETTLING_CALLERS, seconds, hot=False))


async def _rounds(given: argparse.Namespace, shops: Mapping[int, Sequence[Shop]]) -> list[list[Run]]:
    rounds: list[list[Run]] = []
    for hot in _wallets(given):
        for callers in given.callers:
            for number in range(given.rounds):
                # Each size comes first as often as the others.
                first = number % len(given.stored)
                runs: list[Run] = []
                for stored in given.stored[first:] + given.stored[:first]:
                    shop = shops[stored][len(rounds) % len(shops[stored])]
                    runs += [await _run(side, shop, Load(callers, given.seconds, hot), stored) for side in given.sides]
                rounds.append(runs)
    return rounds


async def _run(side: str, shop: Shop, load: Load, stored: int) -> Run:
    connection = await asyncpg.connect(shop.url)
    try:
        before = await _written(connection)
        if side == "c":
            sample = await sides.in_process(shop, load)
        else:
            with Serving(shop) as port:
                sample = await sides.over_http(shop, load, port=port, path="/v1/usage")
        after = await _written(connection)
    finally:
        await connection.close()
    wal = float((after[1] - before[1]) / (after[0] - before[0]))
    where = "hot" if load.hot else "spread"
    print(f"  {side} {where} {load.callers}, {stored:,} stored: {sample.per_second:.0f}/s", file=sys.stderr, flush=True)
    return Run(side, load.hot, load.callers, stored, sample, wal)


async def _written(connection: asyncpg.Connection) -> asyncpg.Record:
    """(events, bytes of log) since ever. A statement line is an event, or the one grant."""
    return await connection.fetchrow(
        "select sum(line), pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') from wallets"
    )


def _rows(rounds: Sequence[Sequence[Run]]) -> list[Row]:
    """By side and load; within one, by size."""
    found: dict[tuple[str, bool, int, int], list[tuple[Run, float]]] = {}
    for runs in rounds:
        smallest = min(run.stored for run in runs)
        base = {run.side: run.sample.per_second for run in runs if run.stored == smallest}
        for run in runs:
            key = (run.side, run.hot, run.callers, run.stored)
            found.setdefault(key, []).append((run, run.sample.per_second / base[run.side]))
    return [
        Row(
            side,
            NAMES[side],
            hot,
            callers,
            stored,
            median([run.sample for run, _ in members]),
            statistics.median(run.wal for run, _ in members),
            statistics.median(ratio for _, ratio in members),
            [ratio for _, ratio in members],
        )
        for (side, hot, callers, stored), members in sorted(found.items())
    ]


def _show_rows(rows: Sequence[Row]) -> None:
    print(
        f"{'side':40} {'wallets':8} {'callers':>7} {'stored':>11} {'events/s':>9} {'p50 ms':>8} {'p99 ms':>8}"
        f" {'log B/event':>11}  of the first, each round"
    )
    for row in rows:
        each = " ".join(f"{ratio:.2f}" for ratio in row.ratios)
        print(
            f"{row.side} {row.name:38} {'hot' if row.hot else 'spread':8} {row.callers:7} {row.stored:11,}"
            f" {row.sample.per_second:9.0f} {row.sample.p50_ms:8.2f} {row.sample.p99_ms:8.2f} {row.wal:11.0f}"
            f"  {row.ratio:.2f} ({each})"
        )
    print(flush=True)


def _show_sizes(taken: Mapping[int, Sequence[Size]]) -> None:
    print(
        f"{'stored':>11} {'relation':14} {'rows':>11} {'table MB':>9} {'index MB':>9} {'B/event':>8}  indexes, B/event"
    )
    for stored, found in taken.items():
        for size in found:
            each = ", ".join(f"({columns}) {taken / stored:.0f}" for columns, taken in size.indexes.items())
            print(
                f"{stored:11,} {size.relation:14} {size.rows:11,} {size.table / 1e6:9.1f}"
                f" {sum(size.indexes.values()) / 1e6:9.1f} {size.total / stored:8.0f}  {each}"
            )
        total = sum(size.total for size in found)
        print(f"{stored:11,} {'all':14} {'':11} {'':9} {total / 1e6:9.1f} {total / stored:8.0f}")
    print(flush=True)


async def _verify(shop: Shop) -> Verified:
    """The command itself, as anybody runs it. Raises RuntimeError when it finds a difference."""
    connection = await asyncpg.connect(shop.url)
    events = await connection.fetchval("select sum(line - 1)::bigint from wallets")
    await connection.close()
    print(f"  verify over {events:,} events", file=sys.stderr, flush=True)
    begin = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "replenish.main.cli", "verify"),
        env=os.environ | {"REPLENISH_DATABASE_URL": shop.url},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    seconds = time.perf_counter() - begin
    if process.returncode:
        raise RuntimeError(f"verify ended with {process.returncode}: {said.decode()[-2000:]}")
    return Verified(events, seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)


def _show_verified(verified: Mapping[int, Verified]) -> None:
    for stored, one in verified.items():
        print(
            f"verify, {stored:,} stored and {one.events - stored:,} added by the rounds: clean in {one.seconds:.1f} s,"
            f" at most {one.python_mb:.0f} MB in its process"
        )
