"""Debits: what takes credits, and what repays them. Pure."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from replenish.core.ids import BatchId, BudgetCounterId, MeterId, RefundId
from replenish.core.metadata import Metadata
from replenish.core.money import NO_CREDITS, Credits
from replenish.ledger import postings
from replenish.wallets import burn_down
from replenish.wallets.budget import Places, Use
from replenish.wallets.journal import Journal
from replenish.wallets.model import (
    Allocation,
    InsufficientCredits,
    Lot,
    Shortfall,
    Wallet,
    WalletFrozen,
)


class Debit(msgspec.Struct, frozen=True):
    """What a debit took: from which lots, and what is owed for it; its statement line; where budgets counted it."""

    allocations: tuple[Allocation, ...]
    owed: Credits
    line: int
    balance_after: Credits
    counter_ids: tuple[BudgetCounterId, ...] = ()


def check_row(wallet: Wallet, *, amount: Credits, shortfall: Shortfall, owed_limit: Credits | None) -> None:
    """What a debit would answer, from the wallet's row alone: nothing is due, no open lot has a scope, no budget is active.

    Raises WalletFrozen, InsufficientCredits.
    """
    if wallet.frozen:
        raise WalletFrozen
    short = amount - min(amount, wallet.available)
    if _refuses(wallet, short=short, shortfall=shortfall, owed_limit=owed_limit):
        raise _insufficient(wallet, required=amount, spendable=wallet.available)


def _refuses(wallet: Wallet, *, short: Credits, shortfall: Shortfall, owed_limit: Credits | None) -> bool:
    """Law 6: while anything is owed, nothing new is spent but what may be owed, too."""
    if shortfall == "reject":
        return bool(short) or bool(wallet.owed)
    return bool(short) and owed_limit is not None and wallet.owed + short > owed_limit


def _insufficient(wallet: Wallet, *, required: Credits, spendable: Credits) -> InsufficientCredits:
    return InsufficientCredits(required=required, spendable=spendable, balance=wallet.balance, owed=wallet.owed)


class Spending(Journal):
    """Laws 3 and 6: who pays for a debit, and what becomes of what nobody can pay."""

    def spendable(self, meter_id: MeterId | None) -> Credits:
        """What a debit for this meter could take now; less than available when lots are scoped."""
        return burn_down.total(burn_down.spendable(self.lots.values(), meter_id=meter_id, now=self.now))

    def refuse_frozen(self) -> None:
        if self.wallet.frozen:
            raise WalletFrozen

    def check_usage(
        self, use: Use, *, amount: Credits, shortfall: Shortfall, owed_limit: Credits | None
    ) -> tuple[Places, list[Allocation], Credits]:
        """What a usage event's debit would take, and where budgets would count it, without taking it.

        A budget refuses before missing credits do: whoever tops up then is not refused once more.
        Raises WalletFrozen, BudgetExceeded, InsufficientCredits.
        """
        self.refuse_frozen()
        places = self.budgets.admit(use, amount, now=self.now)
        allocations, short = self.check_debit(
            meter_id=use.meter_id, amount=amount, shortfall=shortfall, owed_limit=owed_limit
        )
        return places, allocations, short

    def check_debit(
        self, *, meter_id: MeterId | None, amount: Credits, shortfall: Shortfall, owed_limit: Credits | None
    ) -> tuple[list[Allocation], Credits]:
        """What a debit would take, without taking it (law 6). `owed_limit` None = without limit.

        Raises WalletFrozen, InsufficientCredits.
        """
        self.refuse_frozen()
        ordered = burn_down.spendable(self.lots.values(), meter_id=meter_id, now=self.now)
        allocations, short = burn_down.plan(ordered, amount=amount)
        if _refuses(self.wallet, short=short, shortfall=shortfall, owed_limit=owed_limit):
            raise _insufficient(self.wallet, required=amount, spendable=burn_down.total(ordered))
        return allocations, short

    def debit_usage(
        self,
        *,
        event_id: UUID,
        batch_id: BatchId,
        meter_id: MeterId | None,
        amount: Credits,
        shortfall: Shortfall,
        owed_limit: Credits | None,
        properties: Metadata | None = None,
    ) -> Debit:
        """Take a usage event's debit. Transfers are gathered per lot for the whole batch; the event is the line."""
        places, allocations, short = self.check_usage(
            Use(meter_id, properties), amount=amount, shortfall=shortfall, owed_limit=owed_limit
        )
        debit = self._take_usage(allocations, short, event_id=event_id, batch_id=batch_id, meter_id=meter_id)
        counter_ids = self.budgets.spend(places, amount, now=self.now)
        return msgspec.structs.replace(debit, counter_ids=counter_ids) if counter_ids else debit

    def _take_usage(
        self,
        allocations: Sequence[Allocation],
        short: Credits,
        *,
        event_id: UUID,
        batch_id: BatchId,
        meter_id: MeterId | None,
    ) -> Debit:
        self._batch_id = batch_id
        wallet = self.wallet
        for allocation in allocations:
            self._take(self.lots[allocation.lot_id], allocation.amount)
            self._gather(allocation.lot_id, allocation.amount)
            wallet.available -= allocation.amount
            wallet.spent += allocation.amount
        if short:
            wallet.owed += short
            wallet.spent += short
            self._gather(None, short)
            self._owe(cause="usage", cause_id=event_id, meter_id=meter_id, amount=short)
        wallet.line += 1
        return Debit(tuple(allocations), short, line=wallet.line, balance_after=wallet.balance)

    def take_adjustment(self, *, amount: Credits, adjustment_id: UUID, note: str) -> Debit:
        """An operator takes credits, from unscoped lots in burn order; all or nothing."""
        allocations, short = self.check_debit(meter_id=None, amount=amount, shortfall="reject", owed_limit=None)
        for allocation in allocations:
            self._take(self.lots[allocation.lot_id], allocation.amount)
            posting = postings.adjustment(lot_id=allocation.lot_id, amount=allocation.amount)
            self._post(posting, cause="adjustment", cause_id=adjustment_id, at=self.now, note=note)
        return Debit(tuple(allocations), short, line=self.wallet.line, balance_after=self.balance)

    def _take_waiting_refund(self, lot: Lot, *, at: datetime) -> None:
        """A hold has ended: of what it kept, refunded credits go. What its capture spent of them is owed.

        Always owed, whatever the workspace writes off: they were unspent when the money went back.
        """
        ended = lot.refund_due - lot.held
        if lot.refund_id is None or ended <= NO_CREDITS:
            return
        lot.refund_due -= ended
        taken = min(ended, lot.free)
        self._take_refunded(lot, taken, refund_id=lot.refund_id, at=at)
        self._owe_refunded(ended - taken, refund_id=lot.refund_id, at=at)

    def _take_refunded(self, lot: Lot, amount: Credits, *, refund_id: RefundId, at: datetime, note: str = "") -> None:
        self._touch(lot)
        if amount:
            self._take(lot, amount)
            posting = postings.refund(lot_id=lot.id, amount=amount)
            self._post(posting, cause="refund", cause_id=refund_id, at=at, note=note)

    def _owe_refunded(self, amount: Credits, *, refund_id: RefundId, at: datetime, note: str = "") -> None:
        if amount:
            posting = postings.refund_owed(amount=amount)
            self._post(posting, cause="refund", cause_id=refund_id, at=at, note=note)
            self._owe(cause="refund", cause_id=refund_id, meter_id=None, amount=amount)

    def _repay(self, *, at: datetime) -> None:
        """Law 6: whatever is owed is repaid oldest first, by lots that cover its meter."""
        for item in self.owed_items:
            if not item.remaining:
                continue
            ordered = burn_down.spendable(self.lots.values(), meter_id=item.meter_id, now=at)
            allocations, short = burn_down.plan(ordered, amount=item.remaining)
            for allocation in allocations:
                self._take(self.lots[allocation.lot_id], allocation.amount)
                posting = postings.repayment(lot_id=allocation.lot_id, amount=allocation.amount)
                self._post(posting, cause="owed_item", cause_id=item.id, at=at)
            if allocations:
                self._set_owed(item, short)
