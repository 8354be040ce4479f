"""Deciding the periods of a grant schedule, under its wallet's lock: what the worker and every change of one share."""

from datetime import datetime
from typing import Final, Literal

import msgspec

from replenish.catalog.model import expiry
from replenish.core import ids
from replenish.core.money import NO_CREDITS, Credits
from replenish.core.transaction import Tx
from replenish.flows.grant_credits import granted, voided
from replenish.notifications.model import NewEvent
from replenish.schedules import operations as schedules
from replenish.schedules import policy, queries
from replenish.schedules.model import Period, Schedule
from replenish.schedules.periods import exists, next_start, start_of
from replenish.schedules.policy import Grant, Skip
from replenish.wallets import operations as wallets
from replenish.wallets.book import Book, NewLot

# After a long downtime, or a test clock moved by centuries: no transaction holds a wallet for longer than this many periods.
LIMIT: Final = 100

ScheduleVerb = Literal["created", "changed", "paused", "resumed", "cancelled", "ended"]


async def decide_periods(tx: Tx, *, book: Book, schedule: Schedule) -> tuple[Schedule, list[NewEvent]]:
    """Decide what is to be decided by the wallet's now, and record it. The caller saves book and schedule, and emits.

    After `LIMIT` periods the schedule is returned as still due.
    """
    events: list[NewEvent] = []
    for _ in range(LIMIT):
        at = policy.decided_at(schedule)
        if at is None or at > book.now:
            break
        if not exists(schedule, schedule.next_number):
            schedule = msgspec.structs.replace(schedule, state="ended", ended_at=at, paused_at=None)
            events.append(schedule_event(schedule, "ended", now=book.now))
            break
        events.append(await _decide(tx, book=book, schedule=schedule))
        schedule = msgspec.structs.replace(schedule, next_number=schedule.next_number + 1)
    return msgspec.structs.replace(schedule, due_at=policy.decided_at(schedule)), events


async def _decide(tx: Tx, *, book: Book, schedule: Schedule) -> NewEvent:
    """One period: its lot and its row, or the row that says why there is no lot."""
    number = schedule.next_number
    starts_at, ends_at = start_of(schedule, number), start_of(schedule, number + 1)
    expires_at = ends_at
    if schedule.valid_duration_value is not None:
        expires_at = expiry(starts_at, value=schedule.valid_duration_value, unit=schedule.valid_duration_unit)
    decided = policy.decide(
        schedule,
        expires_at=expires_at,
        own=_own(book, schedule),
        left=await _left(tx, book=book, schedule=schedule),
        now=book.now,
    )
    period = Period(
        customer_id=schedule.customer_id,
        id=ids.GRANT_PERIOD.new(),
        workspace_id=schedule.workspace_id,
        schedule_id=schedule.id,
        number=number,
        starts_at=starts_at,
        ends_at=ends_at,
        state="skipped",
        amount=NO_CREDITS,
        carried_amount=NO_CREDITS,
        created_at=book.now,
    )
    match decided:
        case Skip(reason=reason):
            period = msgspec.structs.replace(period, reason=reason)
            event = _skipped(period)
        case Grant() as grant:
            lot_id = book.grant(_lot_of(schedule, grant, starts_at))
            period = msgspec.structs.replace(
                period, state="granted", amount=grant.amount, carried_amount=grant.carried_amount, lot_id=lot_id
            )
            event = granted(book, book.lots[lot_id])
    await schedules.add_period(tx, period=period)
    return event


def _lot_of(schedule: Schedule, grant: Grant, starts_at: datetime) -> NewLot:
    return NewLot(
        amount=grant.amount + grant.carried_amount,
        category=schedule.category,
        source="schedule",
        source_id=schedule.id,
        priority=schedule.priority,
        name=schedule.name,
        effective_at=starts_at,
        expires_at=grant.expires_at,
        scope=tuple(schedule.scope),
        metadata=schedule.metadata,
    )


def _own(book: Book, schedule: Schedule) -> Credits:
    """What can be spent of this schedule's own lots now; nobody else's count, so that no bought credits stand in for them."""
    own = [lot.free for lot in book.lots.values() if lot.source == "schedule" and lot.source_id == schedule.id]
    return sum(own, start=NO_CREDITS)


async def _left(tx: Tx, *, book: Book, schedule: Schedule) -> Credits:
    """What lapsed of the period before at its end. Nothing of one that was skipped, nor of a lot that was taken back."""
    if schedule.rollover_amount_max is None or schedule.next_number == 1:
        return NO_CREDITS
    before = await queries.period(tx, schedule=schedule, number=schedule.next_number - 1)
    if before is None or before.lot_id is None:
        return NO_CREDITS
    (lot,) = await wallets.load_lots(tx, book, lot_ids=[before.lot_id])
    return NO_CREDITS if lot.voided_at is not None else await wallets.lapsed_of(tx, book, lot=lot)


async def call_off_ahead(tx: Tx, *, book: Book, schedule: Schedule) -> tuple[Schedule, list[NewEvent]]:
    """Take back a period that was granted ahead of its start, so that what changes now holds for it, too.

    Not one whose grant was voided by hand meanwhile: that was somebody's decision about this period.
    """
    last = await queries.period(tx, schedule=schedule, number=schedule.next_number - 1)
    if last is None or last.lot_id is None or last.starts_at <= book.now:
        return schedule, []
    (lot,) = await wallets.load_lots(tx, book, lot_ids=[last.lot_id])
    if lot.voided_at is not None:
        return schedule, []
    event = voided(book, lot, book.void(lot))
    await schedules.forget_period(tx, period=last)
    return msgspec.structs.replace(schedule, next_number=last.number), [event]


def schedule_event(schedule: Schedule, verb: ScheduleVerb, *, now: datetime) -> NewEvent:
    """`grant_schedule.created` and its like. `next_grant_at`: None when no credits are to come as it stands."""
    coming = next_start(schedule, now=now)
    return NewEvent(
        workspace_id=schedule.workspace_id,
        customer_id=schedule.customer_id,
        type=f"grant_schedule.{verb}",
        object_type="grant_schedule",
        object_id=schedule.id,
        data={
            "grant_schedule": ids.GRANT_SCHEDULE.text(schedule.id),
            "wallet": ids.WALLET.text(schedule.wallet_id),
            "name": schedule.name,
            "state": schedule.state,
            "amount": None if schedule.amount is None else str(schedule.amount),
            "target": None if schedule.target is None else str(schedule.target),
            "next_grant_at": None if coming is None else coming.isoformat(),
        },
    )


def _skipped(period: Period) -> NewEvent:
    return NewEvent(
        workspace_id=period.workspace_id,
        customer_id=period.customer_id,
        type="grant_schedule.skipped",
        object_type="grant_schedule",
        object_id=period.schedule_id,
        data={
            "grant_schedule": ids.GRANT_SCHEDULE.text(period.schedule_id),
            "number": period.number,
            "starts_at": period.starts_at.isoformat(),
            "ends_at": period.ends_at.isoformat(),
            "reason": period.reason,
        },
    )
