"""Give a customer credits, and take a grant back."""

from datetime import datetime
from typing import Final

from replenish.access import operations as access
from replenish.access.model import RequestKey
from replenish.core.db import Database
from replenish.core.errors import NotFound
from replenish.core.ids import LOT, CustomerId, LotId, WorkspaceId
from replenish.core.money import Credits
from replenish.core.times import written
from replenish.core.transaction import transaction
from replenish.notifications import operations as notifications
from replenish.notifications.model import NewEvent
from replenish.wallets import operations as wallets
from replenish.wallets import queries as wallet_queries
from replenish.wallets.book import Book, NewLot
from replenish.wallets.model import Lot, WalletRef

_CREATED: Final = 201
_OK: Final = 200


async def grant_credits(
    db: Database, *, ref: WalletRef, new: NewLot, request_key: RequestKey | None = None
) -> tuple[LotId, bool]:
    """Add a credit grant. Returns its id and whether this was a replay (law 7). Raises Invalid, NotFound, Conflict."""
    lot_id = LOT.new()
    async with transaction(db) as tx:
        books = await wallets.open_books(tx, refs=[ref])
        book = books[ref]
        first = await access.claim_request_key(tx, request_key, made_id=lot_id, status=_CREATED)
        if first is not None:
            return LotId(first), True
        book.grant(new, lot_id=lot_id)
        await wallets.save_books(tx, books=books.values())
        await notifications.emit(tx, [granted(book, book.lots[lot_id])])
        return lot_id, False


async def void_grant(
    db: Database,
    *,
    workspace_id: WorkspaceId,
    lot_id: LotId,
    customer_id: CustomerId | None = None,
    request_key: RequestKey | None = None,
) -> Credits | None:
    """Take back what is left of a grant (law 4). Returns what was taken, None for a replay.

    Raises NotFound (also for another customer's grant), Conflict(grant_voided | grant_expired | grant_depleted).
    """
    found = await wallet_queries.lot(db, workspace_id=workspace_id, lot_id=lot_id)
    if found is None or customer_id not in {None, found.customer_id}:
        raise NotFound("credit grant")
    ref = await wallet_queries.ref_of(db, customer_id=found.customer_id, wallet_id=found.wallet_id)
    async with transaction(db) as tx:
        books = await wallets.open_books(tx, refs=[ref])
        book = books[ref]
        if await access.claim_request_key(tx, request_key, made_id=lot_id, status=_OK) is not None:
            return None
        (lot,) = await wallets.load_lots(tx, book, lot_ids=[lot_id])
        taken = book.void(lot)
        await wallets.save_books(tx, books=books.values())
        await notifications.emit(tx, [voided(book, lot, taken)])
        return taken


def granted(book: Book, lot: Lot) -> NewEvent:
    """The event that tells of a new grant; also what a settled top-up tells."""
    return NewEvent(
        workspace_id=book.wallet.workspace_id,
        customer_id=book.wallet.customer_id,
        type="credit_grant.created",
        object_type="credit_grant",
        object_id=lot.id,
        data={
            "credit_grant": LOT.text(lot.id),
            "amount": str(lot.amount),
            "category": lot.category,
            "source": lot.source,
            "expires_at": _shown(lot.expires_at),
            "effective_at": _shown(lot.effective_at),
            "balance": str(book.balance),
        },
    )


def voided(book: Book, lot: Lot, taken: Credits) -> NewEvent:
    """The event that tells of a grant taken back."""
    return NewEvent(
        workspace_id=book.wallet.workspace_id,
        customer_id=book.wallet.customer_id,
        type="credit_grant.voided",
        object_type="credit_grant",
        object_id=lot.id,
        data={"credit_grant": LOT.text(lot.id), "taken": str(taken), "balance": str(book.balance)},
    )


def _shown(at: datetime | None) -> str | None:
    return None if at is None else written(at)
