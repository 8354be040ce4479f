"""Making grant schedules, changing, pausing, resuming and cancelling them.

Each write first decides the periods that are due, under the terms that stood when they began; then takes back one that was
granted ahead of its start; then changes; then decides again.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, cast

import msgspec
from msgspec import UNSET, UnsetType

from replenish.access import operations as access
from replenish.access import queries as workspaces
from replenish.access.model import RequestKey
from replenish.audit import operations as audit
from replenish.audit.model import Actor, Change
from replenish.core.db import Database
from replenish.core.errors import Invalid, Unavailable
from replenish.core.ids import GRANT_SCHEDULE, GrantScheduleId, WalletId, WorkspaceId
from replenish.core.metadata import Metadata, clean_metadata
from replenish.core.money import Credits
from replenish.core.text import clean_text
from replenish.core.transaction import Tx, transaction
from replenish.customers import queries as customers
from replenish.flows._schedule_parts import ScheduleVerb, call_off_ahead, decide_periods, schedule_event
from replenish.notifications import operations as notifications
from replenish.notifications.model import NewEvent
from replenish.schedules import operations as schedules
from replenish.schedules import queries
from replenish.schedules.model import Draft, Schedule, ScheduleOver
from replenish.schedules.policy import check, check_end, check_positive, check_rollover
from replenish.wallets import operations as wallets
from replenish.wallets import queries as wallet_queries
from replenish.wallets.book import Book
from replenish.wallets.model import WalletRef

_CREATED: Final = 201
_OK: Final = 200


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What may change of a running schedule. None takes an end or a rollover away."""

    name: str | UnsetType = UNSET
    amount: Credits | UnsetType = UNSET
    target: Credits | UnsetType = UNSET
    rollover_amount_max: Credits | UnsetType | None = UNSET
    priority: int | UnsetType = UNSET
    ends_at: datetime | UnsetType | None = UNSET
    periods_max: int | UnsetType | None = UNSET
    metadata: Metadata | UnsetType = UNSET


async def create_schedule(
    *, db: Database, ref: WalletRef, draft: Draft, request_key: RequestKey | None = None
) -> tuple[GrantScheduleId, bool]:
    """Make a schedule; a period that has begun is granted at once. Returns its id and whether this was a replay (law 7).

    Its calendar is in the workspace's time zone of today, for good. Raises Invalid, NotFound, Conflict.
    """
    schedule_id = GRANT_SCHEDULE.new()
    async with transaction(db) as tx:
        book = (await wallets.open_books(tx, refs=[ref]))[ref]
        first = await access.claim_request_key(tx, request_key, schedule_id, _CREATED)
        if first is not None:
            return GrantScheduleId(first), True
        check(draft, now=book.now)
        zone = (await workspaces.workspace(tx, workspace_id=ref.workspace_id)).time_zone
        made = _drawn_up(draft, schedule_id=schedule_id, ref=ref, wallet_id=book.wallet.id, zone=zone, now=book.now)
        schedule, decided = await decide_periods(tx, book=book, schedule=made)
        await _save(tx, book, schedule, [schedule_event(schedule, "created", now=book.now), *decided])
        return schedule_id, False


def _drawn_up(
    draft: Draft, *, schedule_id: GrantScheduleId, ref: WalletRef, wallet_id: WalletId, zone: str, now: datetime
) -> Schedule:
    return Schedule(
        customer_id=ref.customer_id,
        id=schedule_id,
        workspace_id=ref.workspace_id,
        wallet_id=wallet_id,
        name=draft.name,
        state="active",
        cadence=draft.cadence,
        every=draft.every,
        time_zone=zone,
        starts_at=now if draft.starts_at is None else draft.starts_at.astimezone(UTC),
        ends_at=draft.ends_at,
        periods_max=draft.periods_max,
        amount=draft.amount,
        target=draft.target,
        valid_duration_value=draft.valid_duration_value,
        valid_duration_unit=draft.valid_duration_unit,
        rollover_amount_max=draft.rollover_amount_max,
        category=draft.category,
        priority=draft.priority,
        scope=list(dict.fromkeys(draft.scope)),
        metadata=draft.metadata,
        created_at=now,
        updated_at=now,
    )


async def change_schedule(
    *, db: Database, workspace_id: WorkspaceId, schedule_id: GrantScheduleId, changes: Changes
) -> None:
    """Change what is to come: what has been granted of a period that has begun stays. Raises Invalid, NotFound, ScheduleOver."""

    def change(schedule: Schedule, _: datetime) -> Schedule:
        _refuse_when_over(schedule)
        if not isinstance(changes.amount, UnsetType) and schedule.amount is None:
            raise Invalid("amount", "this schedule lifts to a target")
        if not isinstance(changes.target, UnsetType) and schedule.target is None:
            raise Invalid("target", "this schedule grants an amount")
        fields = cast("dict[str, object]", msgspec.structs.asdict(changes))
        given = {name: each for name, each in fields.items() if each is not UNSET}
        changed = msgspec.structs.replace(schedule, **given)
        clean_text(changed.name, field="name", longest=255)
        clean_metadata(changed.metadata)
        check_positive(changed.amount, field="amount")
        check_positive(changed.target, field="target")
        check_positive(changed.rollover_amount_max, field="rollover_amount_max")
        check_rollover(changed)
        check_end(changed, starts_at=changed.starts_at)
        return changed

    await _write(db, workspace_id, schedule_id, "changed", change, None)


