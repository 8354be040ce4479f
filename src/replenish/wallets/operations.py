"""Opening and saving books: the only way credits move. Flows call these inside their transaction."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from replenish.core.errors import Conflict, NotFound
from replenish.core.ids import CustomerId, HoldId, LotId, WalletId, WorkspaceId
from replenish.core.money import NO_CREDITS, Credits
from replenish.core.transaction import Tx
from replenish.ledger import operations as ledger
from replenish.ledger import queries as ledger_queries
from replenish.ledger.model import Kind, Transfer
from replenish.wallets import budget_queries, store
from replenish.wallets.book import Book
from replenish.wallets.budget import BUDGETS_MAX, Budget, Use
from replenish.wallets.model import Adjustment, Hold, Lot, OwedItem, WalletRef
from replenish.wallets.store import budgets as budget_store
from replenish.wallets.store import holds as hold_store

# How credits of a lot end without being spent.
_LAPSES: Final[tuple[Kind, ...]] = ("expiry", "void")


async def open_books(tx: Tx, *, refs: Iterable[WalletRef]) -> dict[WalletRef, Book]:
    """Lock wallets in sorted order, make those that are missing, load them and book what fell due.

    Raises NotFound("wallet") when a reference joins a customer and a credit currency of different workspaces.
    """
    wanted = sorted(set(refs), key=lambda ref: (ref.customer_id, ref.currency_id))
    locked = await store.lock(tx, wanted)
    if len(locked) < len(wanted):
        await store.create(tx, wanted)
        locked = await store.lock(tx, wanted)
    if {wallet.ref for wallet, _, _ in locked} != set(wanted):
        raise NotFound("wallet")
    wallets = [wallet for wallet, _, _ in locked]
    lots: defaultdict[WalletId, list[Lot]] = defaultdict(list)
    for lot in await store.open_lots(tx, wallets):
        lots[lot.wallet_id].append(lot)
    owed_items: defaultdict[WalletId, list[OwedItem]] = defaultdict(list)
    indebted = [wallet for wallet in wallets if wallet.owed]
    if indebted:
        for item in await store.open_owed_items(tx, indebted):
            owed_items[item.wallet_id].append(item)
    # Only what falls due needs all of a wallet's holds; otherwise its row says enough of them.
    holding = {
        wallet.id: wallet
        for wallet, now, _ in locked
        if wallet.held and wallet.good_until is not None and wallet.good_until <= now
    }
    holds: defaultdict[WalletId, list[Hold]] = defaultdict(list)
    if holding:
        for hold in await hold_store.open_holds(tx, holding.values()):
            holds[hold.wallet_id].append(hold)
    budgeted = [wallet for wallet in wallets if wallet.budgeted]
    budgets = await budget_store.active(tx, budgeted) if budgeted else {}
    books = {
        wallet.ref: Book(
            wallet,
            now=now,
            recorded_at=recorded_at,
            lots=lots[wallet.id],
            owed_items=owed_items[wallet.id],
            holds=holds[wallet.id] if wallet.id in holding else None,
            budgets=budgets.get(wallet.id),
        )
        for wallet, now, recorded_at in locked
    }
    for book in books.values():
        book.book_due()
    return books


async def load_lots(tx: Tx, book: Book, *, lot_ids: Sequence[LotId]) -> list[Lot]:
    """Bring closed lots of this wallet into its book, too (a reversal or a void needs them). Raises NotFound."""
    missing = [lot_id for lot_id in lot_ids if lot_id not in book.lots]
    if missing:
        for lot in await store.lots_by_id(tx, customer_id=book.wallet.customer_id, lot_ids=missing):
            if lot.wallet_id == book.wallet.id:
                book.lots[lot.id] = lot
    if any(lot_id not in book.lots for lot_id in lot_ids):
        raise NotFound("credit grant")
    return [book.lots[lot_id] for lot_id in lot_ids]


async def load_hold(tx: Tx, book: Book, *, hold_id: HoldId) -> Hold:
    """Bring one hold of this wallet into its book, with its lots; an ended one as it stands. Raises NotFound."""
    known = book.holds.get(hold_id)
    if known is None:
        found = await hold_store.hold(tx, customer_id=book.wallet.customer_id, hold_id=hold_id)
        if found is None or found.wallet_id != book.wallet.id:
            raise NotFound("hold")
        known = book.holds[hold_id] = found
    await load_lots(tx, book, lot_ids=sorted(set(known.lot_ids)))
    if known.counter_ids:
        customer_id, counter_ids = book.wallet.customer_id, known.counter_ids
        for counter in await budget_store.counters_by_id(tx, customer_id=customer_id, counter_ids=counter_ids):
            book.budgets.load(counter)
    return known


async def load_counters(tx: Tx, *, uses: Iterable[tuple[Book, Use]]) -> None:
    """Bring what budgets have counted so far into the books, before these uses are debited or held. One statement, or none."""
    await budget_queries.load_counters(tx, uses=uses)


async def load_owed_item(tx: Tx, book: Book, *, cause_id: UUID) -> OwedItem | None:
    """The owed item that an event left behind, open or repaid, if there is one."""
    found = await store.owed_item_of(tx, customer_id=book.wallet.customer_id, cause_id=cause_id)
    if found is None:
        return None
    return next((item for item in book.owed_items if item.id == found.id), found)


async def lapsed_of(tx: Tx, book: Book, *, lot: Lot) -> Credits:
    """What of a lot has expired or was voided without being spent, booked a moment ago in this book included."""
    stored = await ledger_queries.transfers_of(tx, customer_id=lot.customer_id, cause_ids=[lot.id])
    lapsed = [each.amount for each in (*stored, *book.transfers) if each.lot_id == lot.id and each.kind in _LAPSES]
    return sum(lapsed, start=NO_CREDITS)


async def repayments_of(tx: Tx, book: Book, *, item: OwedItem) -> list[Transfer]:
    """What repaid an owed item: in the ledger, and booked a moment ago in this book, which is not written yet."""
    stored = await ledger_queries.transfers_of(tx, customer_id=item.customer_id, cause_ids=[item.id])
    return [*stored, *(transfer for transfer in book.transfers if transfer.cause_id == item.id)]


async def save_books(tx: Tx, *, books: Iterable[Book]) -> None:
    """Write everything that changed, set-based; mark the wallets that fell below their line."""
    listed = list(books)
    for book in listed:
        book.gather_usage()
        book.wallet.now_at = book.now
        book.wallet.recorded_at = book.recorded_at
        book.wallet.scoped = any(lot.scope for lot in book.lots.values() if lot.closed_at is None)
    new_lots = [lot for book in listed for lot in book.new_lots.values()]
    if new_lots:
        await store.insert_lots(tx, new_lots)
    changed_lots = [lot for book in listed for lot in book.changed_lots.values()]
    if changed_lots:
        _all_there(await store.update_lots(tx, changed_lots), len(changed_lots))
    new_holds = [hold for book in listed for hold in book.new_holds.values()]
    if new_holds:
        await hold_store.insert_holds(tx, new_holds)
    changed_holds = [hold for book in listed for hold in book.changed_holds.values()]
    if changed_holds:
        _all_there(await hold_store.update_holds(tx, changed_holds), len(changed_holds))
    await _save_counters(tx, listed)
    new_items = [item for book in listed for item in book.new_owed_items.values()]
    if new_items:
        await store.insert_owed_items(tx, new_items)
    changed_items = [item for book in listed for item in book.changed_owed_items.values()]
    if changed_items:
        _all_there(await store.update_owed_items(tx, changed_items), len(changed_items))
    _all_there(await store.update_wallets(tx, [book.wallet for book in listed]), len(listed))
    await ledger.post(tx, [transfer for book in listed for transfer in book.transfers])
    low = [book.wallet for book in listed if _is_low(book)]
    if low:
        await store.mark_due(tx, low)
    for book in listed:
        book.transfers, book.new_lots, book.changed_lots = [], {}, {}
        book.new_owed_items, book.changed_owed_items = {}, {}
        book.new_holds, book.changed_holds = {}, {}


async def _save_counters(tx: Tx, books: Sequence[Book]) -> None:
    new = [counter for book in books for counter in book.budgets.new.values()]
    if new:
        await budget_store.insert_counters(tx, new)
    moved = [(book.wallet.customer_id, known, book.budgets) for book in books for known in book.budgets.moved]
    if moved:
        _all_there(await budget_store.move_counters(tx, moved), len(moved))
    for book in books:
        book.budgets.new, book.budgets.moved = {}, {}


def _is_low(book: Book) -> bool:
    wallet = book.wallet
    return (
        wallet.act_below is not None
        and wallet.balance < wallet.act_below
        and (wallet.look_again_at is None or wallet.look_again_at <= book.now)
    )


def _all_there(written: int, wanted: int) -> None:
    # A lost row would be a silent hole in the books: better to fail the whole transaction.
    if written != wanted:
        raise RuntimeError(f"{wanted} rows were to be written and {written} were")


async def act_below(tx: Tx, *, book: Book, line: Credits | None, look_again_at: datetime | None) -> None:
    """Set below which balance usage marks this wallet due, and not before when. The book must be locked."""
    book.wallet.act_below = line
    book.wallet.look_again_at = look_again_at
    await store.set_line_to_act_on(tx, wallet=book.wallet)


async def mark_due(tx: Tx, *, book: Book) -> None:
    """Have a worker look at this wallet as soon as it can. The book must be locked."""
    await store.mark_due(tx, [book.wallet])


async def claim_due(tx: Tx) -> WalletRef | None:
    """A wallet that a worker should look at: one that was marked, else one whose `look_again_at` has passed.

    Several workers at once get different ones. Open its book next, then `take_mark`.
    """
    return await store.claim_due(tx) or await store.claim_to_look_at(tx)


async def take_mark(tx: Tx, *, book: Book) -> None:
    """The wallet is being looked at: whoever marks it from now on wants another look. The book must be locked."""
    await store.take_mark(tx, wallet=book.wallet)


async def postpone_look(tx: Tx, *, ref: WalletRef, wait: timedelta) -> None:
    """Leave a due wallet alone for a while, so that one that fails does not keep the worker from all others."""
    await store.postpone_look(tx, ref=ref, wait=wait)


async def freeze_wallet(tx: Tx, *, book: Book, frozen_at: datetime | None) -> None:
    book.wallet.frozen_at = frozen_at
    await store.freeze(tx, wallet=book.wallet, frozen_at=frozen_at)


async def lock_customer_wallets(tx: Tx, *, customer_id: CustomerId) -> None:
    """Lock all wallets of a customer, sorted: before the customer's own row, as everywhere."""
    await store.lock_of_customer(tx, customer_id=customer_id)


