"""Add credits where the same endpoint also takes them: one namespace of keys for both, kept for good per customer."""

import hashlib
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from replenish.core.db import Database
from replenish.core.errors import Invalid
from replenish.core.ids import LOT, LotId
from replenish.core.money import EXACT, Credits
from replenish.core.transaction import transaction
from replenish.flows.grant_credits import granted
from replenish.ledger import queries as ledger
from replenish.ledger.model import Transfer
from replenish.notifications import operations as notifications
from replenish.usage import operations as usage
from replenish.usage.model import FUTURE_MAX, PAST_MAX, UsageConflict, UsageKey
from replenish.wallets import operations as wallets
from replenish.wallets.book import NewLot
from replenish.wallets.model import WalletRef

NAME: Final = "Credits added"


class Added(msgspec.Struct, frozen=True, kw_only=True):
    """Credits that were added. `line` and `balance` are the wallet's after them, also on a replay."""

    lot_id: LotId
    replayed: bool
    line: int
    balance: Credits
    booked_at: datetime


async def add_addon_credits(
    db: Database,
    *,
    ref: WalletRef,
    amount: Decimal,
    notes: str = "",
    key: str | None = None,
    occurred_at: datetime | None = None,
) -> Added:
    """A promotional grant of `amount` > 0 credits. Raises Invalid(units | occurred_at), UsageConflict.

    The key is the customer's in usage, too: the same one with other fields, or with the other sign, is refused (law 7).
    Without a key each call counts.
    """
    if amount <= 0:
        raise Invalid("units", "must be greater than 0")
    digest = _fingerprint(ref, amount, notes, occurred_at)
    lot_id = LOT.new()
    async with transaction(db) as tx:
        books = await wallets.open_books(tx, refs=[ref])
        book = books[ref]
        if key is not None:
            taken = await usage.taken_key(tx, customer_id=ref.customer_id, key=key)
            if taken is not None:
                if taken.hash != digest:
                    raise UsageConflict(key)
                first = LotId(taken.event_id)
                found = await ledger.transfers_of(tx, customer_id=ref.customer_id, cause_ids=[first])
                return _added(first, found, replayed=True)
        _check_time(occurred_at, now=book.now)
        book.grant(
            NewLot(amount=Credits(amount), category="promotional", source="api", name=notes or NAME), lot_id=lot_id
        )
        added = _added(lot_id, book.transfers, replayed=False)
        if key is not None:
            await usage.remember_key(tx, key=UsageKey(ref.customer_id, key, digest, lot_id, book.recorded_at))
        await wallets.save_books(tx, books=books.values())
        await notifications.emit(tx, [granted(book, book.lots[lot_id])])
    return added


def _added(lot_id: LotId, transfers: list[Transfer], *, replayed: bool) -> Added:
    line = next(one for one in transfers if one.kind == "grant" and one.cause_id == lot_id)
    if line.line is None or line.balance_after is None:
        raise RuntimeError("a grant without its statement line")
    return Added(lot_id=lot_id, replayed=replayed, line=line.line, balance=line.balance_after, booked_at=line.booked_at)


def _fingerprint(ref: WalletRef, amount: Decimal, notes: str, occurred_at: datetime | None) -> bytes:
    parts = [
        "added credits",
        str(ref.currency_id),
        format(amount.normalize(EXACT), "f"),
        notes,
        "" if occurred_at is None else occurred_at.isoformat(),
    ]
    return hashlib.sha256("\x1f".join(parts).encode()).digest()[:16]


def _check_time(occurred_at: datetime | None, *, now: datetime) -> None:
    """The same window as usage has: the two signs must not differ in what they accept."""
    if occurred_at is not None and not now - PAST_MAX <= occurred_at <= now + FUTURE_MAX:
        raise Invalid("occurred_at", "lies too far from now: at most 35 days in the past, 5 minutes in the future")
