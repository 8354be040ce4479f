"""Writing schedules and periods. Every caller holds the wallet's lock, but for the claim; the order is wallet, schedule."""

from datetime import timedelta
from typing import Final

from replenish.core.errors import NotFound
from replenish.core.ids import CustomerId, GrantScheduleId
from replenish.core.transaction import Tx
from replenish.schedules import store
from replenish.schedules.model import Period, Schedule

# How long one worker has to grant before another may try; also how long a schedule that fails is left alone.
LEASE: Final = timedelta(minutes=2)
# On the first of a month many are due at once: finding the next few costs as much as finding one.
BATCH: Final = 20


async def claim_due(tx: Tx) -> list[Schedule]:
    """Schedules whose next period is to be decided, leased to the caller; several workers at once get different ones.

    Commit, then lock the wallet of each, then `lock_schedule`: it may have been looked at meanwhile.
    """
    return await store.claim_due(tx, lease=LEASE, limit=BATCH)


async def lock_schedule(tx: Tx, *, customer_id: CustomerId, schedule_id: GrantScheduleId) -> Schedule:
    """Raises NotFound."""
    found = await store.lock(tx, customer_id=customer_id, schedule_id=schedule_id)
    if found is None:
        raise NotFound("grant schedule")
    return found


async def save_schedule(tx: Tx, *, schedule: Schedule) -> None:
    """Write it, new or changed, and end its lease."""
    await store.save(tx, schedule)


async def add_period(tx: Tx, *, period: Period) -> None:
    """Record what became of a period. One that is there already fails the transaction: it is granted once."""
    await store.insert_period(tx, period)


async def carry_into(tx: Tx, *, period: Period) -> None:
    """Record what was carried into a period."""
    if await store.set_carried(tx, period) != 1:
        raise RuntimeError(
            f"period {period.number} of grant schedule {period.schedule_id} is gone, though it was locked"
        )


async def forget_period(tx: Tx, *, period: Period) -> None:
    """Of a period that was granted ahead and is called off before it starts: it is to be decided again."""
    if await store.delete_period(tx, customer_id=period.customer_id, period_id=period.id) != 1:
        raise RuntimeError(
            f"period {period.number} of grant schedule {period.schedule_id} is gone, though it was locked"
        )