async def freeze_customer_wallets(tx: Tx, *, customer_id: CustomerId, frozen_at: datetime | None) -> None:
    """Freeze or unfreeze all of a customer's wallets, which are locked already."""
    await store.freeze_of_customer(tx, customer_id=customer_id, frozen_at=frozen_at)


async def add_adjustment(tx: Tx, *, adjustment: Adjustment) -> None:
    """Keep who gave or took credits by hand, and why; the movement itself is the book's."""
    await store.insert_adjustment(tx, adjustment)


async def set_lot_metadata(tx: Tx, *, workspace_id: WorkspaceId, lot_id: LotId, metadata: Mapping[str, object]) -> bool:
    """A note on a grant: it moves no credits, so no wallet is locked. False when this workspace has no such grant."""
    return await store.set_lot_metadata(tx, workspace_id=workspace_id, lot_id=lot_id, metadata=metadata) == 1


async def add_budget(tx: Tx, *, book: Book, budget: Budget) -> None:
    """The book must be locked: from its commit on, the wallet's debits ask the budget. Raises Conflict above BUDGETS_MAX."""
    if budget.active and await budget_store.count_active(tx, book.wallet) >= BUDGETS_MAX:
        raise Conflict(f"A wallet has at most {BUDGETS_MAX} active budgets.", code="too_many_budgets")
    await budget_store.insert_budget(tx, budget)
    await budget_store.set_budgeted(tx, book.wallet)


async def change_budget(tx: Tx, *, book: Book, before: Budget, budget: Budget) -> None:
    """Save a changed budget, switched off and archived ones, too. The book must be locked. Raises as `add_budget`."""
    if budget.active and not before.active and await budget_store.count_active(tx, book.wallet) >= BUDGETS_MAX:
        raise Conflict(f"A wallet has at most {BUDGETS_MAX} active budgets.", code="too_many_budgets")
    _all_there(await budget_store.update_budget(tx, budget), 1)
    await budget_store.set_budgeted(tx, book.wallet)
    if (budget.credit_limit, budget.alert_percent) != (before.credit_limit, before.alert_percent):
        await budget_store.tell_again(tx, budget, now=book.now)
