"""`make bench ARGS="--growth"`: sides (c) and (d) with usage events already stored, beside an empty database, in one run.

One server holds a database of each size; rounds go from one to the next, so that noise meets all. Printed as well: bytes an event
of each relation, and how long `replenish verify` takes over all events, those of the rounds included.
"""

import argparse
import asyncio
import contextlib
import os
import shutil
import statistics
import subprocess
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
from replenish.main.postgres_process import running_postmaster

# With indexes, log, and the files that sorting leaves for a while.
BYTES_AN_EVENT = 2_500
SHOWN_SETTINGS = ("max_wal_size", "checkpoint_timeout", "autovacuum")
GROWTH_SIDES = "cd"
SETTLING_CALLERS = 128


class Run(msgspec.Struct, frozen=True):
    """One run of one side. `wal`: bytes of log an event; `cpu_us`: PostgreSQL's processor time an event."""

    side: str
    hot: bool
    callers: int
    stored: int
    sample: Sample
    wal: float
    cpu_us: float


class Row(msgspec.Struct, frozen=True):
    """The medians of alternated runs. `ratios`: each round's speed beside the smallest size's in the same round."""

    side: str
    name: str
    hot: bool
    callers: int
    stored: int
    sample: Sample
    wal: float
    cpu_us: float
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
        found = uvloop.run(_measure(given, server, shops))
        # Outside the loop, where Ctrl-C need not wait for it.
        verified = {stored: _verify(first) for stored, (first, *_) in shops.items() if stored}
    _show_verified(verified)
    keep({**found, "verify": verified})


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


async def _measure(
    given: argparse.Namespace, server: EmbeddedPostgres, shops: Mapping[int, Sequence[Shop]]
) -> dict[str, object]:
    shown = await show_settings(server.url(), *SHOWN_SETTINGS, of="measured: ")
    full = {stored: first for stored, (first, *_) in shops.items() if stored}
    taken = {stored: await sizes(shop.url) for stored, shop in full.items()}
    _show_sizes(taken)
    await _settle(full, given.settle)
    rows = _rows(await _rounds(given, server, shops))
    _show_rows(rows)
    return {"settings": shown, "rows": rows, "sizes": taken}


async def _settle(full: Mapping[int, Shop], seconds: float) -> None:
    """Unmeasured usage: a server that has just started has nothing in memory, and logs each page whole at its first change."""
    for stored, shop in full.items():
        print(f"  settling, {stored:,} stored", file=sys.stderr, flush=True)
        await sides.in_process(shop, Load(SETTLING_CALLERS, seconds, hot=False))


async def _rounds(
    given: argparse.Namespace, server: EmbeddedPostgres, shops: Mapping[int, Sequence[Shop]]
) -> list[list[Run]]:
    rounds: list[list[Run]] = []
    for hot in _wallets(given):
        for callers in given.callers:
            for number in range(given.rounds):
                # Each size comes first as often as the others.
                first = number % len(given.stored)
                runs: list[Run] = []
                for stored in given.stored[first:] + given.stored[:first]:
                    shop = shops[stored][len(rounds) % len(shops[stored])]
                    load = Load(callers, given.seconds, hot)
                    runs += [await _run(side, shop, load, stored, server) for side in given.sides]
                rounds.append(runs)
    return rounds


async def _run(side: str, shop: Shop, load: Load, stored: int, server: EmbeddedPostgres) -> Run:
    before = await _spent(shop, server)
    if side == "c":
        sample = await sides.in_process(shop, load)
    else:
        with Serving(shop) as port:
            sample = await sides.over_http(shop, load, port=port, path="/v1/usage")
    after = await _spent(shop, server)
    events = after.events - before.events
    where = "hot" if load.hot else "spread"
    print(f"  {side} {where} {load.callers}, {stored:,} stored: {sample.per_second:.0f}/s", file=sys.stderr, flush=True)
    return Run(
        *(side, load.hot, load.callers, stored, sample),
        wal=(after.wal - before.wal) / events,
        cpu_us=1e6 * (after.cpu - before.cpu) / events,
    )


class Spent(msgspec.Struct, frozen=True):
    """Since ever: events, bytes of log, the server's processor seconds."""

    events: int
    wal: int
    cpu: float


async def _spent(shop: Shop, server: EmbeddedPostgres) -> Spent:
    connection = await asyncpg.connect(shop.url)
    try:
        # A statement line is an event, or the one grant.
        events, wal = await connection.fetchrow(
            "select sum(line)::bigint, pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint from wallets"
        )
        return Spent(events, wal, _processor_seconds(running_postmaster(server.data)))
    finally:
        await connection.close()


def _processor_seconds(postmaster: int | None) -> float:
    """Of the server's processes, the ended ones included; 0 where there is no /proc."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # After the name, which may hold anything: state, parent, … user and system time, and those of ended children.
            _, parent, *rest = stat.read_text().rpartition(")")[2].split()
            if int(stat.parent.name) == postmaster:
                ticks += sum(int(number) for number in rest[9:13])
            elif int(parent) == postmaster:
                ticks += sum(int(number) for number in rest[9:11])
    return ticks / os.sysconf("SC_CLK_TCK")


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
            statistics.median(run.cpu_us for run, _ in members),
            statistics.median(ratio for _, ratio in members),
            [ratio for _, ratio in members],
        )
        for (side, hot, callers, stored), members in sorted(found.items())
    ]


def _show_rows(rows: Sequence[Row]) -> None:
    print(
        f"{'side':40} {'wallets':8} {'callers':>7} {'stored':>11} {'events/s':>9} {'p50 ms':>8} {'p99 ms':>8}"
        f" {'log B':>6} {'PG us':>6}  of the first, each round"
    )
    for row in rows:
        each = " ".join(f"{ratio:.2f}" for ratio in row.ratios)
        print(
            f"{row.side} {row.name:38} {'hot' if row.hot else 'spread':8} {row.callers:7} {row.stored:11,}"
            f" {row.sample.per_second:9.0f} {row.sample.p50_ms:8.2f} {row.sample.p99_ms:8.2f} {row.wal:6.0f} {row.cpu_us:6.0f}"
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


def _verify(shop: Shop) -> Verified:
    """The command itself, as anybody runs it. Raises RuntimeError when it finds a difference."""
    events = asyncio.run(_events(shop))
    print(f"  verify over {events:,} events", file=sys.stderr, flush=True)
    begin = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "replenish.main.cli", "verify"],
        env=os.environ | {"REPLENISH_DATABASE_URL": shop.url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        said = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode:
        raise RuntimeError(f"verify ended with {process.returncode}: {said[-2000:]}")
    # Kilobytes, but for macOS, which counts bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return Verified(events, time.perf_counter() - begin, used.ru_maxrss * unit / 1e6)


async def _events(shop: Shop) -> int:
    connection = await asyncpg.connect(shop.url)
    try:
        return await connection.fetchval("select sum(line - 1)::bigint from wallets")
    finally:
        await connection.close()


def _show_verified(verified: Mapping[int, Verified]) -> None:
    for stored, one in verified.items():
        print(
            f"verify, {stored:,} stored and {one.events - stored:,} added by the rounds: clean in {one.seconds:.1f} s,"
            f" at most {one.python_mb:.0f} MB in its process"
        )
