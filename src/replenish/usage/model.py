"""Usage events: what was reported, what it cost, which lots paid."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from replenish.core.errors import Conflict
from replenish.core.ids import (
    BatchId,
    BudgetCounterId,
    CustomerId,
    LotId,
    MeterId,
    UsageEventId,
    UsageReversalId,
    WalletId,
    WorkspaceId,
)
from replenish.core.metadata import Metadata
from replenish.core.money import Credits

# How far `occurred_at` may lie from the wallet's now. The past window is what a late sender gets; the future one is
# what clocks differ by.
PAST_MAX: Final = timedelta(days=35)
FUTURE_MAX: Final = timedelta(minutes=5)
BATCH_MAX: Final = 1000


class UsageEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded event; never changed. `lot_ids` and `lot_amounts` are its allocation in burn order.

    `counter_ids`: where budgets counted its debit. `recorded_at` is real time, `booked_at` the wallet's now, `occurred_at` what the sender said.
    """

    customer_id: CustomerId
    recorded_at: datetime
    id: UsageEventId
    workspace_id: WorkspaceId
    wallet_id: WalletId
    meter_id: MeterId | None
    key: str
    value: Decimal
    credits_per_unit: Decimal
    price: Decimal
    debit: Credits
    owed: Credits
    lot_ids: tuple[LotId, ...]
    lot_amounts: tuple[Decimal, ...]
    batch_id: BatchId
    line: int
    balance_after: Credits
    occurred_at: datetime
    booked_at: datetime
    properties: Metadata | None = None
    counter_ids: tuple[BudgetCounterId, ...] = ()

    @property
    def carried(self) -> Decimal:
        """What rounding left in the wallet's carry (law 5)."""
        return self.price - self.debit.value


class UsageKey(msgspec.Struct, frozen=True):
    """A key that was used, for good: the hash of what it was used with, and the event (or credit grant) it stands for."""

    customer_id: CustomerId
    key: str
    hash: bytes
    event_id: UsageEventId | LotId
    recorded_at: datetime


class UsageReversal(msgspec.Struct, frozen=True, kw_only=True):
    """An event taken back: what returned to lots, and what was forgiven of its owed part."""

    customer_id: CustomerId
    id: UsageReversalId
    workspace_id: WorkspaceId
    wallet_id: WalletId
    event_id: UsageEventId
    returned: Credits
    forgiven: Credits
    reason: str
    created_at: datetime


class UsageConflict(Conflict):
    """The key stands for another event already (law 7)."""

    code = "idempotency_mismatch"

    def __init__(self, key: str) -> None:
        super().__init__(f"The idempotency key {key!r} was used for an event with other fields.")