async def pause_schedule(
    *,
    db: Database,
    workspace_id: WorkspaceId,
    schedule_id: GrantScheduleId,
    request_key: RequestKey | None = None,
    actor: Actor | None = None,
) -> None:
    """Periods that begin during the pause are skipped. Paused already: stays so. `actor`: the operator, for the audit.

    Raises NotFound, ScheduleOver.
    """

    def pause(schedule: Schedule, now: datetime) -> Schedule:
        _refuse_when_over(schedule)
        if schedule.state == "paused":
            return schedule
        return msgspec.structs.replace(schedule, state="paused", paused_at=now)

    await _write(db, workspace_id, schedule_id, "paused", pause, request_key, actor=actor)


async def resume_schedule(
    *,
    db: Database,
    workspace_id: WorkspaceId,
    schedule_id: GrantScheduleId,
    request_key: RequestKey | None = None,
    actor: Actor | None = None,
) -> None:
    """Go on with the next period that begins. Not paused: nothing changes. `actor`: the operator, for the audit.

    Raises NotFound, ScheduleOver.
    """

    def resume(schedule: Schedule, _: datetime) -> Schedule:
        _refuse_when_over(schedule)
        return msgspec.structs.replace(schedule, state="active", paused_at=None)

    await _write(db, workspace_id, schedule_id, "resumed", resume, request_key, actor=actor)


async def cancel_schedule(
    *,
    db: Database,
    workspace_id: WorkspaceId,
    schedule_id: GrantScheduleId,
    request_key: RequestKey | None = None,
) -> None:
    """For good. What was granted for the period that runs stays. Raises NotFound, ScheduleOver when it has ended."""

    def cancel(schedule: Schedule, now: datetime) -> Schedule:
        if schedule.state == "cancelled":
            return schedule
        _refuse_when_over(schedule)
        return msgspec.structs.replace(schedule, state="cancelled", paused_at=None, ended_at=now)

    await _write(db, workspace_id, schedule_id, "cancelled", cancel, request_key)


def _refuse_when_over(schedule: Schedule) -> None:
    if schedule.is_over:
        raise ScheduleOver(schedule)


async def _write(
    db: Database,
    workspace_id: WorkspaceId,
    schedule_id: GrantScheduleId,
    verb: ScheduleVerb,
    change: Callable[[Schedule, datetime], Schedule],
    request_key: RequestKey | None,
    *,
    actor: Actor | None = None,
) -> None:
    found = await queries.schedule(db, workspace_id=workspace_id, schedule_id=schedule_id)
    ref = await wallet_queries.ref_of(db, customer_id=found.customer_id, wallet_id=found.wallet_id)
    async with transaction(db) as tx:
        book = (await wallets.open_books(tx, refs=[ref]))[ref]
        if await access.claim_request_key(tx, request_key, schedule_id, _OK) is not None:
            return
        before = await schedules.lock_schedule(tx, customer_id=found.customer_id, schedule_id=schedule_id)
        before, events = await decide_periods(tx, book=book, schedule=before)
        if before.due_at is not None and before.due_at <= book.now:
            raise Unavailable("Many periods of this schedule are being decided; try again.")
        after = change(before, book.now)
        if after != before:
            called_off, told = await call_off_ahead(tx, book=book, schedule=before)
            after = msgspec.structs.replace(
                after,
                next_number=called_off.next_number,
                carried_number=called_off.carried_number,
                updated_at=book.now,
            )
            after, decided = await decide_periods(tx, book=book, schedule=after)
            events += [*told, schedule_event(after, verb, now=book.now), *decided]
            await _record(tx, before, after, verb, actor)
        await _save(tx, book, after, events)


async def _record(tx: Tx, before: Schedule, after: Schedule, verb: ScheduleVerb, actor: Actor | None) -> None:
    if actor is None:
        return
    customer = await customers.customer(tx, workspace_id=after.workspace_id, customer_id=after.customer_id)
    change = Change(
        action=f"grant_schedule.{verb}",
        object_type="customer",
        object_id=customer.id,
        object_name=customer.external_id,
        before={"schedule": before.name, "status": before.state},
        after={"schedule": after.name, "status": after.state},
    )
    await audit.record(tx, workspace_id=after.workspace_id, actor=actor, change=change)


async def _save(tx: Tx, book: Book, schedule: Schedule, events: list[NewEvent]) -> None:
    await schedules.save_schedule(tx, schedule=schedule)
    await wallets.save_books(tx, books=[book])
    await notifications.emit(tx, events)
