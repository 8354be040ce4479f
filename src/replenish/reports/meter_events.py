"""Usage events with what is still owed for them, and their sums over time."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

import msgspec

from replenish.core.db import Reads
from replenish.core.ids import CurrencyId, CustomerId, MeterId, UsageEventId, WorkspaceId
from replenish.core.money import Credits
from replenish.core.rows import rows_to

Granularity = Literal["minute", "hour", "day"]


class MeterEvent(msgspec.Struct, frozen=True, kw_only=True):
    """`pending` is what no grant has paid yet; it shrinks when credits arrive. `debit` is what it cost."""

    id: UsageEventId
    customer_id: CustomerId
    meter_id: MeterId | None
    currency_id: CurrencyId
    key: str
    value: Decimal
    debit: Credits
    pending: Credits
    reversed: bool
    occurred_at: datetime
    recorded_at: datetime
    properties: dict[str, object] | None


class Bucket(msgspec.Struct, frozen=True):
    """One minute, hour or day (in UTC) in which something was reported."""

    start: datetime
    events: int
    value: Decimal


_EVENTS = """
select e.id, e.customer_id, e.meter_id, w.currency_id, e.key, e.value, e.debit, coalesce(o.remaining, 0) as pending,
       exists (select from usage_reversals r where r.customer_id = e.customer_id and r.event_id = e.id) as reversed,
       e.occurred_at, e.recorded_at, e.properties
from usage_events e
join wallets w on w.customer_id = e.customer_id and w.id = e.wallet_id
left join lateral (
    select sum(i.remaining) as remaining from owed_items i
    where i.customer_id = e.customer_id and i.cause = 'usage' and i.cause_id = e.id and i.closed_at is null
) o on true
where e.workspace_id = $1 and e.id = any($2)
"""


async def meter_events(db: Reads, *, workspace_id: WorkspaceId, ids: Sequence[UUID]) -> dict[UUID, MeterEvent]:
    """Those of `ids` that this workspace has."""
    return {event.id: event for event in rows_to(MeterEvent, await db.fetch(_EVENTS, workspace_id, list(ids)))}


async def stats(
    db: Reads,
    *,
    workspace_id: WorkspaceId,
    meter_id: MeterId,
    start: datetime,
    end: datetime,
    granularity: Granularity,
    customer_id: CustomerId | None,
    limit: int = 10_000,
) -> list[Bucket]:
    """How many events and how much value, by when they happened, oldest first; reversed ones left out."""
    rows = await db.fetch(
        "select date_trunc($5, e.occurred_at, 'UTC') as start, count(*)::int as events, sum(e.value) as value"
        " from usage_events e where e.workspace_id = $1 and e.meter_id = $2 and e.occurred_at between $3 and $4"
        " and ($6::uuid is null or e.customer_id = $6)"
        " and not exists (select from usage_reversals r where r.customer_id = e.customer_id and r.event_id = e.id)"
        " group by 1 order by 1 limit $7",
        workspace_id,
        meter_id,
        start,
        end,
        granularity,
        customer_id,
        limit,
    )
    return rows_to(Bucket, rows)
