"""Deciding the periods of a grant schedule, under its wallet's lock: what the worker and every change of one share."""

from datetime import datetime
from typing import Final, Literal

import msgspec

from replenish.catalog.model import expiry
from replenish.core import ids
from replenish.core.money import NO_CREDITS, Credits
from replenish.core.times import written
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
LIMIT: Final = 200

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
        carrying = policy.to_carry_into(schedule)
        if carrying is not None:
            events += await _carry(tx, book=book, schedule=schedule, number=carrying)
            schedule = msgspec.structs.replace(schedule, carried_number=carrying)
            continue
        if not exists(schedule, schedule.next_number):
            schedule = msgspec.structs.replace(schedule, state="ended", ended_at=at, paused_at=None)
            events.append(schedule_event(schedule, "ended", now=book.now))
            break
        events.append(await _decide(tx, book=book, schedule=schedule))
        schedule = msgspec.structs.replace(schedule, next_number=schedule.next_number + 1)
        if schedule.rollover_amount_max is None:
            schedule = msgspec.structs.replace(schedule, carried_number=schedule.next_number - 1)
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
        created_at=book.now,
    )
    match decided:
        case Skip(reason=reason):
            period = msgspec.structs.replace(period, reason=reason)
            event = _skipped(period)
        case Grant() as grant:
            lot_id = book.grant(_lot_of(schedule, grant, starts_at, name=schedule.name))
            period = msgspec.structs.replace(period, state="granted", amount=grant.amount, lot_id=lot_id)
            event = granted(book, book.lots[lot_id])
    await schedules.add_period(tx, period=period)
    return event


def _lot_of(schedule: Schedule, grant: Grant, starts_at: datetime, *, name: str) -> NewLot:
    return NewLot(
        amount=grant.amount,
        category=schedule.category,
        source="schedule",
        source_id=schedule.id,
        priority=schedule.priority,
        name=name,
        effective_at=starts_at,
        expires_at=grant.expires_at,
        scope=tuple(schedule.scope),
        metadata=schedule.metadata,
    )


def _own(book: Book, schedule: Schedule) -> Credits:
    """What can be spent of this schedule's own lots now; nobody else's count, so that no bought credits stand in for them."""
    own = [lot.free for lot in book.lots.values() if lot.source == "schedule" and lot.source_id == schedule.id]
    return sum(own, start=NO_CREDITS)


async def _carry(tx: Tx, *, book: Book, schedule: Schedule, number: int) -> list[NewEvent]:
    """Give what was left of the period before a lot of its own in this one, which has begun."""
    period = await queries.period(tx, schedule=schedule, number=number)
    if period is None:
        raise RuntimeError(f"period {number} of grant schedule {schedule.id} is decided and has no row")
    if period.state == "skipped":
        return []
    left = await _left(tx, book=book, schedule=schedule, number=number - 1)
    carried = policy.carry(schedule, left=left, ends_at=period.ends_at, now=book.now)
    if not carried:
        return []
    name = f"{schedule.name} (carried over)" if schedule.name else "Carried over"
    lot_id = book.grant(_lot_of(schedule, Grant(carried, period.ends_at), period.starts_at, name=name))
    period = msgspec.structs.replace(period, carried_amount=carried, carried_lot_id=lot_id)
    await schedules.carry_into(tx, period=period)
    return [granted(book, book.lots[lot_id])]


async def _left(tx: Tx, *, book: Book, schedule: Schedule, number: int) -> Credits:
    """What lapsed of a period's lots at its end. Nothing of one that was skipped, nor of a lot that was taken back."""
    period = await queries.period(tx, schedule=schedule, number=number)
    named = [] if period is None else [each for each in (period.lot_id, period.carried_lot_id) if each is not None]
    lots = await wallets.load_lots(tx, book, lot_ids=named)
    lapsed = [await wallets.lapsed_of(tx, book, lot=lot) for lot in lots if lot.voided_at is None]
    return sum(lapsed, start=NO_CREDITS)


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
    carried = min(schedule.carried_number, last.number - 1)
    return msgspec.structs.replace(schedule, next_number=last.number, carried_number=carried), [event]


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
            "next_grant_at": None if coming is None else written(coming),
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
            "starts_at": written(period.starts_at),
            "ends_at": written(period.ends_at),
            "reason": period.reason,
        },
    )
