"""One wallet, locked and in memory: every rule of the vault, pure. `wallets.operations` opens and saves books.

A method checks first and then changes; when it raises, the book is as it was. Changes are kept as transfers and as the
sets of lots and owed items to write, so that a batch of any size is written with a constant number of statements.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from functools import partial
from uuid import UUID

import msgspec

from replenish.core import ids
from replenish.core.errors import Conflict, Invalid
from replenish.core.ids import BudgetCounterId, CurrencyId, LotId, MeterId, RefundId, TransferId
from replenish.core.metadata import Metadata
from replenish.core.money import NO_CREDITS, Credits
from replenish.ledger import postings
from replenish.ledger.model import Posting, Transfer
from replenish.wallets import burn_down
from replenish.wallets.holding import Holding
from replenish.wallets.model import (
    Allocation,
    Category,
    Lot,
    OwedItem,
    Source,
    TakenBack,
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


class Book(Holding):
    """A locked wallet: what falls due by itself, what comes in, and what is taken back."""

    def book_due(self) -> None:
        """Book every start, expiry and end of a hold up to now, in the order in which they fell due (laws 2, 4)."""
        if self.wallet.good_until is None or self.now < self.wallet.good_until:
            return
        ordered = sorted(self.lots.values(), key=burn_down.burn_order)
        due: list[tuple[datetime, int, Callable[[datetime], None]]] = [
            (lot.effective_at, 0, partial(self._open_lot, lot)) for lot in ordered if lot.opened_at is None
        ]
        due += [(lot.expires_at, 1, partial(self._lapse, lot)) for lot in ordered if lot.expires_at is not None]
        due += [(hold.expires_at, 2, partial(self._expire_hold, hold)) for hold in self.holds.values()]
        # Stable: what falls due at one instant keeps the burn order.
        for at, _, book in sorted(due, key=lambda moment: (moment[0], moment[1])):
            if at <= self.now:
                book(at)
        self._renew_good_until()

    def _open_lot(self, lot: Lot, at: datetime) -> None:
        lot.opened_at = at
        lot.remaining = lot.amount
        self._post(postings.grant(lot_id=lot.id, amount=lot.amount), cause="grant", cause_id=lot.id, at=at)
        self._touch(lot)
        self._repay(at=at)

    def _lapse(self, lot: Lot, at: datetime) -> None:
        """What no hold keeps lapses; `expired_at` says that the lot's time is over."""
        if lot.expired_at is not None or lot.voided_at is not None:
            return
        lot.expired_at = at
        self._take_all(lot, kind="expiry", cause="lot_end", cause_id=lot.id, at=at)

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
            self._open_lot(lot, self.now)
        self._renew_good_until()
        return lot.id

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

    def refund(
        self, lot: Lot, *, refund_id: RefundId, amount: Credits, lapsed: Credits, owe: bool, note: str
    ) -> TakenBack:
        """Take back credits whose money was given back (law 14): first what is unspent, the rest is owed or written off.

        `lapsed`: what of this lot has expired or was voided, less what earlier refunds counted of it. It was never spent, so
        nobody owes it. What holds keep is taken when they end (law 4).
        """
        taken = min(amount, lot.free)
        gone = min(amount - taken, lapsed)
        waiting = min(amount - taken - gone, lot.held - lot.refund_due)
        spent = amount - taken - gone - waiting
        self._take_refunded(lot, taken, refund_id=refund_id, at=self.now, note=note)
        if waiting:
            lot.refund_due += waiting
            lot.refund_id = refund_id
        if owe:
            self._owe_refunded(spent, refund_id=refund_id, at=self.now, note=note)
            self._repay(at=self.now)
        self._renew_good_until()
        return TakenBack(
            taken=taken,
            lapsed=gone,
            held=waiting,
            owed=spent if owe else NO_CREDITS,
            written_off=NO_CREDITS if owe else spent,
        )

    def reverse_usage(
        self,
        *,
        reversal_id: UUID,
        allocations: Iterable[Allocation],
        owed_item: OwedItem | None,
        repayments: Iterable[Transfer],
        carried: Decimal,
        debit: Credits,
        counter_ids: Iterable[BudgetCounterId],
        note: str,
    ) -> None:
        """Give back what an event took, last burned first, by its recorded allocation (law 3), never by today's order.

        `owed_item` is the event's, `repayments` the transfers that repaid it, `carried` its price - debit. A lot that
        has ended since takes its credits back only to let them lapse at once. Budgets get the debit back where it counted.
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
        self.budgets.give_back(counter_ids, debit)
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
