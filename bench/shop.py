"""What every side runs on: a database of its own with full durability, 10,000 wallets, and one hot one."""

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import msgspec

from replenish.catalog import queries as catalog
from replenish.catalog.model import Meter, PaymentCurrency
from replenish.core import ids
from replenish.core.db import Database, connect
from replenish.core.ids import CustomerId, WorkspaceId
from replenish.core.migrate import migrate
from replenish.flows import manage_api_keys, manage_meters, manage_workspaces

WALLETS = 10_000
PLENTY = 10**12
RAW = Path(__file__).with_name("raw.sql")


class Shop(msgspec.Struct, frozen=True):
    """`customers[0]` is the hot one. Every wallet has one lot that nothing here can empty."""

    url: str
    workspace_id: WorkspaceId
    meter: Meter
    currency: PaymentCurrency
    customers: list[CustomerId]
    api_key: str


async def open_shop(server_url: str, name: str, *, wallets: int = WALLETS, since: datetime | None = None) -> Shop:
    """A fresh database on this server; its wallets were filled at `since`, now by default."""
    admin = await asyncpg.connect(server_url)
    await admin.execute(f'drop database if exists "{name}" with (force)')
    await admin.execute(f'create database "{name}"')
    await admin.close()
    url = urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
    await migrate(url)
    db = await connect(url, size_max=2)
    try:
        shop = await _fill(db, url, wallets, since or datetime.now(UTC))
        await db.pool.execute("vacuum analyze")
        return shop
    finally:
        await db.close()


async def _fill(db: Database, url: str, wallets: int, since: datetime) -> Shop:
    twins = await manage_workspaces.create_workspace(db=db, name="Bench")
    meter_id = await manage_meters.create_meter(
        db=db, workspace_id=twins.live, name="Calls", event_name="calls", unit="call"
    )
    meter = await catalog.meter(db, workspace_id=twins.live, meter_id=meter_id)
    currency = await catalog.currency(db, workspace_id=twins.live, currency_id=meter.currency_id)
    key = await manage_api_keys.create_api_key(db=db, workspace_id=twins.live, name="bench", scopes=["*"])
    customers = [ids.CUSTOMER.new() for _ in range(wallets)]
    wallet_ids = [ids.WALLET.new() for _ in customers]
    await db.pool.execute(
        "insert into customers (id, workspace_id, external_id) select c, $2, c::text from unnest($1::uuid[]) c",
        customers,
        twins.live,
    )
    await db.pool.execute(
        "insert into wallets (customer_id, id, workspace_id, currency_id, now_at, recorded_at, line, issued, available)"
        " select c, w, $3, $4, $6, $6, 1, $5, $5 from unnest($1::uuid[], $2::uuid[]) as u (c, w)",
        customers,
        wallet_ids,
        twins.live,
        currency.id,
        PLENTY,
        since,
    )
    await db.pool.execute(
        "insert into lots (customer_id, id, workspace_id, wallet_id, category, priority, amount, remaining, effective_at,"
        " source, opened_at, created_at) select c, w, $3, w, 'paid', 50, $4, $4, $5::timestamptz, 'api', $5, $5"
        " from unnest($1::uuid[], $2::uuid[]) as u (c, w)",
        customers,
        wallet_ids,
        twins.live,
        PLENTY,
        since,
    )
    await db.pool.execute(
        "insert into transfers (customer_id, id, workspace_id, wallet_id, lot_id, kind, from_account, to_account, amount,"
        " cause, cause_id, line, balance_after, booked_at, recorded_at)"
        " select c, gen_random_uuid(), $3, w, w, 'grant', 'issued', 'available', $4, 'grant', w, 1, $4, $5::timestamptz, $5"
        " from unnest($1::uuid[], $2::uuid[]) as u (c, w)",
        customers,
        wallet_ids,
        twins.live,
        PLENTY,
        since,
    )
    await db.pool.execute(RAW.read_text())
    await db.pool.execute(
        "insert into bench_wallets select n, c, w from unnest($1::uuid[], $2::uuid[]) with ordinality as u (c, w, n)",
        customers,
        wallet_ids,
    )
    if key.secret is None:
        raise RuntimeError("the key was shown before")
    return Shop(url, twins.live, meter, currency, customers, key.secret)
