"""Record usage: dedupe, rate, debit; a constant number of statements for a batch of any size.

Results are those of the sequential loop in arrival order: on 100 credits, [60, 60, 30] gives ok, 402, ok. The wallets whose
case is plain (nearly all of them, nearly always) are debited by one statement, which is its own commit; the others by the
books in memory, in a commit of theirs. All events of a wallet go one way. A database error fails a commit as a whole; its
events are then redone one at a time, so that a bad event fails alone.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import asyncpg
import structlog

from replenish.catalog.model import PaymentCurrency
from replenish.core import ids
from replenish.core.db import Database
from replenish.core.errors import Conflict, Invalid, Refusal, Unavailable
from replenish.core.ids import BatchId
from replenish.core.money import EXACT, ZERO, Credits, floor_to
from replenish.core.transaction import single_statement, transaction
from replenish.flows._budget_events import events_of_budgets
from replenish.flows._months import Months, open_months
from replenish.flows._plain_usage import plain_batch, recorded_plain
from replenish.flows._usage import NewUsage, Outcome, Recorded, Refused, charge_of, fingerprint, rating_of
from replenish.notifications import operations as notifications
from replenish.usage import operations as usage
from replenish.usage.model import FUTURE_MAX, PAST_MAX, UsageConflict, UsageEvent
from replenish.wallets import operations as wallets
from replenish.wallets.book import Book
from replenish.wallets.budget import BudgetExceeded, Use
from replenish.wallets.model import Hold, Shortfall, WalletRef

__all__ = [
    "NewUsage",
    "Outcome",
    "Recorded",
    "Refused",
    "debit",
    "fingerprint",
    "record_usage",
    "shortfall_of",
    "use_of",
    "whole_debit",
]

_NOT_RECORDED: Final = "The event could not be recorded; nothing was taken. Send it again with the same key."

log = structlog.stdlib.get_logger(__name__)


async def record_usage(db: Database, *, events: Sequence[NewUsage]) -> list[Outcome]:
    """Debit a list of events; one outcome each, in order.

    Raises nothing for an event's own fault; what the database refuses to a single event comes back as Refused.
    """
    if not events:
        return []
    plain = await _record_plain(db, events=events)
    rest = [place for place in range(len(events)) if place not in plain]
    if not rest:
        return [plain[place] for place in range(len(events))]
    booked = dict(zip(rest, await _record_booked(db, events=[events[place] for place in rest]), strict=True))
    return [plain.get(place) or booked[place] for place in range(len(events))]


async def _record_plain(db: Database, *, events: Sequence[NewUsage]) -> Mapping[int, Outcome]:
    """The events whose case is plain, by place: one statement debits and remembers them."""
    try:
        batch, places = plain_batch(events)
    except Exception:
        log.exception("plain usage failed", events=len(events))
        return {}
    if batch is None:
        return {}
    try:
        async with single_statement(db) as tx:
            debits = await usage.debit_plain(tx, batch=batch)
    except asyncpg.PostgresError as error:
        # Nothing of it is in the books, or its answer was lost and its keys are: the books know either.
        log.warning("plain usage failed", error=repr(error), events=len(events))
        return {}
    return {places[debit.place]: recorded_plain(events[places[debit.place]], batch, debit) for debit in debits}


async def _record_booked(db: Database, *, events: Sequence[NewUsage]) -> list[Outcome]:
    """Any events, by the books in memory; when they fail, one at a time, so that a bad one fails alone.

    Raises what says that the database is not there: that is no event's own fault, and would be so for each of them.
    """
    try:
        return await _record_batch(db, events=events)
    except asyncpg.PostgresError as error:
        if len(events) == 1:
            return [Refused(_refusal_of(error))]
    except (OSError, TimeoutError, asyncpg.InterfaceError):
        raise
    except Exception:
        # Nobody foresaw it. Those that were gathered with this event must not pay for it.
        if len(events) == 1:
            log.exception("usage failed")
            return [Refused(Unavailable(_NOT_RECORDED))]
    return [outcome for event in events for outcome in await _record_booked(db, events=[event])]


def _refusal_of(error: asyncpg.PostgresError) -> Refusal:
    if isinstance(error, asyncpg.DataError | asyncpg.IntegrityConstraintViolationError):
        return Conflict("The database refused this event.", code="event_refused")
    return Unavailable(_NOT_RECORDED)


async def _record_batch(db: Database, *, events: Sequence[NewUsage]) -> list[Outcome]:
    batch_id = ids.BATCH.new()
    refs = [WalletRef(event.workspace_id, event.customer_id, event.currency.id) for event in events]
    hashes = [fingerprint(event) for event in events]
    async with transaction(db) as tx:
        books = await wallets.open_books(tx, refs=refs)
        months = await open_months(tx, debits=[(books[ref], event) for event, ref in zip(events, refs, strict=True)])
        seen = await usage.replays(tx, keys=[(event.customer_id, event.key) for event in events])
        await wallets.load_counters(
            tx, uses=[(books[ref], use_of(event)) for event, ref in zip(events, refs, strict=True)]
        )
        outcomes: list[Outcome] = []
        accepted: list[UsageEvent] = []
        accepted_hashes: list[bytes] = []
        # From here only the books in memory change, so that a refusal needs no rollback.
        for event, ref, digest in zip(events, refs, hashes, strict=True):
            book = books[ref]
            known = seen.get((event.customer_id, event.key))
            if known is not None:
                outcomes.append(_replay(event, known, digest, book))
                continue
            try:
                recorded = debit(book, event, months=months, batch_id=batch_id)
            except Refusal as refusal:
                if isinstance(refusal, BudgetExceeded):
                    book.budgets.note_refusal(refusal, now=book.now)
                outcomes.append(Refused(refusal))
                continue
            seen[event.customer_id, event.key] = (digest, recorded)
            accepted.append(recorded)
            accepted_hashes.append(digest)
            outcomes.append(Recorded(recorded, replayed=False, balance=recorded.balance_after))
        if accepted:
            await usage.remember(tx, events=accepted, hashes=accepted_hashes)
        await wallets.save_books(tx, books=books.values())
        await notifications.emit(tx, events_of_budgets(books.values()))
        return outcomes


def _replay(event: NewUsage, known: tuple[bytes, UsageEvent | None], digest: bytes, book: Book) -> Outcome:
    if known[0] != digest or known[1] is None:
        return Refused(UsageConflict(event.key))
    return Recorded(known[1], replayed=True, balance=book.balance)


def debit(book: Book, event: NewUsage, *, months: Months, batch_id: BatchId, hold: Hold | None = None) -> UsageEvent:
    """Price an event and take its debit from a locked book, from the front of an open hold first if there is one.

    The counters of its use must be loaded. Raises Invalid, Conflict, BudgetExceeded, InsufficientCredits, WalletFrozen; then
    nothing was taken.
    """
    occurred_at = _checked_time(event.occurred_at, now=book.now)
    if event.value < 0:
        raise Invalid("value", "must not be negative; take an event back by reversing it")
    month = months.of(book, event)
    counted = ZERO if month is None else months.counted(month)
    charge = charge_of(event, counted=counted)
    carried = EXACT.add(book.wallet.carry, charge.price)
    amount = whole_debit(carried, event.currency)
    shortfall = shortfall_of(event)
    event_id = ids.USAGE_EVENT.new()
    limit = event.currency.overdraft_limit
    if hold is None:
        taken = book.debit_usage(
            event_id=event_id,
            batch_id=batch_id,
            meter_id=None if event.meter is None else event.meter.id,
            amount=amount,
            shortfall=shortfall,
            owed_limit=limit,
            properties=event.properties,
        )
    else:
        taken = book.capture_usage(
            hold,
            event_id=event_id,
            batch_id=batch_id,
            amount=amount,
            shortfall=shortfall,
            owed_limit=limit,
            properties=event.properties,
        )
    # The debit stands from here; nothing below may refuse.
    book.wallet.carry = EXACT.subtract(carried, amount.value)
    if month is not None:
        months.add(month, charge.units)
    return UsageEvent(
        customer_id=event.customer_id,
        recorded_at=book.recorded_at,
        id=event_id,
        workspace_id=book.wallet.workspace_id,
        wallet_id=book.wallet.id,
        meter_id=None if event.meter is None else event.meter.id,
        key=event.key,
        value=event.value,
        credits_per_unit=charge.rate,
        price=charge.price,
        debit=amount,
        owed=taken.owed,
        lot_ids=tuple(allocation.lot_id for allocation in taken.allocations),
        lot_amounts=tuple(allocation.amount.value for allocation in taken.allocations),
        batch_id=batch_id,
        line=taken.line,
        balance_after=taken.balance_after,
        occurred_at=occurred_at,
        booked_at=book.now,
        properties=None if event.properties is None else dict(event.properties),
        rating=rating_of(charge, month=month, counted=counted),
        counter_ids=taken.counter_ids,
    )


def whole_debit(carried: Decimal, currency: PaymentCurrency) -> Credits:
    """What of a wallet's carry with a price on it is debited: whole steps of the currency, the rest stays (law 5)."""
    return Credits(max(ZERO, floor_to(carried, currency.decimals)))


def shortfall_of(event: NewUsage) -> Shortfall:
    """What an event asks for when credits are short; by the overdraft policy unless it says."""
    return event.shortfall or ("reject" if event.currency.overdraft_policy == "none" else "owe")


def use_of(event: NewUsage) -> Use:
    return Use(None if event.meter is None else event.meter.id, event.properties)


def _checked_time(occurred_at: datetime | None, *, now: datetime) -> datetime:
    if occurred_at is None:
        return now
    if occurred_at > now + FUTURE_MAX:
        raise Invalid("timestamp", f"lies more than {FUTURE_MAX.seconds // 60} minutes in the future")
    if occurred_at < now - PAST_MAX:
        raise Invalid("timestamp", f"lies more than {PAST_MAX.days} days in the past")
    return occurred_at
