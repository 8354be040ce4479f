"""Holds: reserve credits for something whose cost is known later, then capture what it cost, or let them go.

A capture is a usage event, keyed by the hold: it takes from the front of the hold's allocation, then from the balance. After
the hold has ended it is an ordinary debit with that key, so that late work is still paid for, and never twice.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Final

import msgspec

from replenish.access import operations as access
from replenish.access.model import RequestKey
from replenish.catalog import queries as catalog
from replenish.catalog.model import Meter, PaymentCurrency
from replenish.core import ids
from replenish.core.db import Database
from replenish.core.errors import Invalid
from replenish.core.ids import CustomerId, HoldId, WorkspaceId
from replenish.core.metadata import Metadata, clean_metadata
from replenish.core.money import EXACT, ZERO, Credits, ceil_to
from replenish.core.transaction import Tx, transaction
from replenish.flows._budget_events import events_of_budgets, tell_refusal
from replenish.flows._months import open_months
from replenish.flows._usage import charge_of
from replenish.flows.record_usage import NewUsage, debit, fingerprint, use_of
from replenish.notifications import operations as notifications
from replenish.notifications.model import NewEvent
from replenish.usage import operations as usage
from replenish.usage.model import UsageConflict, UsageEvent
from replenish.wallets import operations as wallets
from replenish.wallets import queries as wallet_queries
from replenish.wallets.book import Book
from replenish.wallets.budget import BudgetExceeded, Use
from replenish.wallets.holding import NewHold
from replenish.wallets.model import HOLD_SECONDS, HOLD_SECONDS_MAX, Hold, Shortfall, WalletRef

_CREATED: Final = 201
_OK: Final = 200


class HoldRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to reserve: `value` in the meter's unit, or in credits without a meter. `seconds`: when it ends by itself.

    `properties` are those of the usage that it is for: budgets look at them, too.
    """

    customer_id: CustomerId
    currency: PaymentCurrency
    meter: Meter | None
    value: Decimal
    seconds: int = HOLD_SECONDS
    metadata: Metadata = {}
    properties: Metadata = {}

    def usage(self, workspace_id: WorkspaceId) -> NewUsage:
        """The event that a capture of all of it would be."""
        return NewUsage(
            workspace_id=workspace_id,
            customer_id=self.customer_id,
            currency=self.currency,
            meter=self.meter,
            key="hold",
            value=self.value,
            properties=self.properties,
        )


async def hold_credits(
    db: Database, *, workspace_id: WorkspaceId, request: HoldRequest, request_key: RequestKey | None = None
) -> tuple[HoldId, bool]:
    """Reserve credits, rounded up (law 5); all or nothing. Returns the hold's id and whether this was a replay.

    Raises Invalid(value | expires_in), BudgetExceeded, InsufficientCredits, WalletFrozen, Conflict.
    """
    _check_seconds(request.seconds)
    _check_value(request.value)
    hold_id = ids.HOLD.new()
    ref = WalletRef(workspace_id, request.customer_id, request.currency.id)
    use = Use(None if request.meter is None else request.meter.id, request.properties)
    async with _refusals_told(db, ref, use), transaction(db) as tx:
        book = (await wallets.open_books(tx, refs=[ref]))[ref]
        first = await access.claim_request_key(tx, request_key, hold_id, _CREATED)
        if first is not None:
            return HoldId(first), True
        await wallets.load_counters(tx, uses=[(book, use)])
        book.hold(
            NewHold(
                id=hold_id,
                amount=await _reserved(tx, book, request.usage(workspace_id)),
                meter_id=use.meter_id,
                seconds=request.seconds,
                metadata=request.metadata,
                properties=request.properties,
                value=request.value,
            )
        )
        await _save(tx, book, book.holds[hold_id], "created")
    return hold_id, False


@asynccontextmanager
async def _refusals_told(db: Database, ref: WalletRef, use: Use) -> AsyncGenerator[None]:
    """A refused hold rolls everything back; that a budget refused is told all the same."""
    try:
        yield
    except BudgetExceeded as refusal:
        await tell_refusal(db, ref=ref, use=use, refusal=refusal)
        raise


async def _reserved(tx: Tx, book: Book, asked: NewUsage) -> Credits:
    """What to keep for this usage, rounded up. Tiers start from what counts now; other usage may come in between."""
    months = await open_months(tx, debits=[(book, asked)])
    counted = ZERO if (month := months.of(book, asked)) is None else months.counted(month)
    price = charge_of(asked, counted=counted).price
    if price <= ZERO:
        raise Invalid("value", "costs nothing on this meter, so there is nothing to hold")
    return Credits(ceil_to(price, asked.currency.decimals))


def _check_value(value: Decimal) -> None:
    if value <= ZERO:
        raise Invalid("value", "must be greater than 0")


def _check_seconds(seconds: int) -> None:
    if not 1 <= seconds <= HOLD_SECONDS_MAX:
        raise Invalid("expires_in", f"must be from 1 to {HOLD_SECONDS_MAX} seconds")


