"""The sandbox bank's rows. Each function is one statement on a connection of the bank's own pool."""

from datetime import datetime
from decimal import Decimal
from typing import TypeAlias, cast

import msgspec
from asyncpg import Record
from asyncpg.pool import PoolConnectionProxy

from replenish.core.rows import row_to, rows_to
from replenish.providers.sandbox.cards import Card

Connection: TypeAlias = "PoolConnectionProxy[Record]"


class Method(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    account: str
    customer: str
    weather: str
    brand: str
    last4: str
    expires_month: int
    expires_year: int
    fingerprint: str
    saved: bool
    charges: int
    detached_at: datetime | None


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """A charge: of a saved method, or on a hosted page. `now_at` is the bank's time at the read."""

    id: str
    account: str
    request: bytes
    hosted: bool
    customer: str
    method_id: str | None
    amount: Decimal
    currency: str
    merchant: str
    description: str
    customer_present: bool
    save_method: bool
    return_url: str
    cancel_url: str
    state: str
    cancel_reason: str | None
    decline_code: str | None
    token: str
    page_expires_at: datetime
    submits: int
    settles_at: datetime | None
    refunded: Decimal
    now_at: datetime


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """A page on which a card is saved."""

    id: str
    account: str
    request: bytes
    customer: str
    merchant: str
    return_url: str
    cancel_url: str
    state: str
    method_id: str | None
    token: str
    page_expires_at: datetime
    now_at: datetime


class DueEvent(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    account: str
    object_id: str
    kind: str
    created_at: datetime
    tries: int


async def insert_intent(connection: Connection, values: dict[str, object]) -> None:
    """Insert unless the account's key is taken. Keys of `values` are column names of ours, never input."""
    await _insert(connection, "sandbox.intents", values)


async def insert_setup(connection: Connection, values: dict[str, object]) -> None:
    await _insert(connection, "sandbox.setups", values)


async def _insert(connection: Connection, table: str, values: dict[str, object]) -> None:
    columns = ", ".join(values)
    places = ", ".join(f"${place}" for place in range(1, len(values) + 1))
    query = f"insert into {table} ({columns}) values ({places}) on conflict (account, key) do nothing"  # noqa: S608 - names of ours only
    await connection.execute(query, *values.values())


async def intent_by_key(connection: Connection, *, account: str, key: str) -> Intent | None:
    row = await connection.fetchrow(
        "select *, now() as now_at from sandbox.intents where account = $1 and key = $2 for update", account, key
    )
    return row_to(Intent, row) if row is not None else None


async def lock_intent(connection: Connection, *, account: str, intent_id: str) -> Intent | None:
    row = await connection.fetchrow(
        "select *, clock_timestamp() as now_at from sandbox.intents where id = $2 and account = $1 for update",
        account,
        intent_id,
    )
    return row_to(Intent, row) if row is not None else None


async def lock_intent_by_token(connection: Connection, token: str) -> Intent | None:
    row = await connection.fetchrow(
        "select *, clock_timestamp() as now_at from sandbox.intents where token = $1 for update", token
    )
    return row_to(Intent, row) if row is not None else None


async def lock_due_intents(connection: Connection, *, limit: int) -> list[Intent]:
    """Late payments whose time has come."""
    rows = await connection.fetch(
        "select *, clock_timestamp() as now_at from sandbox.intents where state = 'processing' and settles_at <= now()"
        " order by settles_at limit $1 for update skip locked",
        limit,
    )
    return rows_to(Intent, rows)


async def end_waiting(connection: Connection) -> None:
    await connection.execute(
        "update sandbox.intents set settles_at = now() where state = 'processing' and settles_at > now()"
    )


async def change_intent(connection: Connection, intent_id: str, values: dict[str, object]) -> None:
    """Set columns. Keys of `values` are column names of ours, never input."""
    parts = ", ".join(f"{name} = ${place}" for place, name in enumerate(values, start=2))
    query = f"update sandbox.intents set {parts} where id = $1"  # noqa: S608 - names of ours only
    await connection.execute(query, intent_id, *values.values())


async def setup_by_key(connection: Connection, *, account: str, key: str) -> Setup | None:
    row = await connection.fetchrow(
        "select *, clock_timestamp() as now_at from sandbox.setups where account = $1 and key = $2", account, key
    )
    return row_to(Setup, row) if row is not None else None


async def find_setup(connection: Connection, *, account: str, setup_id: str) -> Setup | None:
    row = await connection.fetchrow(
        "select *, clock_timestamp() as now_at from sandbox.setups where id = $2 and account = $1", account, setup_id
    )
    return row_to(Setup, row) if row is not None else None


async def lock_setup_by_token(connection: Connection, token: str) -> Setup | None:
    row = await connection.fetchrow(
        "select *, clock_timestamp() as now_at from sandbox.setups where token = $1 for update", token
    )
    return row_to(Setup, row) if row is not None else None


async def finish_setup(connection: Connection, setup_id: str, *, state: str, method_id: str | None) -> None:
    await connection.execute(
        "update sandbox.setups set state = $2, method_id = $3 where id = $1", setup_id, state, method_id
    )


async def insert_method(
    connection: Connection, *, method_id: str, account: str, customer: str, card: Card, saved: bool
) -> None:
    await connection.execute(
        "insert into sandbox.methods (id, account, customer, weather, brand, last4, expires_month, expires_year,"
        " fingerprint, saved) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        method_id,
        account,
        customer,
        card.weather,
        card.brand,
        card.last4,
        card.expires_month,
        card.expires_year,
        card.fingerprint,
        saved,
    )


async def find_method(connection: Connection, *, account: str, method_id: str) -> Method | None:
    row = await connection.fetchrow("select * from sandbox.methods where id = $2 and account = $1", account, method_id)
    return row_to(Method, row) if row is not None else None


async def count_charge(connection: Connection, method_id: str, *, saved: bool) -> None:
    await connection.execute(
        "update sandbox.methods set charges = charges + 1, saved = saved or $2 where id = $1", method_id, saved
    )


async def detach_method(connection: Connection, *, account: str, method_id: str) -> None:
    await connection.execute(
        "update sandbox.methods set detached_at = coalesce(detached_at, now()) where id = $2 and account = $1",
        account,
        method_id,
    )


async def insert_refund(
    connection: Connection, *, refund_id: str, account: str, key: str, intent_id: str, amount: Decimal
) -> None:
    await connection.execute(
        "insert into sandbox.refunds (id, account, key, intent_id, amount) values ($1, $2, $3, $4, $5)",
        refund_id,
        account,
        key,
        intent_id,
        amount,
    )
    await connection.execute("update sandbox.intents set refunded = refunded + $2 where id = $1", intent_id, amount)


async def refund_by_key(connection: Connection, *, account: str, key: str) -> tuple[str, str, Decimal] | None:
    """Its id, its intent's id and its amount."""
    row = await connection.fetchrow(
        "select id, intent_id, amount from sandbox.refunds where account = $1 and key = $2", account, key
    )
    return cast("tuple[str, str, Decimal]", tuple(row)) if row is not None else None


async def insert_event(connection: Connection, *, event_id: str, account: str, object_id: str, kind: str) -> None:
    await connection.execute(
        "insert into sandbox.events (id, account, object_id, kind) values ($1, $2, $3, $4)",
        event_id,
        account,
        object_id,
        kind,
    )


async def claim_events(connection: Connection, *, limit: int, lease_seconds: int) -> list[DueEvent]:
    """Take events whose delivery is due, for as long as the lease lasts."""
    rows = await connection.fetch(
        "update sandbox.events set due_at = now() + make_interval(secs => $2), tries = tries + 1 where id in"
        " (select id from sandbox.events where due_at <= now() order by due_at limit $1 for update skip locked)"
        " returning id, account, object_id, kind, created_at, tries",
        limit,
        lease_seconds,
    )
    return sorted(rows_to(DueEvent, rows), key=lambda event: event.id)


async def finish_event(connection: Connection, event_id: str, *, delivered: bool, again_in_seconds: int | None) -> None:
    """Not due again when `again_in_seconds` is None: delivered, or given up."""
    await connection.execute(
        "update sandbox.events set due_at = now() + make_interval(secs => $2::int),"
        " delivered_at = case when $3 then now() end where id = $1",
        event_id,
        again_in_seconds,
        delivered,
    )
