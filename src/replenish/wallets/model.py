"""Wallets, lots (credit grants) and owed items as a `Book` holds them in memory under the wallet's lock."""

from datetime import datetime
from decimal import Decimal
from typing import Final, Literal
from uuid import UUID

import msgspec

from replenish.core.errors import Conflict, PaymentRequired
from replenish.core.ids import (
    AdjustmentId,
    BudgetCounterId,
    CurrencyId,
    CustomerId,
    HoldId,
    LotId,
    MeterId,
    OwedItemId,
    RefundId,
    UsageEventId,
    WalletId,
    WorkspaceId,
)
from replenish.core.metadata import Metadata
from replenish.core.money import NO_CREDITS, Credits

Category = Literal["paid", "promotional"]
Source = Literal["top_up", "api", "adjustment", "schedule", "reinstatement"]
Shortfall = Literal["reject", "owe"]
OwedCause = Literal["usage", "refund", "dispute"]


class WalletRef(msgspec.Struct, frozen=True):
    """One customer x one credit currency."""

    workspace_id: WorkspaceId
    customer_id: CustomerId
    currency_id: CurrencyId


class Wallet(msgspec.Struct, kw_only=True):
    """The wallet's row. `issued` to `revoked` are its seven accounts."""

    customer_id: CustomerId
    id: WalletId
    workspace_id: WorkspaceId
    currency_id: CurrencyId
    now_at: datetime
    recorded_at: datetime
    line: int
    issued: Credits
    available: Credits
    held: Credits
    owed: Credits
    spent: Credits
    expired: Credits
    revoked: Credits
    carry: Decimal
    good_until: datetime | None
    frozen_at: datetime | None
    customer_frozen_at: datetime | None
    act_below: Credits | None
    look_again_at: datetime | None
    # Whether an open lot has a scope, and whether a budget is active: without either, the row alone answers for a debit.
    scoped: bool = False
    budgeted: bool = False
    created_at: datetime

    @property
    def ref(self) -> WalletRef:
        return WalletRef(self.workspace_id, self.customer_id, self.currency_id)

    @property
    def credits(self) -> Credits:
        """Remaining of usable lots, held ones included (law 2)."""
        return self.available + self.held

    @property
    def balance(self) -> Credits:
        """Available minus owed; may be negative (law 2)."""
        return self.available - self.owed

    @property
    def frozen(self) -> bool:
        return self.frozen_at is not None or self.customer_frozen_at is not None


class Lot(msgspec.Struct, kw_only=True):
    """A credit grant. `remaining` includes `held`, and is 0 until the lot starts.

    `refund_due` of what is held was refunded (by `refund_id`, the last one of several) and goes when its hold ends.
    """

    customer_id: CustomerId
    id: LotId
    workspace_id: WorkspaceId
    wallet_id: WalletId
    category: Category
    priority: int
    name: str = ""
    amount: Credits
    remaining: Credits
    held: Credits
    refund_due: Credits = NO_CREDITS
    refund_id: RefundId | None = None
    effective_at: datetime
    expires_at: datetime | None
    scope: tuple[MeterId, ...] = ()
    cost_amount: Decimal | None = None
    cost_currency_id: CurrencyId | None = None
    source: Source
    source_id: UUID | None = None
    metadata: Metadata = {}
    opened_at: datetime | None = None
    expired_at: datetime | None = None
    voided_at: datetime | None = None
    closed_at: datetime | None = None
    created_at: datetime

    @property
    def free(self) -> Credits:
        return self.remaining - self.held

    def covers(self, meter_id: MeterId | None) -> bool:
        """An empty scope covers every meter; a debit without a meter uses unscoped lots only."""
        return not self.scope or (meter_id is not None and meter_id in self.scope)

    def is_open(self, now: datetime) -> bool:
        """Law 4: open while effective_at <= now < expires_at, to the microsecond."""
        return (
            self.voided_at is None and self.effective_at <= now and (self.expires_at is None or now < self.expires_at)
        )

    def status(self, now: datetime) -> Literal["pending", "granted", "depleted", "expired", "voided"]:
        if self.voided_at is not None:
            return "voided"
        if now < self.effective_at:
            return "pending"
        if self.expires_at is not None and self.expires_at <= now and (self.remaining or self.expired_at is not None):
            return "expired"
        return "granted" if self.remaining or self.opened_at is None else "depleted"


