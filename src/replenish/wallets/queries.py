"""Reading wallets. Exact at any instant: one row before `good_until`, afterwards the same pure function (law 2)."""

from datetime import datetime
from decimal import Decimal

from replenish.core.db import Reads
from replenish.core.errors import NotFound
from replenish.core.ids import AdjustmentId, CurrencyId, CustomerId, HoldId, LotId, WalletId, WorkspaceId
from replenish.core.money import NO_CREDITS, Credits
from replenish.core.rows import row_to, rows_to, value
from replenish.wallets import budget_queries, store
from replenish.wallets.book import Book
from replenish.wallets.budget import Use
from replenish.wallets.model import (
    Adjustment,
    Balance,
    Expiring,
    Hold,
    Lot,
    Totals,
    Wallet,
    WalletRef,
)
from replenish.wallets.store import budgets as budget_store
from replenish.wallets.store import holds as hold_store

_WALLETS = (
    "select wallets.*, greatest(wallets.now_at, coalesce(workspaces.test_clock, clock_timestamp())) as book_now"
    " from wallets join workspaces on workspaces.id = wallets.workspace_id"
    " where wallets.workspace_id = $1 and wallets.customer_id = $2"
)


async def balances(db: Reads, *, workspace_id: WorkspaceId, customer_id: CustomerId) -> list[Balance]:
    """All of a customer's wallets."""
    rows = await db.fetch(f"{_WALLETS} order by wallets.id", workspace_id, customer_id)
    return [await _at(db, row_to(Wallet, row), value(row, "book_now", datetime)) for row in rows]


async def balance(db: Reads, *, ref: WalletRef, now: datetime) -> Balance:
    """One wallet; zeros at `now` when it does not exist yet."""
    row = await db.fetchrow(
        f"{_WALLETS} and wallets.currency_id = $3", ref.workspace_id, ref.customer_id, ref.currency_id
    )
    if row is not None:
        return await _at(db, row_to(Wallet, row), value(row, "book_now", datetime))
    return Balance(
        customer_id=ref.customer_id,
        wallet_id=None,
        currency_id=ref.currency_id,
        credits=NO_CREDITS,
        held=NO_CREDITS,
        available=NO_CREDITS,
        owed=NO_CREDITS,
        balance=NO_CREDITS,
        frozen=False,
        as_of=now,
    )


async def _at(db: Reads, wallet: Wallet, now: datetime) -> Balance:
    if wallet.good_until is not None and wallet.good_until <= now:
        await _booked(db, wallet, now)
    return Balance(
        customer_id=wallet.customer_id,
        wallet_id=wallet.id,
        currency_id=wallet.currency_id,
        credits=wallet.credits,
        held=wallet.held,
        available=wallet.available,
        owed=wallet.owed,
        balance=wallet.balance,
        frozen=wallet.frozen,
        as_of=now,
        moved_at=wallet.recorded_at,
    )


async def totals(db: Reads, *, ref: WalletRef, now: datetime) -> Totals:
    """A wallet's life in sums; zeros at `now` when it does not exist yet. Read it in a snapshot.

    Raises RuntimeError when lots and accounts disagree: a balance that does not add up must not be shown as one.
    """
    row = await db.fetchrow(
        f"{_WALLETS} and wallets.currency_id = $3", ref.workspace_id, ref.customer_id, ref.currency_id
    )
    if row is None:
        zero = NO_CREDITS
        return Totals(
            purchased=zero, added=zero, used=zero, expired=zero, revoked=zero, held=zero, owed=zero, balance=zero,
            frozen=False, line=0, as_of=now,
        )  # fmt: skip
    stored, at = row_to(Wallet, row), value(row, "book_now", datetime)
    if stored.good_until is not None and stored.good_until <= at:
        await _booked(db, stored, at)
    sums = await db.fetchrow(
        "select coalesce(sum(amount) filter (where category = 'paid'), 0) as purchased,"
        " coalesce(sum(amount) filter (where category = 'promotional'), 0) as added from lots"
        " where customer_id = $1 and wallet_id = $2"
        " and (opened_at is not null or (effective_at <= $3 and closed_at is null))",
        stored.customer_id,
        stored.id,
        at,
    )
    if sums is None:
        raise RuntimeError("an aggregate answered without a row")
    purchased, added = (Credits(value(sums, name, Decimal)) for name in ("purchased", "added"))
    gone = stored.spent + stored.expired + stored.revoked + stored.held
    if purchased + added - gone != stored.balance:
        raise RuntimeError(f"wallet {stored.id}: {purchased} + {added} - {gone} is not its balance of {stored.balance}")
    return Totals(
        purchased=purchased,
        added=added,
        used=stored.spent,
        expired=stored.expired,
        revoked=stored.revoked,
        held=stored.held,
        owed=stored.owed,
        balance=stored.balance,
        frozen=stored.frozen,
        line=stored.line,
        as_of=at,
    )


