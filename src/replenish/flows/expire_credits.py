"""Book what fell due: starts and expiries. Correctness never waits for it, reads and debits judge by time (law 4)."""

from collections.abc import Sequence

from replenish.core.db import Database
from replenish.core.transaction import transaction
from replenish.wallets import operations as wallets
from replenish.wallets import queries
from replenish.wallets.model import WalletRef


async def book_due_wallets(db: Database, *, limit: int = 200) -> int:
    """Book up to `limit` wallets whose next moment has passed. Returns how many it looked at."""
    refs: Sequence[WalletRef] = await queries.wallets_with_something_due(db, limit=limit)
    for ref in refs:
        # One wallet a transaction: a sweep must never hold many customers' locks.
        async with transaction(db) as tx:
            books = await wallets.open_books(tx, refs=[ref])
            await wallets.save_books(tx, books=books.values())
    return len(refs)
