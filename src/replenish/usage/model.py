"""Usage events: what was reported, what it cost, which lots paid."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final, Literal
from uuid import UUID

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


class RatedPart(msgspec.Struct, frozen=True):
    """So many units at one rate; where the type is `package`, so many packages."""

    units: Decimal
    rate: Decimal


class Rating(msgspec.Struct, frozen=True, kw_only=True):
    """How a price came about that value and `credits_per_unit` do not tell. `parts` add up to the price.

    `month`: its first day, where tiers decided; `units` is what the event counts for in it, `counted` what was there before,
    `entry` what it counts under: an entry of the rate card, or "" for the meter's own rate.
    """

    type: Literal["package", "graduated"]
    parts: tuple[RatedPart, ...]
    package_size: Decimal | None = None
    month: date | None = None
    entry: str = ""
    units: Decimal | None = None
    counted: Decimal | None = None


class UsageEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded event; never changed. `lot_ids` and `lot_amounts` are its allocation in burn order.

    `credits_per_unit` is the rate it was charged at: of a package where it was charged by packages, of the last tier it reached.
    `recorded_at` is real time, `booked_at` the wallet's now, `occurred_at` what the sender said. `counter_ids`: where budgets
    counted its debit.
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
    # None: the price is value times credits_per_unit, or credits_per_unit where events are counted.
    rating: Rating | None = None
    counter_ids: tuple[BudgetCounterId, ...] = ()

    @property
    def carried(self) -> Decimal:
        """What rounding left in the wallet's carry (law 5)."""
        return self.price - self.debit.value

    @property
    def month(self) -> "Month | None":
        """Where it counts, if tiers decided its price."""
        if self.rating is None or self.rating.month is None or self.meter_id is None:
            return None
        return Month(self.customer_id, self.wallet_id, self.meter_id, self.rating.month, self.rating.entry)


class Month(msgspec.Struct, frozen=True):
    """A wallet's month at one graduated rate of a meter; `first` is its first day in the workspace's time zone.

    `entry`: the key of the rate card's entry that has this rate; "" = the meter's own.
    """

    customer_id: CustomerId
    wallet_id: WalletId
    meter_id: MeterId
    first: date
    entry: str


class UsageDay(msgspec.Struct, frozen=True, kw_only=True):
    """What a wallet's meter took on one UTC day, by the wallet's now. Of `debit`, `reversed` has come back since."""

    customer_id: CustomerId
    id: UUID
    wallet_id: WalletId
    # None: debits without a meter.
    meter_id: MeterId | None
    day: date
    events: int
    value: Decimal
    debit: Credits
    reversed: Credits


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
