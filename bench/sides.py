"""The sides: the same debit with the same rows, from raw SQL to HTTP."""

import asyncio
import os
import random
import re
import subprocess
import uuid
from decimal import Decimal
from pathlib import Path

import asyncpg
import msgspec

from bench.shop import Shop
from bench.timing import Sample, closed_loop
from replenish.core.db import connect
from replenish.core.gather import Gatherer
from replenish.flows.record_usage import NewUsage, Outcome, Recorded, record_usage

CONNECTIONS_MAX = 32


class Load(msgspec.Struct, frozen=True):
    """How a side is asked: callers at once, for how long, on one wallet or on all."""

    callers: int
    seconds: float
    hot: bool


def raw_sql(shop: Shop, load: Load, *, pgbench: Path, folder: Path) -> Sample:
    """(a) one PL/pgSQL function, one transaction each, called by pgbench."""
    script = folder / "debit.sql"
    last = 1 if load.hot else len(shop.customers)
    script.write_text(f"\\set n random(1, {last})\nselect bench_debit(:n, 1);\n")
    for stale in folder.glob("pgbench_log*"):
        stale.unlink()
    done = subprocess.run(
        [
            pgbench,
            "-n",
            "-M",
            "prepared",
            "-f",
            script,
            "-c",
            str(load.callers),
            "-j",
            "2",
            "-T",
            str(max(1, round(load.seconds))),
            "-l",
            "--sampling-rate=1",
            shop.url,
        ],
        check=True,
        capture_output=True,
        text=True,
        cwd=folder,
    )
    tps = re.search(r"tps = ([0-9.]+)", done.stdout)
    if tps is None:
        raise RuntimeError(done.stdout + done.stderr)
    taken = sorted(
        int(line.split()[2]) / 1000 for log in folder.glob("pgbench_log*") for line in log.read_text().splitlines()
    )
    return Sample(float(tps[1]), taken[len(taken) // 2], taken[int(len(taken) * 0.99)])


async def per_event(shop: Shop, load: Load) -> Sample:
    """(b) a transaction per event in Python that writes the same rows, as an application does it."""
    pool = await asyncpg.create_pool(shop.url, min_size=1, max_size=min(load.callers, CONNECTIONS_MAX))

    async def ask(_: int) -> None:
        customer = shop.customers[0] if load.hot else random.choice(shop.customers)
        async with pool.acquire() as connection, connection.transaction():
            await _naive_debit(connection, shop, customer)

    try:
        return await closed_loop(ask, callers=load.callers, seconds=load.seconds)
    finally:
        await pool.close()


async def _naive_debit(connection: asyncpg.pool.PoolConnectionProxy, shop: Shop, customer: uuid.UUID) -> None:
    key, event, batch, value = str(uuid.uuid4()), uuid.uuid4(), uuid.uuid4(), Decimal(1)
    wallet = await connection.fetchrow(
        "select *, clock_timestamp() as at from wallets where customer_id = $1 and currency_id = $2 for no key update",
        customer,
        shop.currency.id,
    )
    if await connection.fetchval("select 1 from usage_keys where customer_id = $1 and key = $2", customer, key):
        return
    if wallet["available"] < value:
        raise RuntimeError("out of credits")
    (lot,) = await connection.fetch(
        "select * from lots where customer_id = $1 and wallet_id = $2 and closed_at is null", customer, wallet["id"]
    )
    await connection.execute(
        "update lots set remaining = remaining - $3 where customer_id = $1 and id = $2", customer, lot["id"], value
    )
    await connection.execute(
        "update wallets set available = available - $3, spent = spent + $3, line = line + 1, now_at = $4,"
        " recorded_at = $4 where customer_id = $1 and id = $2",
        customer,
        wallet["id"],
        value,
        wallet["at"],
    )
    await connection.execute(
        "insert into usage_keys (customer_id, key, hash, event_id, recorded_at) values ($1, $2, $3, $4, $5)",
        customer,
        key,
        b"0",
        event,
        wallet["at"],
    )
    await connection.execute(
        "insert into usage_events (customer_id, recorded_at, id, workspace_id, wallet_id, meter_id, key, value,"
        " credits_per_unit, price, debit, lot_ids, lot_amounts, batch_id, line, balance_after, occurred_at, booked_at)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, 1, $8, $8, $9, $10, $11, $12, $13, $2, $2)",
        customer,
        wallet["at"],
        event,
        shop.workspace_id,
        wallet["id"],
        shop.meter.id,
        key,
        value,
        [lot["id"]],
        [value],
        batch,
        wallet["line"] + 1,
        wallet["available"] - value,
    )
    await connection.execute(
        "insert into transfers (customer_id, id, workspace_id, wallet_id, lot_id, kind, from_account, to_account, amount,"
        " cause, cause_id, booked_at, recorded_at)"
        " values ($1, $2, $3, $4, $5, 'usage', 'available', 'spent', $6, 'batch', $7, $8, $8)",
        customer,
        uuid.uuid4(),
        shop.workspace_id,
        wallet["id"],
        lot["id"],
        value,
        batch,
        wallet["at"],
    )
    await _naive_day(connection, shop, wallet, value)


async def _naive_day(
    connection: asyncpg.pool.PoolConnectionProxy, shop: Shop, wallet: asyncpg.Record, value: Decimal
) -> None:
    await connection.execute(
        "insert into usage_days as d (customer_id, workspace_id, wallet_id, meter_id, day, events, value, debit)"
        " values ($1, $2, $3, $4, ($5::timestamptz at time zone 'UTC')::date, 1, $6, $6)"
        " on conflict (customer_id, wallet_id, day, meter_id) do update"
        " set events = d.events + 1, value = d.value + excluded.value, debit = d.debit + excluded.debit",
        wallet["customer_id"],
        shop.workspace_id,
        wallet["id"],
        shop.meter.id,
        wallet["at"],
        value,
    )


async def in_process(shop: Shop, load: Load) -> Sample:
    """(c) the product's own flow behind its gatherer, as every edge uses it."""
    db = await connect(shop.url, size_max=4)

    async def run(events: "list[NewUsage]") -> list[Outcome]:
        return await record_usage(db, events=events)

    gatherer = Gatherer(run, lane_of=lambda event: event.customer_id.int)

    async def ask(_: int) -> None:
        event = NewUsage(
            workspace_id=shop.workspace_id,
            customer_id=shop.customers[0] if load.hot else random.choice(shop.customers),
            currency=shop.currency,
            meter=shop.meter,
            # By chance, as clients make keys: counted ones would all stand side by side in the index.
            key=f"{random.getrandbits(128):032x}",
            value=Decimal(1),
        )
        outcome = await gatherer.submit(event)
        if not isinstance(outcome, Recorded):
            raise outcome.refusal

    try:
        return await closed_loop(ask, callers=load.callers, seconds=load.seconds)
    finally:
        await gatherer.close()
        await db.close()


async def over_http(shop: Shop, load: Load, *, port: int, path: str, batch: int = 1) -> Sample:
    """(d), (e), (f): from a process of its own, so that the loader's work is not the server's."""
    loader = await asyncio.create_subprocess_exec(
        *(os.sys.executable, "-m", "bench.loader"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    order = {
        "port": port,
        "path": path,
        "key": shop.api_key,
        "callers": load.callers,
        "seconds": load.seconds,
        "batch": batch,
        "customers": [str(customer) for customer in (shop.customers[:1] if load.hot else shop.customers)],
    }
    try:
        answer, _ = await loader.communicate(msgspec.json.encode(order))
    finally:
        if loader.returncode is None:
            loader.kill()
    if loader.returncode:
        raise RuntimeError(f"the loader failed with {loader.returncode}")
    return msgspec.json.decode(answer, type=Sample)
