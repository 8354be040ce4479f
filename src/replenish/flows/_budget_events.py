"""What is told of budgets: that an alert was reached, that a limit was reached or refused something. Once a window."""

from collections.abc import Iterable

from replenish.core import ids
from replenish.core.db import Database
from replenish.core.times import written
from replenish.core.transaction import transaction
from replenish.notifications import operations as notifications
from replenish.notifications.model import NewEvent
from replenish.wallets import operations as wallets
from replenish.wallets.book import Book
from replenish.wallets.budget import BudgetExceeded, Told, Use
from replenish.wallets.model import WalletRef


def events_of_budgets(books: Iterable[Book]) -> list[NewEvent]:
    """What these books have to tell, once; call after they are saved."""
    events: list[NewEvent] = []
    for book in books:
        events += [_event(book, told) for told in book.budgets.told]
        book.budgets.told = []
    return events


def _event(book: Book, told: Told) -> NewEvent:
    budget, counter = told.budget, told.counter
    return NewEvent(
        workspace_id=budget.workspace_id,
        customer_id=budget.customer_id,
        type=f"budget.{told.what}",
        object_type="budget",
        object_id=budget.id,
        data={
            "budget": ids.BUDGET.text(budget.id),
            "name": budget.name,
            "currency": ids.CURRENCY.text(book.wallet.currency_id),
            "property": budget.label_property,
            "label": counter.label if budget.label_property is not None else None,
            "limit": str(budget.credit_limit),
            "spent": str(counter.spent),
            "held": str(counter.held),
            "window_starts_at": written(counter.window_start),
            "window_ends_at": None if counter.window_end is None else written(counter.window_end),
        },
    )


async def tell_refusal(db: Database, *, ref: WalletRef, use: Use, refusal: BudgetExceeded) -> None:
    """Tell of a refusal whose own transaction was rolled back, unless this window has told already."""
    if refusal.counter.exceeded_at is not None:
        return
    async with transaction(db) as tx:
        book = (await wallets.open_books(tx, refs=[ref]))[ref]
        await wallets.load_counters(tx, uses=[(book, use)])
        for budget, counter in book.budgets.of(use, now=book.now):
            if (budget.id, counter.window_start) == (refusal.budget.id, refusal.counter.window_start):
                book.budgets.note_refusal(BudgetExceeded(budget, counter, required=refusal.required), now=book.now)
        await wallets.save_books(tx, books=[book])
        await notifications.emit(tx, events_of_budgets([book]))
