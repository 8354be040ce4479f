"""SQL of meters."""

from collections.abc import Sequence
from uuid import UUID

from asyncpg import Record

from replenish.catalog.model import Meter
from replenish.core.db import Reads
from replenish.core.ids import CurrencyId, MeterId, WorkspaceId
from replenish.core.transaction import Tx


async def insert_meter(tx: Tx, meter: Meter) -> Record | None:
    return await tx.fetchrow(
        "insert into meters (id, workspace_id, name, event_name, lookup_key, aggregation, unit, description, status,"
        " currency_id, credits_per_unit, metadata, created_at, rate, rate_card, unmatched)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) on conflict do nothing returning id",
        meter.id,
        meter.workspace_id,
        meter.name,
        meter.event_name,
        meter.lookup_key,
        meter.aggregation,
        meter.unit,
        meter.description,
        meter.status,
        meter.currency_id,
        meter.credits_per_unit,
        meter.metadata,
        meter.created_at,
        meter.rate,
        meter.rate_card.entries,
        meter.unmatched,
    )


async def meter(db: Reads, workspace_id: WorkspaceId, meter_id: MeterId) -> Record | None:
    return await db.fetchrow("select * from meters where workspace_id = $1 and id = $2", workspace_id, meter_id)


async def meters_by_id(db: Reads, workspace_id: WorkspaceId, ids: Sequence[MeterId]) -> Sequence[Record]:
    return await db.fetch("select * from meters where workspace_id = $1 and id = any($2)", workspace_id, list(ids))


async def meters_by_event_name(
    db: Reads, workspace_ids: Sequence[WorkspaceId], event_names: Sequence[str]
) -> Sequence[Record]:
    return await db.fetch(
        "select m.* from meters m join (select distinct * from unnest($1::uuid[], $2::text[]) as n (w, e)) n"
        " on m.workspace_id = n.w and m.event_name = n.e",
        list(workspace_ids),
        list(event_names),
    )


async def meter_by_key(db: Reads, workspace_id: WorkspaceId, key: str) -> Record | None:
    return await db.fetchrow(
        "select * from meters where workspace_id = $1 and (event_name = $2 or lookup_key = $2)"
        " order by event_name = $2 desc limit 1",
        workspace_id,
        key,
    )


async def meters(
    db: Reads,
    workspace_id: WorkspaceId,
    currency_id: CurrencyId | None,
    status: str | None,
    before: UUID | None,
    limit: int,
) -> Sequence[Record]:
    return await db.fetch(
        "select * from meters where workspace_id = $1 and ($2::uuid is null or currency_id = $2)"
        " and ($3::text is null or status = $3) and ($4::uuid is null or id < $4) order by id desc limit $5",
        workspace_id,
        currency_id,
        status,
        before,
        limit,
    )


async def lock_meter(tx: Tx, workspace_id: WorkspaceId, meter_id: MeterId) -> Record | None:
    return await tx.fetchrow(
        "select * from meters where workspace_id = $1 and id = $2 for update", workspace_id, meter_id
    )


async def update_meter(tx: Tx, meter: Meter) -> None:
    await tx.execute(
        "update meters set name = $3, unit = $4, description = $5, status = $6, credits_per_unit = $7, metadata = $8,"
        " rate = $9, rate_card = $10, unmatched = $11 where workspace_id = $1 and id = $2",
        meter.workspace_id,
        meter.id,
        meter.name,
        meter.unit,
        meter.description,
        meter.status,
        meter.credits_per_unit,
        meter.metadata,
        meter.rate,
        meter.rate_card.entries,
        meter.unmatched,
    )
