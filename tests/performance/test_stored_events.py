"""The benchmark's stored events are what debits leave behind: otherwise it measures another product."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from decimal import Decimal

import asyncpg
import pytest
from bench.shop import Shop
from bench.stored import BATCH, RELATIONS, open_stored, sizes

from replenish.core.db import Database, connect
from replenish.flows.record_usage import NewUsage, Recorded, Refused, record_usage
from replenish.reports.verify import verify

pytestmark = pytest.mark.anyio
EVENTS = 20_000
WALLETS = 300


@pytest.fixture
async def shop(server_url: str) -> AsyncIterator[Shop]:
    name = f"replenish_test_{secrets.token_hex(8)}"
    yield await open_stored(server_url, name, events=EVENTS, wallets=WALLETS)
    connection = await asyncpg.connect(server_url)
    await connection.execute(f'drop database "{name}" with (force)')
    await connection.close()


@pytest.fixture
async def stored(shop: Shop) -> AsyncIterator[Database]:
    db = await connect(shop.url, size_max=2)
    yield db
    await db.close()


async def test_law_02_stored_events_are_in_the_books(stored: Database) -> None:
    verdict = await verify(stored)
    assert verdict.clean, verdict.differences
    (counts,) = await stored.fetch(
        "select count(*) as events, count(distinct wallet_id) as wallets, count(distinct batch_id) as batches,"
        " count(distinct recorded_at) as times, count(distinct tableoid) as months, max(line) as line from usage_events"
    )
    assert counts["events"] == EVENTS
    assert counts["wallets"] == WALLETS
    assert counts["batches"] == counts["times"] == EVENTS // BATCH
    assert counts["months"] >= 2
    assert counts["line"] > EVENTS / WALLETS
    assert await stored.fetchval("select count(*) from transfers where kind = 'usage'") == await stored.fetchval(
        "select count(*) from (select distinct batch_id, wallet_id from usage_events) t"
    )


async def test_law_07_debits_go_on_from_stored_events(shop: Shop, stored: Database) -> None:
    """A key that was stored is known, with what it was used for; the next line follows the last."""
    (old,) = await stored.fetch("select * from usage_events order by id limit 1")

    def event(key: str, value: Decimal) -> NewUsage:
        return NewUsage(
            workspace_id=shop.workspace_id,
            customer_id=old["customer_id"],
            currency=shop.currency,
            meter=shop.meter,
            key=key,
            value=value,
        )

    events = [event(old["key"], old["value"]), event(old["key"], old["value"] + 1), event("new", Decimal(1))]
    again, other, new = await record_usage(stored, events=events)
    assert isinstance(again, Recorded)
    assert again.replayed
    assert again.event.id == old["id"]
    assert isinstance(other, Refused)
    assert isinstance(new, Recorded)
    verdict = await verify(stored)
    assert verdict.clean, verdict.differences


async def test_each_relation_has_its_size_in_all_its_partitions(shop: Shop, stored: Database) -> None:
    found = {size.relation: size for size in await sizes(shop.url)}
    assert tuple(found) == RELATIONS
    assert found["usage_events"].rows == found["usage_keys"].rows == EVENTS
    assert list(found["usage_events"].indexes) == ["customer_id, recorded_at, id", "id"]
    for relation, size in found.items():
        whole = await stored.fetchval(
            "select sum(pg_total_relation_size(oid)) from pg_class where relkind = 'r' and relname ~ $1", f"^{relation}"
        )
        assert size.total == whole, relation
