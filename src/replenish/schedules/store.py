"""SQL of grant schedules and their periods. Written under their wallet's lock, but for the lease."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from replenish.core.db import Reads
from replenish.core.ids import CustomerId, GrantPeriodId, GrantScheduleId, WorkspaceId
from replenish.core.rows import row_to, rows_to
from replenish.core.transaction import Tx
from replenish.schedules.model import Period, Schedule

_SAVE: Final = """
insert into grant_schedules (customer_id, id, workspace_id, wallet_id, name, state, cadence, every, time_zone, starts_at,
    ends_at, periods_max, amount, target, valid_duration_value, valid_duration_unit, rollover_amount_max, category,
    priority, scope, metadata, next_number, carried_number, due_at, paused_at, ended_at, created_at, updated_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24,
        $25, $26, $27, $28)
on conflict (customer_id, id) do update set
    name = excluded.name, state = excluded.state, ends_at = excluded.ends_at, periods_max = excluded.periods_max,
    amount = excluded.amount, target = excluded.target, rollover_amount_max = excluded.rollover_amount_max,
    priority = excluded.priority, metadata = excluded.metadata, next_number = excluded.next_number,
    carried_number = excluded.carried_number,
    due_at = excluded.due_at, leased_until = null, paused_at = excluded.paused_at, ended_at = excluded.ended_at,
    updated_at = excluded.updated_at
"""


async def save(tx: Tx, schedule: Schedule) -> None:
    """Whoever writes a schedule has looked at it: a lease on it is over."""
    await tx.execute(
        _SAVE,
        schedule.customer_id,
        schedule.id,
        schedule.workspace_id,
        schedule.wallet_id,
        schedule.name,
        schedule.state,
        schedule.cadence,
        schedule.every,
        schedule.time_zone,
        schedule.starts_at,
        schedule.ends_at,
        schedule.periods_max,
        None if schedule.amount is None else schedule.amount.value,
        None if schedule.target is None else schedule.target.value,
        schedule.valid_duration_value,
        schedule.valid_duration_unit,
        None if schedule.rollover_amount_max is None else schedule.rollover_amount_max.value,
        schedule.category,
        schedule.priority,
        list(schedule.scope),
        schedule.metadata,
        schedule.next_number,
        schedule.carried_number,
        schedule.due_at,
        schedule.paused_at,
        schedule.ended_at,
        schedule.created_at,
        schedule.updated_at,
    )


async def claim_due(tx: Tx, *, lease: timedelta, limit: int) -> list[Schedule]:
    """Take the leases of those that are due longest, by their workspaces' clocks; those of other workers are passed over."""
    rows = await tx.fetch(
        "update grant_schedules set leased_until = clock_timestamp() + $1::interval where (customer_id, id) in ("
        " select s.customer_id, s.id from workspaces join grant_schedules s on s.workspace_id = workspaces.id"
        " and s.due_at <= coalesce(workspaces.test_clock, clock_timestamp())"
        " where s.leased_until is null or s.leased_until <= clock_timestamp()"
        " order by s.due_at limit $2 for no key update of s skip locked) returning *",
        lease,
        limit,
    )
    return rows_to(Schedule, rows)


async def lock(tx: Tx, *, customer_id: CustomerId, schedule_id: GrantScheduleId) -> Schedule | None:
    row = await tx.fetchrow(
        "select * from grant_schedules where customer_id = $1 and id = $2 for no key update", customer_id, schedule_id
    )
    return None if row is None else row_to(Schedule, row)


async def schedule(db: Reads, *, workspace_id: WorkspaceId, schedule_id: GrantScheduleId) -> Schedule | None:
    row = await db.fetchrow(
        "select * from grant_schedules where workspace_id = $1 and id = $2", workspace_id, schedule_id
    )
    return None if row is None else row_to(Schedule, row)


async def schedules(
    db: Reads,
    *,
    workspace_id: WorkspaceId,
    customer_id: CustomerId | None,
    only_running: bool,
    before: GrantScheduleId | None,
    limit: int,
) -> list[Schedule]:
    rows = await db.fetch(
        "select * from grant_schedules where workspace_id = $1 and ($2::uuid is null or customer_id = $2)"
        " and (not $3 or ended_at is null) and ($4::uuid is null or id < $4) order by id desc limit $5",
        workspace_id,
        customer_id,
        only_running,
        before,
        limit,
    )
    return rows_to(Schedule, rows)


async def insert_period(tx: Tx, period: Period) -> None:
    await tx.execute(
        "insert into grant_periods (customer_id, id, workspace_id, schedule_id, number, starts_at, ends_at, state, reason,"
        " amount, lot_id, created_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        period.customer_id,
        period.id,
        period.workspace_id,
        period.schedule_id,
        period.number,
        period.starts_at,
        period.ends_at,
        period.state,
        period.reason,
        period.amount.value,
        period.lot_id,
        period.created_at,
    )


async def set_carried(tx: Tx, period: Period) -> int:
    return await tx.execute(
        "update grant_periods set carried_amount = $3, carried_lot_id = $4 where customer_id = $1 and id = $2",
        period.customer_id,
        period.id,
        period.carried_amount.value,
        period.carried_lot_id,
    )


async def delete_period(tx: Tx, *, customer_id: CustomerId, period_id: GrantPeriodId) -> int:
    return await tx.execute("delete from grant_periods where customer_id = $1 and id = $2", customer_id, period_id)


async def period(db: Reads, *, customer_id: CustomerId, schedule_id: GrantScheduleId, number: int) -> Period | None:
    row = await db.fetchrow(
        "select * from grant_periods where customer_id = $1 and schedule_id = $2 and number = $3",
        customer_id,
        schedule_id,
        number,
    )
    return None if row is None else row_to(Period, row)


async def periods(
    db: Reads, *, customer_id: CustomerId, schedule_id: GrantScheduleId, before: UUID | None, limit: int
) -> list[Period]:
    rows = await db.fetch(
        "select * from grant_periods where customer_id = $1 and schedule_id = $2 and ($3::uuid is null or id < $3)"
        " order by id desc limit $4",
        customer_id,
        schedule_id,
        before,
        limit,
    )
    return rows_to(Period, rows)
