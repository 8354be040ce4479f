"""Reading grant schedules and their periods. Another workspace's or customer's is not found (law 16)."""

from uuid import UUID

from replenish.core.db import Reads
from replenish.core.errors import NotFound
from replenish.core.ids import CustomerId, GrantScheduleId, WorkspaceId
from replenish.schedules import store
from replenish.schedules.model import Period, Schedule


async def schedule(
    db: Reads, *, workspace_id: WorkspaceId, schedule_id: GrantScheduleId, customer_id: CustomerId | None = None
) -> Schedule:
    """Raises NotFound; with `customer_id` also when it is another customer's."""
    found = await store.schedule(db, workspace_id=workspace_id, schedule_id=schedule_id)
    if found is None or customer_id not in {None, found.customer_id}:
        raise NotFound("grant schedule")
    return found


async def schedules(
    db: Reads,
    *,
    workspace_id: WorkspaceId,
    customer_id: CustomerId | None = None,
    only_running: bool = False,
    before: GrantScheduleId | None = None,
    limit: int = 20,
) -> list[Schedule]:
    """Newest first; `only_running` leaves out what is cancelled or has ended. `before`: the last id of the page before."""
    return await store.schedules(
        db, workspace_id=workspace_id, customer_id=customer_id, only_running=only_running, before=before, limit=limit
    )


async def period(db: Reads, *, schedule: Schedule, number: int) -> Period | None:
    return await store.period(db, customer_id=schedule.customer_id, schedule_id=schedule.id, number=number)


async def periods(db: Reads, *, schedule: Schedule, before: UUID | None = None, limit: int = 20) -> list[Period]:
    """What became of its periods, the latest first."""
    return await store.periods(
        db, customer_id=schedule.customer_id, schedule_id=schedule.id, before=before, limit=limit
    )