async def capture_hold(
    db: Database,
    *,
    workspace_id: WorkspaceId,
    hold_id: HoldId,
    value: Decimal,
    shortfall: Shortfall | None = None,
    properties: Metadata | None = None,
) -> tuple[UsageEvent, bool]:
    """Take what it cost. Returns the usage event and whether this was a replay (same value: same answer, law 7).

    Raises NotFound, Invalid(value), UsageConflict for another value,
    InsufficientCredits when the part above the hold cannot be paid, BudgetExceeded when a budget has no room for it; the hold
    is kept then.
    """
    found = await wallet_queries.hold(db, workspace_id=workspace_id, hold_id=hold_id)
    ref = await wallet_queries.ref_of(db, customer_id=found.customer_id, wallet_id=found.wallet_id)
    request = await _request(db, workspace_id, found, ref, value)
    event = msgspec.structs.replace(
        request.usage(workspace_id),
        key=ids.HOLD.text(hold_id),
        shortfall=shortfall,
        properties=_together(found.properties, properties),
    )
    digest = fingerprint(event)
    async with _refusals_told(db, ref, use_of(event)), transaction(db) as tx:
        book = (await wallets.open_books(tx, refs=[ref]))[ref]
        known = (await usage.replays(tx, keys=[(event.customer_id, event.key)])).get((event.customer_id, event.key))
        if known is not None:
            if known[0] != digest or known[1] is None:
                raise UsageConflict(event.key)
            return known[1], True
        hold = await wallets.load_hold(tx, book, hold_id=hold_id)
        still_open = hold if hold.ended_at is None else None
        await wallets.load_counters(tx, uses=[(book, use_of(event))])
        months = await open_months(tx, debits=[(book, event)])
        recorded = debit(book, event, months=months, batch_id=ids.BATCH.new(), hold=still_open)
        await usage.remember(tx, events=[recorded], hashes=[digest])
        if still_open is None:
            await wallets.save_books(tx, books=[book])
            await notifications.emit(tx, events_of_budgets([book]))
        else:
            await _save(tx, book, hold, "captured")
    return recorded, False


def _together(hold: Metadata, capture: Metadata | None) -> Metadata | None:
    """What the capture's event carries: the hold's properties, and what the capture says, which goes before."""
    if not hold:
        return capture
    return clean_metadata({**hold, **(capture or {})}, field="properties")


async def release_hold(
    db: Database, *, workspace_id: WorkspaceId, hold_id: HoldId, request_key: RequestKey | None = None
) -> None:
    """Let the credits go. One that has ended by itself, or was released before, stays as it is.

    Raises NotFound, HoldEnded(hold_captured).
    """
    found = await wallet_queries.hold(db, workspace_id=workspace_id, hold_id=hold_id)
    ref = await wallet_queries.ref_of(db, customer_id=found.customer_id, wallet_id=found.wallet_id)
    async with transaction(db) as tx:
        book = (await wallets.open_books(tx, refs=[ref]))[ref]
        if await access.claim_request_key(tx, request_key, hold_id, _OK) is not None:
            return
        hold = await wallets.load_hold(tx, book, hold_id=hold_id)
        if hold.state in {"released", "expired"}:
            # Nothing to tell, but what fell due meanwhile was booked just now and must be written.
            await wallets.save_books(tx, books=[book])
            return
        book.release_hold(hold)
        await _save(tx, book, hold, "released")


async def extend_hold(
    db: Database,
    *,
    workspace_id: WorkspaceId,
    hold_id: HoldId,
    seconds: int | None = None,
    value: Decimal | None = None,
    request_key: RequestKey | None = None,
) -> None:
    """While streaming: let it end `seconds` from now, and/or reserve `value` more. Both or nothing.

    Raises NotFound, Invalid, HoldEnded, BudgetExceeded, InsufficientCredits, WalletFrozen.
    """
    if seconds is not None:
        _check_seconds(seconds)
    found = await wallet_queries.hold(db, workspace_id=workspace_id, hold_id=hold_id)
    ref = await wallet_queries.ref_of(db, customer_id=found.customer_id, wallet_id=found.wallet_id)
    more = None
    if value is not None:
        _check_value(value)
        more = await _request(db, workspace_id, found, ref, value)
    async with _refusals_told(db, ref, Use(found.meter_id, found.properties)), transaction(db) as tx:
        book = (await wallets.open_books(tx, refs=[ref]))[ref]
        if await access.claim_request_key(tx, request_key, hold_id, _OK) is not None:
            return
        hold = await wallets.load_hold(tx, book, hold_id=hold_id)
        if more is not None:
            await _increase(tx, book, hold, more.usage(workspace_id))
        if seconds is not None:
            book.extend_hold(hold, seconds=seconds)
        await _save(tx, book, hold, "extended")


async def _increase(tx: Tx, book: Book, hold: Hold, more: NewUsage) -> None:
    """What is added is rated together with what is held, as the capture will be: alone it would begin a package or tier anew."""
    if hold.value is None:
        book.increase_hold(hold, amount=await _reserved(tx, book, more), value=None)
        return
    value = EXACT.add(hold.value, more.value)
    whole = await _reserved(tx, book, msgspec.structs.replace(more, value=value))
    book.increase_hold(hold, amount=whole - hold.amount, value=value)


async def _request(db: Database, workspace_id: WorkspaceId, hold: Hold, ref: WalletRef, value: Decimal) -> HoldRequest:
    """For so much more of what a hold is for."""
    meter = None
    if hold.meter_id is not None:
        meter = await catalog.meter(db, workspace_id=workspace_id, meter_id=hold.meter_id)
    return HoldRequest(
        customer_id=hold.customer_id,
        currency=await catalog.currency(db, workspace_id=workspace_id, currency_id=ref.currency_id),
        meter=meter,
        value=value,
        properties=hold.properties,
    )


async def _save(tx: Tx, book: Book, hold: Hold, verb: str) -> None:
    await wallets.save_books(tx, books=[book])
    told = NewEvent(
        workspace_id=hold.workspace_id,
        customer_id=hold.customer_id,
        type=f"hold.{verb}",
        object_type="hold",
        object_id=hold.id,
        data={
            "hold": ids.HOLD.text(hold.id),
            "amount": str(hold.amount),
            "captured": None if hold.captured is None else str(hold.captured),
            "balance": str(book.balance),
        },
    )
    await notifications.emit(tx, [told, *events_of_budgets([book])])