async def row_now(db: Reads, *, ref: WalletRef) -> tuple[Wallet, datetime] | None:
    """The wallet's row with its now, if that alone answers for any debit: nothing is due, scoped or budgeted."""
    row = await db.fetchrow(
        f"{_WALLETS} and wallets.currency_id = $3", ref.workspace_id, ref.customer_id, ref.currency_id
    )
    if row is None:
        return None
    found, now = row_to(Wallet, row), value(row, "book_now", datetime)
    due = found.good_until is not None and found.good_until <= now
    return None if due or found.scoped or found.budgeted else (found, now)


async def book_now(db: Reads, *, ref: WalletRef, use: Use) -> Book:
    """The wallet as a debit for this use would find it under its lock, counters of budgets included; nothing is saved.

    One that is not there yet is made in memory. Read it in a snapshot. Raises NotFound for an unknown customer.
    """
    row = await db.fetchrow(
        f"{_WALLETS} and wallets.currency_id = $3", ref.workspace_id, ref.customer_id, ref.currency_id
    )
    if row is None:
        new = await store.unmade(db, ref)
        if new is None:
            raise NotFound("customer")
        return Book(new, now=new.now_at, recorded_at=new.recorded_at, lots=(), owed_items=())
    book = await _booked(db, row_to(Wallet, row), value(row, "book_now", datetime))
    await budget_queries.load_counters(db, uses=[(book, use)])
    return book


async def _booked(db: Reads, wallet: Wallet, now: datetime) -> Book:
    """The wallet as a book in which everything due by now is booked; nothing of it is saved."""
    lots = await store.open_lots(db, [wallet])
    owed_items = await store.open_owed_items(db, [wallet])
    holds = await hold_store.open_holds(db, [wallet]) if wallet.held else []
    budgets = await budget_store.active(db, [wallet]) if wallet.budgeted else {}
    book = Book(
        wallet,
        now=now,
        recorded_at=wallet.recorded_at,
        lots=lots,
        owed_items=owed_items,
        holds=holds,
        budgets=budgets.get(wallet.id),
    )
    book.book_due()
    return book


async def wallet(db: Reads, *, ref: WalletRef) -> Wallet | None:
    """The wallet's row as it was last written; use `balance` for what a customer may see."""
    row = await db.fetchrow(
        f"{_WALLETS} and wallets.currency_id = $3", ref.workspace_id, ref.customer_id, ref.currency_id
    )
    return None if row is None else row_to(Wallet, row)


async def lot(db: Reads, *, workspace_id: WorkspaceId, lot_id: LotId) -> Lot | None:
    row = await db.fetchrow("select * from lots where workspace_id = $1 and id = $2", workspace_id, lot_id)
    return None if row is None else row_to(Lot, row)


async def lots(
    db: Reads,
    *,
    workspace_id: WorkspaceId,
    customer_id: CustomerId | None = None,
    currency_id: CurrencyId | None = None,
    only_open: bool = False,
    before: LotId | None = None,
    limit: int = 20,
) -> list[Lot]:
    """Lots of a workspace or one customer, newest first; `before` is the last id of the page before."""
    rows = await db.fetch(
        "select lots.* from lots join wallets on wallets.customer_id = lots.customer_id and wallets.id = lots.wallet_id"
        " where lots.workspace_id = $1 and ($2::uuid is null or lots.customer_id = $2)"
        " and ($3::uuid is null or wallets.currency_id = $3) and (not $4 or lots.closed_at is null)"
        " and ($5::uuid is null or lots.id < $5) order by lots.id desc limit $6",
        workspace_id,
        customer_id,
        currency_id,
        only_open,
        before,
        limit,
    )
    return rows_to(Lot, rows)


