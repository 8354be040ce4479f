"""Writing the outbox, in the transaction that the events tell of (law 15)."""

from collections import Counter
from collections.abc import Sequence

import msgspec

from replenish.core import ids
from replenish.core.ids import CustomerId
from replenish.core.rows import value
from replenish.core.transaction import Tx
from replenish.notifications.model import NewEvent


async def emit(tx: Tx, events: Sequence[NewEvent]) -> None:
    """Store events. The last write of a flow: it takes each customer's number, and holds that row until the commit."""
    if not events:
        return
    counts = Counter(event.customer_id for event in events)
    customers = sorted(counts)
    rows = await tx.fetch(
        "insert into customer_events_last (customer_id, number)"
        " select * from unnest($1::uuid[], $2::bigint[]) order by 1"
        " on conflict (customer_id) do update set number = customer_events_last.number + excluded.number"
        " returning customer_id, number",
        customers,
        [counts[customer] for customer in customers],
    )
    last = {value(row, "customer_id", object): value(row, "number", int) for row in rows}
    numbers: list[int] = []
    seen: Counter[CustomerId] = Counter()
    for event in events:
        seen[event.customer_id] += 1
        numbers.append(last[event.customer_id] - counts[event.customer_id] + seen[event.customer_id])
    await tx.execute(
        "insert into events (customer_id, id, workspace_id, number, type, object_type, object_id, data, created_at)"
        " select customer_id, id, workspace_id, number, type, object_type, object_id, data::jsonb, clock_timestamp()"
        " from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::text[], $6::text[], $7::uuid[], $8::text[])"
        " as u (customer_id, id, workspace_id, number, type, object_type, object_id, data)",
        [event.customer_id for event in events],
        [ids.EVENT.new() for _ in events],
        [event.workspace_id for event in events],
        numbers,
        [event.type for event in events],
        [event.object_type for event in events],
        [event.object_id for event in events],
        [msgspec.json.encode(event.data).decode() for event in events],
    )
