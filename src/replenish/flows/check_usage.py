"""Whether usage would be accepted now: what its debit would answer at this instant. Reads only: takes nothing, locks nothing.

Nearly always the wallet's row answers alone, as it does for a balance. Whatever the row cannot know (something has fallen
due, lots with scopes, budgets, tiers) is judged by the same rules as the debit, on a book in memory that nobody saves.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from replenish.core.db import Database
from replenish.core.errors import Invalid, Refusal
from replenish.core.money import EXACT, ZERO, Credits
from replenish.flows._months import open_months
from replenish.flows._usage import charge_of, tiers_of
from replenish.flows.record_usage import NewUsage, shortfall_of, use_of, whole_debit
from replenish.wallets import queries
from replenish.wallets.book import Book
from replenish.wallets.budget import Budget, Counter
from replenish.wallets.model import Wallet, WalletRef
from replenish.wallets.spending import check_row


class UsageCheck(msgspec.Struct, frozen=True, kw_only=True):
    """`refusal` None: it would be accepted. `required` is the debit, None where no price can be told.

    `available` is what this usage may spend: less than the balance where lots are for other meters. `budgets`: those that
    look at it, with their counters as they stand before it.
    """

    refusal: Refusal | None
    required: Credits | None
    available: Credits
    balance: Credits
    owed: Credits
    as_of: datetime
    budgets: Sequence[tuple[Budget, Counter]] = ()


async def check_usage(db: Database, *, usage: NewUsage) -> UsageCheck:
    """What recording this event would answer now; its key and time are not looked at.

    Raises Invalid(value), NotFound for a customer of another workspace.
    """
    if usage.value < ZERO:
        raise Invalid("value", "must not be negative; take an event back by reversing it")
    ref = WalletRef(usage.workspace_id, usage.customer_id, usage.currency.id)
    # What tiers cost hangs on what the month has counted.
    if tiers_of(usage) is None:
        found = await queries.row_now(db, ref=ref)
        if found is not None:
            return _by_row(*found, usage)
    async with db.snapshot() as reads:
        book = await queries.book_now(reads, ref=ref, use=use_of(usage))
        months = await open_months(reads, debits=[(book, usage)])
    month = months.of(book, usage)
    return _by_book(book, usage, counted=ZERO if month is None else months.counted(month))


def _by_row(wallet: Wallet, now: datetime, usage: NewUsage) -> UsageCheck:
    required, refusal = _required(wallet, usage, counted=ZERO)
    if required is not None:
        try:
            check_row(
                wallet,
                amount=required,
                shortfall=shortfall_of(usage),
                owed_limit=usage.currency.overdraft_limit,
            )
        except Refusal as refused:
            refusal = refused
    return UsageCheck(
        refusal=refusal,
        required=required,
        available=wallet.available,
        balance=wallet.balance,
        owed=wallet.owed,
        as_of=now,
    )


def _by_book(book: Book, usage: NewUsage, *, counted: Decimal) -> UsageCheck:
    use = use_of(usage)
    required, refusal = _required(book.wallet, usage, counted=counted)
    if required is not None:
        try:
            book.check_usage(
                use, amount=required, shortfall=shortfall_of(usage), owed_limit=usage.currency.overdraft_limit
            )
        except Refusal as refused:
            refusal = refused
    return UsageCheck(
        refusal=refusal,
        required=required,
        available=book.spendable(use.meter_id),
        balance=book.balance,
        owed=book.owed,
        as_of=book.now,
        budgets=book.budgets.of(use, now=book.now),
    )


def _required(wallet: Wallet, usage: NewUsage, *, counted: Decimal) -> tuple[Credits | None, Refusal | None]:
    """The debit as the wallet's carry makes it (law 5), or why there is no price."""
    try:
        charge = charge_of(usage, counted=counted)
    except Refusal as refusal:
        return None, refusal
    return whole_debit(EXACT.add(wallet.carry, charge.price), usage.currency), None
