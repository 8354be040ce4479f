"""Grant periods: what became of a grant schedule's periods."""

from replenish.api.v1.call import Call
from replenish.api.v1.routing import reads
from replenish.api.v1.wire import Cursor, Limit, Page, Shown, Time, before, page, path_id
from replenish.core.ids import GRANT_PERIOD, GRANT_SCHEDULE, LOT
from replenish.schedules import queries
from replenish.schedules.model import Period, PeriodState, SkipReason


class GrantPeriodView(Shown):
    """`granted` as a credit grant of `amount`, or `skipped`. What was carried over is a credit grant of its own.

    `reason` of a skipped one: `missed` (its credits would have ended already), `paused`, `full` (nothing was below the
    target).
    """

    id: str
    grant_schedule_id: str
    number: int
    starts_at: Time
    ends_at: Time
    state: PeriodState
    reason: SkipReason | None
    amount: str
    carried_amount: str
    credit_grant_id: str | None
    carried_credit_grant_id: str | None
    created_at: Time


def _show_period(period: Period) -> GrantPeriodView:
    return GrantPeriodView(
        id=GRANT_PERIOD.text(period.id),
        grant_schedule_id=GRANT_SCHEDULE.text(period.schedule_id),
        number=period.number,
        starts_at=period.starts_at,
        ends_at=period.ends_at,
        state=period.state,
        reason=period.reason,
        amount=str(period.amount),
        carried_amount=str(period.carried_amount),
        credit_grant_id=None if period.lot_id is None else LOT.text(period.lot_id),
        carried_credit_grant_id=None if period.carried_lot_id is None else LOT.text(period.carried_lot_id),
        created_at=period.created_at,
    )


@reads("/grant_schedules/{grant_schedule_id:str}/periods")
async def list_grant_periods(
    grant_schedule_id: str, call: Call, limit: Limit = 20, cursor: Cursor | None = None
) -> Page[GrantPeriodView]:
    """List what became of a schedule's periods, the latest first. One that is granted ahead is there before it starts."""
    schedule = await queries.schedule(
        call.db,
        workspace_id=call.workspace_id,
        schedule_id=path_id(GRANT_SCHEDULE, grant_schedule_id, "grant schedule"),
    )
    rows = await queries.periods(call.db, schedule=schedule, before=before(cursor), limit=limit + 1)
    return page(rows, limit=limit, show=_show_period, id_of=lambda row: row.id)


routes = [list_grant_periods]