async def next_expiry(db: Reads, *, customer_id: CustomerId, wallet_id: WalletId, now: datetime) -> Expiring | None:
    """When credits of this wallet expire next, and how many; None when nothing that it holds at `now` ever does."""
    row = await db.fetchrow(
        "select expires_at as at, sum(remaining) as amount from lots"
        " where customer_id = $1 and wallet_id = $2 and closed_at is null and effective_at <= $3 and expires_at > $3"
        " group by expires_at order by expires_at limit 1",
        customer_id,
        wallet_id,
        now,
    )
    return None if row is None else row_to(Expiring, row)


async def hold(db: Reads, *, workspace_id: WorkspaceId, hold_id: HoldId) -> Hold:
    """As it was last written: one whose time is over is `open` until something books its end. Raises NotFound."""
    found = await hold_store.hold_in(db, workspace_id=workspace_id, hold_id=hold_id)
    if found is None:
        raise NotFound("hold")
    return found


async def holds(
    db: Reads,
    *,
    workspace_id: WorkspaceId,
    customer_id: CustomerId | None = None,
    only_open: bool = False,
    before: HoldId | None = None,
    limit: int = 20,
) -> list[Hold]:
    """Holds of a workspace or one customer, newest first."""
    return await hold_store.holds(
        db, workspace_id=workspace_id, customer_id=customer_id, only_open=only_open, before=before, limit=limit
    )


async def ref_of(db: Reads, *, customer_id: CustomerId, wallet_id: WalletId) -> WalletRef:
    """The reference that opens a wallet's book. Raises NotFound."""
    row = await db.fetchrow(
        "select workspace_id, customer_id, currency_id from wallets where customer_id = $1 and id = $2",
        customer_id,
        wallet_id,
    )
    if row is None:
        raise NotFound("wallet")
    return row_to(WalletRef, row)


async def wallets_with_something_due(db: Reads, *, limit: int) -> list[WalletRef]:
    """Wallets whose next start or expiry has passed, by their workspace's clock, the longest overdue first."""
    rows = await db.fetch(
        "select w.workspace_id, w.customer_id, w.currency_id from workspaces cross join lateral ("
        " select * from wallets where wallets.workspace_id = workspaces.id"
        " and wallets.good_until <= coalesce(workspaces.test_clock, now()) order by good_until limit $1) w"
        " order by w.good_until limit $1",
        limit,
    )
    return rows_to(WalletRef, rows)


async def adjustment(db: Reads, *, workspace_id: WorkspaceId, adjustment_id: AdjustmentId) -> Adjustment | None:
    row = await db.fetchrow(
        "select * from adjustments where workspace_id = $1 and id = $2", workspace_id, adjustment_id
    )
    return None if row is None else row_to(Adjustment, row)


async def adjustments(
    db: Reads,
    *,
    workspace_id: WorkspaceId,
    customer_id: CustomerId | None = None,
    before: AdjustmentId | None = None,
    limit: int = 20,
) -> list[Adjustment]:
    """Adjustments of a workspace or one customer, newest first."""
    rows = await db.fetch(
        "select * from adjustments where workspace_id = $1 and ($2::uuid is null or customer_id = $2)"
        " and ($3::uuid is null or id < $3) order by id desc limit $4",
        workspace_id,
        customer_id,
        before,
        limit,
    )
    return rows_to(Adjustment, rows)


async def any_to_look_at(db: Reads) -> bool:
    """Whether a worker would find a wallet to look at: what an idle worker asks, several times a second."""
    found = await db.fetchval(
        "select exists (select from wallets_due where marked_at <= clock_timestamp()) or exists ("
        " select from workspaces join wallets w on w.workspace_id = workspaces.id"
        " and w.look_again_at <= coalesce(workspaces.test_clock, clock_timestamp()))"
    )
    return found is True
