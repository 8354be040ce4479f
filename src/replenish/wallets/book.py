"""One wallet, locked and in memory: every rule of the vault, pure. `wallets.operations` opens and saves books.

A method checks first and then changes; when it raises, the book is as it was. Changes are kept as transfers and as the
sets of lots and owed items to write, so that a batch of any size is written with a constant number of statements.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import cast
from uuid import UUID

import msgspec

from replenish.core import ids
from replenish.core.errors import Conflict, Invalid
from replenish.core.ids import BatchId, CurrencyId, LotId, MeterId, OwedItemId, TransferId
from replenish.core.metadata import Metadata
from replenish.core.money import NO_CREDITS, Credits
from replenish.ledger import postings
from replenish.ledger.model import SOURCES, Cause, Posting, Transfer
from replenish.wallets import burn_down
from replenish.wallets.model import (
    Allocation,
    Category,
    InsufficientCredits,
    Lot,
    OwedCause,
    OwedItem,
    Shortfall,
    Source,
    Wallet,
    WalletFrozen,
)


class NewLot(msgspec.Struct, frozen=True, kw_only=True):
    """What a grant is made of. `effective_at` None = now; `expires_at` None = never; an empty scope = all meters."""

    amount: Credits
    category: Category
    source: Source
    source_id: UUID | None = None
    priority: int = 50
    name: str = ""
    effective_at: datetime | None = None
    expires_at: datetime | None = None
    scope: tuple[MeterId, ...] = ()
    cost_amount: Decimal | None = None
    cost_currency_id: CurrencyId | None = None
    metadata: Metadata = {}


class Debit(msgspec.Struct, frozen=True):
    """What a debit took: from which lots, and what is owed for it."""

    allocations: tuple[Allocation, ...]
    owed: Credits


class Book:
    """A locked wallet with its open lots and owed items, at its now."""

    def __init__(
        self,
        wallet: Wallet,
        *,
        now: datetime,
        recorded_at: datetime,
        lots: Iterable[Lot],
        owed_items: Iterable[OwedItem],
    ) -> None:
        self.wallet = wallet
        self.now = now
        self.recorded_at = recorded_at
        self.lots: dict[LotId, Lot] = {lot.id: lot for lot in lots}
        self.owed_items: list[OwedItem] = sorted(owed_items, key=lambda item: (item.created_at, item.id))
        self.transfers: list[Transfer] = []
        self.new_lots: dict[LotId, Lot] = {}
        self.changed_lots: dict[LotId, Lot] = {}
        self.new_owed_items: dict[OwedItemId, OwedItem] = {}
        self.changed_owed_items: dict[OwedItemId, OwedItem] = {}
        self._usage: dict[LotId | None, Credits] = {}
        self._batch_id: BatchId | None = None

    # Reading

    @property
    def available(self) -> Credits:
        return self.wallet.available

    @property
    def owed(self) -> Credits:
        return self.wallet.owed

    @property
    def balance(self) -> Credits:
        return self.wallet.balance

    def spendable(self, meter_id: MeterId | None) -> Credits:
        """What a debit for this meter could take now; less than available when lots are scoped."""
        return burn_down.total(burn_down.spendable(self.lots.values(), meter_id=meter_id, now=self.now))

    def refuse_frozen(self) -> None:
        if self.wallet.frozen_at is not None or self.wallet.customer_frozen_at is not None:
            raise WalletFrozen

    # What falls due by itself

    def book_due(self) -> None:
        """Book every start and expiry up to now, in the order in which they fell due (law 2, 4)."""
        if self.wallet.good_until is None or self.now < self.wallet.good_until:
            return
        moments = [(lot.effective_at, 0, lot) for lot in self.lots.values() if lot.opened_at is None]
        moments += [(lot.expires_at, 1, lot) for lot in self.lots.values() if lot.expires_at is not None]
        due = [moment for moment in moments if moment[0] <= self.now]
        for at, step, lot in sorted(due, key=lambda moment: (moment[0], moment[1], burn_down.burn_order(moment[2]))):
            if step == 0:
                self._open_lot(lot, at=at)
            else:
                self._lapse(lot, at=at)
        self._renew_good_until()

    def _open_lot(self, lot: Lot, *, at: datetime) -> None:
        lot.opened_at = at
        lot.remaining = lot.amount
        self._post(postings.grant(lot_id=lot.id, amount=lot.amount), cause="grant", cause_id=lot.id, at=at)
        self._touch(lot)
        self._repay(at=at)

    def _lapse(self, lot: Lot, *, at: datetime) -> None:
        """What no hold keeps lapses; `expired_at` says that the lot's time is over."""
        if lot.expired_at is not None or lot.voided_at is not None:
            return
        lot.expired_at = at
        self._take_all(lot, kind="expiry", cause="lot_end", cause_id=lot.id, at=at)

    def _renew_good_until(self) -> None:
        moments = [lot.effective_at for lot in self.lots.values() if lot.opened_at is None and lot.closed_at is None]
        moments += [
            lot.expires_at
            for lot in self.lots.values()
            if lot.expires_at is not None and lot.expired_at is None and lot.closed_at is None
        ]
        self.wallet.good_until = min((moment for moment in moments if moment > self.now), default=None)

    # Credits come in

    def grant(self, new: NewLot, *, lot_id: LotId | None = None) -> LotId:
        """Add a lot; it starts at once unless `effective_at` lies ahead. Whatever is owed is repaid from it first.

        A flow that must name the lot beforehand (a request key does) passes `lot_id`.

        Raises Invalid for an amount that is not positive and for times that contradict each other.
        """
        effective_at = new.effective_at or self.now
        if new.amount.value <= 0:
            raise Invalid("amount", "must be greater than 0")
        if new.expires_at is not None and new.expires_at <= max(effective_at, self.now):
            raise Invalid("expires_at", "must be later than now and than effective_at")
        lot = Lot(
            customer_id=self.wallet.customer_id,
            id=lot_id or ids.LOT.new(),
            workspace_id=self.wallet.workspace_id,
            wallet_id=self.wallet.id,
            category=new.category,
            priority=new.priority,
            name=new.name,
            amount=new.amount,
            remaining=NO_CREDITS,
            held=NO_CREDITS,
            effective_at=effective_at,
            expires_at=new.expires_at,
            scope=new.scope,
            cost_amount=new.cost_amount,
            cost_currency_id=new.cost_currency_id,
            source=new.source,
            source_id=new.source_id,
            metadata=dict(new.metadata),
            created_at=self.now,
        )
        self.lots[lot.id] = lot
        self.new_lots[lot.id] = lot
        if effective_at <= self.now:
            self._open_lot(lot, at=self.now)
        self._renew_good_until()
        return lot.id

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

    # Credits go out

    def check_debit(
        self, *, meter_id: MeterId | None, amount: Credits, shortfall: Shortfall, owed_limit: Credits | None
    ) -> tuple[list[Allocation], Credits]:
        """What a debit would take, without taking it (law 6). `owed_limit` None = without limit.

        Raises WalletFrozen, InsufficientCredits.
        """
        self.refuse_frozen()
        ordered = burn_down.spendable(self.lots.values(), meter_id=meter_id, now=self.now)
        allocations, short = burn_down.plan(ordered, amount=amount)
        if shortfall == "reject":
            refused = bool(short) or bool(self.wallet.owed)
        else:
            refused = bool(short) and owed_limit is not None and self.wallet.owed + short > owed_limit
        if refused:
            raise InsufficientCredits(
                required=amount, spendable=burn_down.total(ordered), balance=self.balance, owed=self.wallet.owed
            )
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
    ) -> Debit:
        """Take a usage event's debit. Transfers are gathered per lot for the whole batch; the event is the line."""
        allocations, short = self.check_debit(
            meter_id=meter_id, amount=amount, shortfall=shortfall, owed_limit=owed_limit
        )
        self._batch_id = batch_id
        for allocation in allocations:
            self._take(self.lots[allocation.lot_id], allocation.amount)
            self._gather(allocation.lot_id, allocation.amount)
        moved = amount - short
        self.wallet.available -= moved
        self.wallet.spent += amount
        if short:
            self.wallet.owed += short
            self._gather(None, short)
            self._owe(cause="usage", cause_id=event_id, meter_id=meter_id, amount=short)
        self.wallet.line += 1
        return Debit(tuple(allocations), short)

    def take_adjustment(self, *, amount: Credits, adjustment_id: UUID, note: str) -> Debit:
        """An operator takes credits, from unscoped lots in burn order; all or nothing."""
        allocations, short = self.check_debit(meter_id=None, amount=amount, shortfall="reject", owed_limit=None)
        for allocation in allocations:
            self._take(self.lots[allocation.lot_id], allocation.amount)
            posting = postings.adjustment(lot_id=allocation.lot_id, amount=allocation.amount)
            self._post(posting, cause="adjustment", cause_id=adjustment_id, at=self.now, note=note)
        return Debit(tuple(allocations), short)

    def void(self, lot: Lot) -> Credits:
        """Take a lot back: the un-held part now, the held part when its hold ends (law 4). Returns what was taken.

        Raises Conflict when it is voided, expired or used up already.
        """
        status = lot.status(self.now)
        if status in {"voided", "expired", "depleted"}:
            raise Conflict(f"This credit grant is {status}; there is nothing left to void.", code=f"grant_{status}")
        lot.voided_at = self.now
        if lot.opened_at is None:
            lot.closed_at = self.now
            self._touch(lot)
            taken = NO_CREDITS
        else:
            taken = self._take_all(lot, kind="void", cause="void", cause_id=lot.id, at=self.now)
        self._renew_good_until()
        return taken

    def reverse_usage(
        self,
        *,
        reversal_id: UUID,
        allocations: Iterable[Allocation],
        owed_item: OwedItem | None,
        repayments: Iterable[Transfer],
        carried: Decimal,
        note: str,
    ) -> None:
        """Give back what an event took, last burned first, by its recorded allocation (law 3), never by today's order.

        `owed_item` is the event's, `repayments` the transfers that repaid it, `carried` its price - debit. A lot that
        has ended since takes its credits back only to let them lapse at once.
        """
        ended: list[Lot] = []
        for allocation in reversed(list(allocations)):
            posting = postings.usage_reversal(lot_id=allocation.lot_id, amount=allocation.amount)
            ended += self._return(posting, allocation, reversal_id=reversal_id, note=note)
        if owed_item is not None:
            for transfer in reversed(list(repayments)):
                if transfer.lot_id is None:
                    continue
                allocation = Allocation(transfer.lot_id, transfer.amount)
                posting = postings.repayment_reversal(lot_id=transfer.lot_id, amount=transfer.amount)
                ended += self._return(posting, allocation, reversal_id=reversal_id, note=note, reverses=transfer.id)
            posting = postings.owe_reversal(amount=owed_item.amount)
            self._post(posting, cause="reversal", cause_id=reversal_id, at=self.now, note=note)
            self._set_owed(owed_item, NO_CREDITS)
        for lot in ended:
            if lot.voided_at is None:
                lot.expired_at = lot.expired_at or self.now
            kind = "void" if lot.voided_at is not None else "expiry"
            self._take_all(lot, kind=kind, cause="lot_end", cause_id=lot.id, at=self.now)
        self.wallet.carry -= carried
        self._repay(at=self.now)
        self._renew_good_until()

    def _return(
        self,
        posting: Posting,
        allocation: Allocation,
        *,
        reversal_id: UUID,
        note: str,
        reverses: TransferId | None = None,
    ) -> list[Lot]:
        lot = self.lots[allocation.lot_id]
        lot.remaining += allocation.amount
        lot.closed_at = None
        self._post(posting, cause="reversal", cause_id=reversal_id, at=self.now, note=note, reverses=reverses)
        self._touch(lot)
        return [] if lot.is_open(self.now) else [lot]

    # Bookkeeping

    def gather_usage(self) -> None:
        """Turn the batch's gathered debits into one transfer per lot and kind."""
        if self._batch_id is None:
            return
        for lot_id, amount in self._usage.items():
            posting = postings.owe(amount=amount) if lot_id is None else postings.usage(lot_id=lot_id, amount=amount)
            self.transfers.append(self._transfer(posting, cause="batch", cause_id=self._batch_id, at=self.now))
        self._usage = {}
        self._batch_id = None

    def _gather(self, lot_id: LotId | None, amount: Credits) -> None:
        before = self._usage.get(lot_id)
        self._usage[lot_id] = amount if before is None else before + amount

    def _take(self, lot: Lot, amount: Credits) -> None:
        lot.remaining -= amount
        if not lot.remaining:
            lot.closed_at = self.now
        self._touch(lot)

    def _take_all(self, lot: Lot, *, kind: str, cause: Cause, cause_id: UUID, at: datetime) -> Credits:
        free = lot.free
        if free:
            lot.remaining -= free
            post = postings.void if kind == "void" else postings.expiry
            self._post(post(lot_id=lot.id, amount=free), cause=cause, cause_id=cause_id, at=at)
        if not lot.remaining:
            lot.closed_at = at
        self._touch(lot)
        return free

    def _owe(self, *, cause: OwedCause, cause_id: UUID, meter_id: MeterId | None, amount: Credits) -> None:
        item = OwedItem(
            customer_id=self.wallet.customer_id,
            id=ids.OWED_ITEM.new(),
            workspace_id=self.wallet.workspace_id,
            wallet_id=self.wallet.id,
            cause=cause,
            cause_id=cause_id,
            meter_id=meter_id,
            amount=amount,
            remaining=amount,
            created_at=self.now,
        )
        self.owed_items.append(item)
        self.new_owed_items[item.id] = item

    def _set_owed(self, item: OwedItem, remaining: Credits) -> None:
        item.remaining = remaining
        item.closed_at = None if remaining else self.now
        if item.id not in self.new_owed_items:
            self.changed_owed_items[item.id] = item

    def _touch(self, lot: Lot) -> None:
        if lot.id not in self.new_lots:
            self.changed_lots[lot.id] = lot

    def _post(
        self,
        posting: Posting,
        *,
        cause: Cause,
        cause_id: UUID,
        at: datetime,
        note: str = "",
        reverses: TransferId | None = None,
    ) -> None:
        """A posting of its own: moves the accounts and becomes a statement line."""
        wallet = self.wallet
        _move(wallet, posting)
        wallet.line += 1
        transfer = self._transfer(
            posting, cause=cause, cause_id=cause_id, at=at, note=note, reverses=reverses, line=wallet.line
        )
        self.transfers.append(transfer)

    def _transfer(
        self,
        posting: Posting,
        *,
        cause: Cause,
        cause_id: UUID,
        at: datetime,
        note: str = "",
        reverses: TransferId | None = None,
        line: int | None = None,
    ) -> Transfer:
        return Transfer(
            customer_id=self.wallet.customer_id,
            id=ids.TRANSFER.new(),
            workspace_id=self.wallet.workspace_id,
            wallet_id=self.wallet.id,
            lot_id=posting.lot_id,
            kind=posting.kind,
            from_account=posting.from_account,
            to_account=posting.to_account,
            amount=posting.amount,
            cause=cause,
            cause_id=cause_id,
            reverses_id=reverses,
            note=note,
            line=line,
            balance_after=None if line is None else self.wallet.balance,
            booked_at=at,
            recorded_at=self.recorded_at,
        )


def _move(wallet: Wallet, posting: Posting) -> None:
    """Sources (issued, owed) grow by what leaves them; the other accounts by what comes in."""
    for account, leaves in ((posting.from_account, True), (posting.to_account, False)):
        before = cast("Credits", getattr(wallet, account))
        grows = leaves == (account in SOURCES)
        setattr(wallet, account, before + posting.amount if grows else before - posting.amount)
