"""Reading budgets, and what their windows have left. Exact at any instant, as balances are (law 2)."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from replenish.core.db import Reads
from replenish.core.errors import NotFound
from replenish.core.ids import BudgetId, CustomerId, WalletId, WorkspaceId
from replenish.wallets.book import Book
from replenish.wallets.budget import Budget, Use, label_of, window_of
from replenish.wallets.store import budgets as store


async def load_counters(db: Reads, *, uses: Iterable[tuple[Book, Use]]) -> None:
    """Bring the counters of these uses into their books. One statement, or none."""
    wanted: dict[tuple[CustomerId, BudgetId, str, datetime], Book] = {}
    for book, use in uses:
        for budget in book.budgets.active:
            label = label_of(budget, use)
            if label is not None:
                start, _ = window_of(budget, book.now, zone=book.budgets.zone)
                wanted[budget.customer_id, budget.id, label, start] = book
    if not wanted:
        return
    for counter in await store.counters_at(db, wanted):
        book = wanted[counter.customer_id, counter.budget_id, counter.label, counter.window_start]
        book.budgets.load(counter)
