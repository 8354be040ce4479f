"""A locked wallet in memory, and how its changes are kept: as transfers, and as the rows to write. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import cast
from uuid import UUID

from replenish.core import ids
from replenish.core.ids import BatchId, HoldId, LotId, MeterId, OwedItemId, TransferId
from replenish.core.money import Credits
from replenish.ledger import postings
from replenish.ledger.model import SOURCES, Cause, Posting, Transfer
from replenish.wallets.budget import Budgets
from replenish.wallets.model import (
    Hold,
    Lot,
    OwedCause,
    OwedItem,
    Wallet,
)


class Journal:
    """A locked wallet with its open lots, owed items and holds, at its now; knows no rule but that each change is kept."""

    def __init__(
        self,
        wallet: Wallet,
        *,
        now: datetime,
        recorded_at: datetime,
        lots: Iterable[Lot],
        owed_items: Iterable[OwedItem],
        holds: Iterable[Hold] | None = None,
        budgets: Budgets | None = None,
    ) -> None:
        """`holds`: all that are open, or None when they were not loaded; then nothing of them may be due.

        `budgets`: the active ones; None = there are none.
        """
        self.wallet = wallet
        self.now = now
        self.recorded_at = recorded_at
        self.lots: dict[LotId, Lot] = {lot.id: lot for lot in lots}
        self.owed_items: list[OwedItem] = sorted(owed_items, key=lambda item: (item.created_at, item.id))
        self.holds: dict[HoldId, Hold] = {hold.id: hold for hold in holds or ()}
        self._all_holds_known = holds is not None or not wallet.held
        self.transfers: list[Transfer] = []
        self.new_lots: dict[LotId, Lot] = {}
        self.changed_lots: dict[LotId, Lot] = {}
        self.new_owed_items: dict[OwedItemId, OwedItem] = {}
        self.changed_owed_items: dict[OwedItemId, OwedItem] = {}
        self.new_holds: dict[HoldId, Hold] = {}
        self.changed_holds: dict[HoldId, Hold] = {}
        self.budgets = budgets or Budgets()
        self._usage: dict[LotId | None, Credits] = {}
        self._batch_id: BatchId | None = None

    @property
    def available(self) -> Credits:
        return self.wallet.available

    @property
    def owed(self) -> Credits:
        return self.wallet.owed

    @property
    def balance(self) -> Credits:
        return self.wallet.balance

    # Keeping what changes

    def _renew_good_until(self) -> None:
        moments = [lot.effective_at for lot in self.lots.values() if lot.opened_at is None and lot.closed_at is None]
        moments += [
            lot.expires_at
            for lot in self.lots.values()
            if lot.expires_at is not None and lot.expired_at is None and lot.closed_at is None
        ]
        moments += [hold.expires_at for hold in self.holds.values() if hold.ended_at is None]
        if not self._all_holds_known and self.wallet.good_until is not None:
            # Of the holds that were not loaded only this is known: none ends before it. Too early is only a wasted look.
            moments.append(self.wallet.good_until)
        self.wallet.good_until = min((moment for moment in moments if moment > self.now), default=None)

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

    def _touch_hold(self, hold: Hold) -> None:
        if hold.id not in self.new_holds:
            self.changed_holds[hold.id] = hold

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
