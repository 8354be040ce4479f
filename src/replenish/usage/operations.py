"""Remembering usage, exactly once (law 7). Called by `flows` inside the debit's transaction."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal

from replenish.core.db import Reads
from replenish.core.ids import CustomerId, UsageEventId, WorkspaceId
from replenish.core.money import EXACT
from replenish.core.transaction import Tx
from replenish.usage import store
from replenish.usage.model import Month, UsageEvent, UsageKey, UsageReversal
from replenish.usage.plain import PlainBatch, PlainDebit

# The event is None where the key stands for added credits.
Seen = dict[tuple[CustomerId, str], tuple[bytes, UsageEvent | None]]


async def replays(tx: Tx, *, keys: Sequence[tuple[CustomerId, str]]) -> Seen:
    """Which of these keys are taken already, with the hash and the event. Call with the wallets locked."""
    found = await store.keys(tx, customer_ids=[customer_id for customer_id, _ in keys], keys=[key for _, key in keys])
    if not found:
        return {}
    events = {event.id: event for event in await store.events_of(tx, found)}
    return {(key.customer_id, key.key): (key.hash, events.get(UsageEventId(key.event_id))) for key in found}


async def remember(tx: Tx, *, events: Sequence[UsageEvent], hashes: Sequence[bytes]) -> None:
    """Store accepted events, their keys and their days. A key taken meanwhile is a unique violation that fails the transaction."""
    await store.insert_keys(
        tx,
        [
            UsageKey(event.customer_id, event.key, digest, event.id, event.recorded_at)
            for event, digest in zip(events, hashes, strict=True)
        ],
    )
    await store.insert_events(tx, events)
    await store.add_days(tx, events)
    await _count_months(tx, events)


async def _count_months(tx: Tx, events: Sequence[UsageEvent]) -> None:
    """Of meters with tiers: what later events of the month start from. In lock order of the wallets, which are locked."""
    workspaces: dict[Month, WorkspaceId] = {}
    units: defaultdict[Month, Decimal] = defaultdict(Decimal)
    for event in events:
        month = event.month
        if month is not None and event.rating is not None and event.rating.units is not None:
            workspaces[month] = event.workspace_id
            units[month] = EXACT.add(units[month], event.rating.units)
    if units:
        await store.add_months(tx, list(units), list(workspaces.values()), list(units.values()))


async def counted_in(db: Reads, *, months: Sequence[Month]) -> Mapping[Month, Decimal]:
    """The units that count in these months so far; a month without usage is missing.

    Call with the wallets locked, or in a snapshot.
    """
    return await store.months(db, months)


async def debit_plain(tx: Tx, *, batch: PlainBatch) -> list[PlainDebit]:
    """Debit and remember, in one statement, the events of those wallets whose case is plain; the others are left alone.

    Plain: nothing is due, owed or frozen, no key was seen before, and the first lot in burn order pays all of the wallet's
    events and is not emptied. The answers are those of the books in memory, which a property test holds.
    """
    return await store.debit_plain(tx, batch)


async def taken_key(tx: Tx, *, customer_id: CustomerId, key: str) -> UsageKey | None:
    """What this key stands for. Call with the wallet locked."""
    found = await store.keys(tx, customer_ids=[customer_id], keys=[key])
    return found[0] if found else None


async def remember_key(tx: Tx, *, key: UsageKey) -> None:
    """Take a key for added credits, so that usage with the same one is refused. Taken meanwhile: a unique violation."""
    await store.insert_keys(tx, [key])


async def remember_reversal(tx: Tx, *, event: UsageEvent, reversal: UsageReversal) -> None:
    """Note that an event was reversed, also in its day and month. A second one for the same event is a unique violation."""
    await store.insert_reversal(tx, reversal)
    if await store.reverse_in_day(tx, event) != 1:
        raise RuntimeError("a recorded event has no day")
    month = event.month
    if month is None or event.rating is None or event.rating.units is None:
        return
    if await store.reverse_in_month(tx, month, event.rating.units) != 1:
        raise RuntimeError("a recorded event has no month")


async def reversal_of(tx: Tx, *, customer_id: CustomerId, event_id: UsageEventId) -> UsageReversal | None:
    """The reversal of this event, if it was reversed. Call with the wallet locked."""
    return await store.reversal_of(tx, customer_id=customer_id, event_id=event_id)


async def make_months(tx: Tx, *, ahead: int) -> None:
    """Make this month's partition and the next `ahead` ones; those that are there stay as they are."""
    await store.make_months(tx, ahead=ahead)
