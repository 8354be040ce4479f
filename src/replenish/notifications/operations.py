"""Writing the outbox, in the transaction that the events tell of (law 15)."""

from collections import Counter
from collections.abc import Sequence

from replenish.core.ids import CustomerId
from replenish.core.transaction import Tx
from replenish.notifications import store
from replenish.notifications.model import NewEvent


async def emit(tx: Tx, events: Sequence[NewEvent]) -> None:
    """Store events. The last write of a flow: it takes each customer's number, and holds that row until the commit."""
    if not events:
        return
    counts = Counter(event.customer_id for event in events)
    last = await store.take_numbers(tx, counts)
    numbers: list[int] = []
    seen: Counter[CustomerId] = Counter()
    for event in events:
        seen[event.customer_id] += 1
        numbers.append(last[event.customer_id] - counts[event.customer_id] + seen[event.customer_id])
    await store.insert(tx, events, numbers=numbers)
