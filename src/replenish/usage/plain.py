"""The columns of a batch of plain debits, as one statement takes them, and what it answers. Pure.

Wallets are sorted by customer and credit currency, which is the order in which they are locked; events stand by wallet, in
arrival order.
"""

from datetime import datetime
from decimal import Decimal

import msgspec

from replenish.core.ids import (
    BatchId,
    CurrencyId,
    CustomerId,
    LotId,
    MeterId,
    TransferId,
    UsageEventId,
    WalletId,
    WorkspaceId,
)
from replenish.core.money import ZERO
from replenish.usage.model import Rating


class Wallets(msgspec.Struct, frozen=True):
    """One entry a wallet. `scopes`: the meter of all its events, None without one; `mixed`: there are several."""

    customers: list[CustomerId] = []
    currencies: list[CurrencyId] = []
    workspaces: list[WorkspaceId] = []
    decimals: list[int] = []
    counts: list[int] = []
    prices: list[Decimal] = []
    scopes: list[MeterId | None] = []
    mixed: list[bool] = []
    transfers: list[TransferId] = []


class Events(msgspec.Struct, frozen=True):
    """One entry an event. `at`, `rank`: its wallet's place and its place there, from 1; `sums`: prices up to it."""

    at: list[int] = []
    rank: list[int] = []
    ids: list[UsageEventId] = []
    keys: list[str] = []
    hashes: list[bytes] = []
    meters: list[MeterId | None] = []
    values: list[Decimal] = []
    rates: list[Decimal] = []
    prices: list[Decimal] = []
    sums: list[Decimal] = []
    occurred: list[datetime | None] = []
    properties: list[str | None] = []
    ratings: list[Rating | None] = []


class PlainBatch(msgspec.Struct, frozen=True):
    id: BatchId
    wallets: Wallets
    events: Events


class PlainDebit(msgspec.Struct, frozen=True):
    """What became of the event at `place` in the batch. `lot_id` paid all of it."""

    place: int
    wallet_id: WalletId
    lot_id: LotId
    booked_at: datetime
    recorded_at: datetime
    line: int
    debit: Decimal
    balance_after: Decimal

    def allocation(self) -> tuple[tuple[LotId, ...], tuple[Decimal, ...]]:
        """What is recorded: no lot where nothing was taken."""
        return ((self.lot_id,), (self.debit,)) if self.debit != ZERO else ((), ())
