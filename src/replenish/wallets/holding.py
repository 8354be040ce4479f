"""Holds: credits reserved now, captured or released later. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from replenish.core.errors import Invalid
from replenish.core.ids import BatchId, HoldId, LotId, MeterId, UsageEventId
from replenish.core.metadata import Metadata
from replenish.core.money import NO_CREDITS, Credits
from replenish.ledger import postings
from replenish.wallets.budget import Use
from replenish.wallets.model import (
    HOLD_SECONDS,
    Allocation,
    Hold,
    HoldEnded,
    HoldState,
    Shortfall,
)
from replenish.wallets.spending import Debit, Spending


class NewHold(msgspec.Struct, frozen=True, kw_only=True):
    """What a hold is made of; it ends by itself after `seconds`."""

    id: HoldId
    amount: Credits
    meter_id: MeterId | None
    seconds: int = HOLD_SECONDS
    metadata: Metadata = {}
    properties: Metadata = {}
    value: Decimal | None = None


class Holding(Spending):
    """Law 4: a hold keeps its credits whatever becomes of its lots, and frees them when it ends."""

    def hold(self, new: NewHold) -> HoldId:
        """Reserve credits of the lots that would pay for it now; always all or nothing.

        Raises Invalid, WalletFrozen, BudgetExceeded, InsufficientCredits.
        """
        if new.amount.value <= 0:
            raise Invalid("amount", "must be greater than 0")
        self.refuse_frozen()
        places = self.budgets.admit(Use(new.meter_id, new.properties), new.amount, now=self.now)
        allocations = self._reserve(new.meter_id, new.amount, hold_id=new.id)
        hold = Hold(
            customer_id=self.wallet.customer_id,
            id=new.id,
            workspace_id=self.wallet.workspace_id,
            wallet_id=self.wallet.id,
            meter_id=new.meter_id,
            state="open",
            amount=new.amount,
            lot_ids=tuple(allocation.lot_id for allocation in allocations),
            lot_amounts=tuple(allocation.amount.value for allocation in allocations),
            counter_ids=self.budgets.reserve(places, new.amount, now=self.now),
            metadata=new.metadata,
            properties=new.properties,
            value=new.value,
            created_at=self.now,
            expires_at=self.now + timedelta(seconds=new.seconds),
        )
        self.holds[hold.id] = hold
        self.new_holds[hold.id] = hold
        self._renew_good_until()
        return hold.id

    def increase_hold(self, hold: Hold, *, amount: Credits, value: Decimal | None) -> None:
        """Reserve more for an open hold, which is then for `value` in all; budgets count it in the window of the hold.

        Nothing more is reserved where the whole costs no more (a package that was begun). Raises as `hold` does, and HoldEnded.
        """
        _refuse_ended(hold)
        self.refuse_frozen()
        if amount > NO_CREDITS:
            self.budgets.admit_more(hold, amount)
            allocations = self._reserve(hold.meter_id, amount, hold_id=hold.id)
            self.budgets.reserve_more(hold, amount, now=self.now)
            hold.amount += amount
            hold.lot_ids += tuple(allocation.lot_id for allocation in allocations)
            hold.lot_amounts += tuple(allocation.amount.value for allocation in allocations)
        hold.value = value
        self._touch_hold(hold)

    def extend_hold(self, hold: Hold, *, seconds: int) -> None:
        """Let an open hold end `seconds` from now, if that is later than it would. Raises HoldEnded."""
        _refuse_ended(hold)
        hold.expires_at = max(hold.expires_at, self.now + timedelta(seconds=seconds))
        self._touch_hold(hold)
        self._renew_good_until()

    def release_hold(self, hold: Hold) -> None:
        """End an open hold; its credits can be spent again, and those of ended lots lapse. Raises HoldEnded."""
        _refuse_ended(hold)
        self._end_hold(hold, state="released", at=self.now)
        self._renew_good_until()

    def capture_usage(
        self,
        hold: Hold,
        *,
        event_id: UsageEventId,
        batch_id: BatchId,
        amount: Credits,
        shortfall: Shortfall,
        owed_limit: Credits | None,
        properties: Metadata | None = None,
    ) -> Debit:
        """Take a usage event's debit from the front of an open hold, free the rest; what is above comes from the balance.

        All or nothing: when the part above cannot be paid, the hold stays as it was. Budgets count it in today's window.
        Raises HoldEnded, BudgetExceeded, InsufficientCredits.
        """
        _refuse_ended(hold)
        places = self.budgets.admit(Use(hold.meter_id, properties), amount, now=self.now, hold=hold)
        kept, above = _front(hold, amount)
        more: list[Allocation] = []
        short = NO_CREDITS
        if above:
            more, short = self.check_debit(
                meter_id=hold.meter_id, amount=above, shortfall=shortfall, owed_limit=owed_limit
            )
        self._free(hold, at=self.now)
        hold.state, hold.ended_at, hold.captured = "captured", self.now, amount
        hold.usage_event_id = event_id
        self._touch_hold(hold)
        debit = self._take_usage(
            _merged([*kept, *more]), short, event_id=event_id, batch_id=batch_id, meter_id=hold.meter_id
        )
        balance_after = self.wallet.balance
        counter_ids = self.budgets.spend(places, amount, now=self.now)
        self._lapse_ended(hold, at=self.now)
        self._repay(at=self.now)
        self._renew_good_until()
        return msgspec.structs.replace(debit, balance_after=balance_after, counter_ids=counter_ids)

    def _reserve(self, meter_id: MeterId | None, amount: Credits, *, hold_id: HoldId) -> list[Allocation]:
        allocations, _ = self.check_debit(meter_id=meter_id, amount=amount, shortfall="reject", owed_limit=None)
        for allocation in allocations:
            lot = self.lots[allocation.lot_id]
            lot.held += allocation.amount
            self._touch(lot)
            posting = postings.hold(lot_id=lot.id, amount=allocation.amount)
            self._post(posting, cause="hold", cause_id=hold_id, at=self.now)
        return allocations

    def _expire_hold(self, hold: Hold, at: datetime) -> None:
        if hold.ended_at is None:
            self._end_hold(hold, state="expired", at=at)

    def _end_hold(self, hold: Hold, *, state: HoldState, at: datetime) -> None:
        self._free(hold, at=at)
        hold.state, hold.ended_at = state, at
        self._touch_hold(hold)
        self._lapse_ended(hold, at=at)
        self._repay(at=at)

    def _free(self, hold: Hold, *, at: datetime) -> None:
        """Last burned first (law 3)."""
        self.budgets.release(hold)
        for allocation in reversed(hold.allocations):
            lot = self.lots[allocation.lot_id]
            lot.held -= allocation.amount
            self._touch(lot)
            posting = postings.hold_release(lot_id=lot.id, amount=allocation.amount)
            self._post(posting, cause="hold", cause_id=hold.id, at=at)

    def _lapse_ended(self, hold: Hold, *, at: datetime) -> None:
        """Law 4: what a hold kept of lots that were refunded or have ended since is taken, or lapses, at once."""
        for lot_id in dict.fromkeys(hold.lot_ids):
            lot = self.lots[lot_id]
            self._take_waiting_refund(lot, at=at)
            if not lot.is_open(at):
                kind = "expiry" if lot.voided_at is None else "void"
                self._take_all(lot, kind=kind, cause="lot_end", cause_id=lot.id, at=at)


def _refuse_ended(hold: Hold) -> None:
    if hold.ended_at is not None:
        raise HoldEnded(hold)


def _front(hold: Hold, amount: Credits) -> tuple[list[Allocation], Credits]:
    """The first `amount` of a hold's allocation, and what is above the hold."""
    kept: list[Allocation] = []
    left = amount
    for allocation in hold.allocations:
        part = min(left, allocation.amount)
        if part:
            kept.append(Allocation(allocation.lot_id, part))
            left -= part
    return kept, left


def _merged(allocations: Iterable[Allocation]) -> list[Allocation]:
    """One entry a lot, in the order in which lots first appear."""
    amounts: dict[LotId, Credits] = {}
    for allocation in allocations:
        before = amounts.get(allocation.lot_id)
        amounts[allocation.lot_id] = allocation.amount if before is None else before + allocation.amount
    return [Allocation(lot_id, amount) for lot_id, amount in amounts.items()]