class OwedItem(msgspec.Struct, kw_only=True):
    """Usage that no lot could pay, or refunded credits that were spent; repaid oldest first (law 6)."""

    customer_id: CustomerId
    id: OwedItemId
    workspace_id: WorkspaceId
    wallet_id: WalletId
    cause: OwedCause
    cause_id: UUID
    meter_id: MeterId | None
    amount: Credits
    remaining: Credits
    created_at: datetime
    closed_at: datetime | None = None


HoldState = Literal["open", "captured", "released", "expired"]
# How long a hold lives unless said, and at most.
HOLD_SECONDS: Final = 15 * 60
HOLD_SECONDS_MAX: Final = 24 * 3600


class Hold(msgspec.Struct, kw_only=True):
    """Credits reserved for something whose cost is known later. `lot_ids` and `lot_amounts` are its allocation.

    `captured` is what its capture took in all; what was above the hold came out of the balance. Its capture's event carries
    `properties`, with those that the capture adds. `counter_ids`: where the amount counts against budgets while it is open.
    """

    customer_id: CustomerId
    id: HoldId
    workspace_id: WorkspaceId
    wallet_id: WalletId
    meter_id: MeterId | None
    state: HoldState
    amount: Credits
    lot_ids: tuple[LotId, ...]
    lot_amounts: tuple[Decimal, ...]
    captured: Credits | None = None
    usage_event_id: UsageEventId | None = None
    counter_ids: tuple[BudgetCounterId, ...] = ()
    metadata: Metadata = {}
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
    properties: Metadata = {}
    # For how much, in the meter's unit, or in credits without one; None: it was held before this was known.
    value: Decimal | None = None

    @property
    def allocations(self) -> list["Allocation"]:
        """By lot, in burn order; a lot that an increase asked again stands there twice."""
        return [
            Allocation(lot_id, Credits(amount)) for lot_id, amount in zip(self.lot_ids, self.lot_amounts, strict=True)
        ]


class Adjustment(msgspec.Struct, frozen=True, kw_only=True):
    """Credits given (positive) or taken (negative) by hand, with who and why. `lot_id` is the grant of given ones."""

    customer_id: CustomerId
    id: AdjustmentId
    workspace_id: WorkspaceId
    wallet_id: WalletId
    amount: Decimal
    reason: str
    actor: str
    lot_id: LotId | None
    created_at: datetime


class TakenBack(msgspec.Struct, frozen=True, kw_only=True):
    """What became of refunded credits: taken now, lapsed before, kept by holds until they end, owed, written off."""

    taken: Credits
    lapsed: Credits
    held: Credits
    owed: Credits
    written_off: Credits


class Allocation(msgspec.Struct, frozen=True):
    """Which lot pays how much."""

    lot_id: LotId
    amount: Credits


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """A wallet at an instant (law 2)."""

    customer_id: CustomerId
    wallet_id: WalletId | None
    currency_id: CurrencyId
    credits: Credits
    held: Credits
    available: Credits
    owed: Credits
    balance: Credits
    frozen: bool
    as_of: datetime
    # When something was last booked, in real time; None without a wallet.
    moved_at: datetime | None = None


class Expiring(msgspec.Struct, frozen=True):
    """What is left of the lots that end first, if nothing of them is spent before."""

    at: datetime
    amount: Credits


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """A wallet's life in sums, at an instant: balance = purchased + added - used - expired - revoked - held.

    `purchased` are paid lots that have started, `added` promotional ones; `revoked` was taken back (void, adjustment,
    refund). `line` is the number of the last statement line.
    """

    purchased: Credits
    added: Credits
    used: Credits
    expired: Credits
    revoked: Credits
    held: Credits
    owed: Credits
    balance: Credits
    frozen: bool
    line: int
    as_of: datetime


class HoldEnded(Conflict):
    """A hold that is captured, released or expired already. `hold` is as it stands."""

    def __init__(self, hold: Hold) -> None:
        super().__init__(f"This hold is {hold.state} already.", code=f"hold_{hold.state}")
        self.hold = hold


class InsufficientCredits(PaymentRequired):
    """A debit that nothing can pay. Takes nothing."""

    code = "insufficient_credits"

    def __init__(self, *, required: Credits, spendable: Credits, balance: Credits, owed: Credits) -> None:
        text = f"{required} credits are required and {spendable} can be spent here."
        if owed:
            text = f"{owed} credits are owed; they are repaid before anything new is spent."
        super().__init__(
            text,
            numbers={
                "required": str(required),
                "available": str(spendable),
                "balance": str(balance),
                "owed": str(owed),
            },
        )


class WalletFrozen(Conflict):
    code = "wallet_frozen"

    def __init__(self) -> None:
        super().__init__("This wallet is frozen; its credits can neither be spent nor topped up until it is unfrozen.")
