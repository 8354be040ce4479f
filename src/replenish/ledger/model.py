"""The ledger's words: seven accounts a wallet, and transfers between them (law 1)."""

from datetime import datetime
from typing import Final, Literal, get_args
from uuid import UUID

import msgspec

from replenish.core.ids import CustomerId, LotId, TransferId, WalletId, WorkspaceId
from replenish.core.money import Credits

Account = Literal["issued", "available", "held", "owed", "spent", "expired", "revoked"]
ACCOUNTS: Final[tuple[Account, ...]] = get_args(Account)
# Sources of credits: their balance is what went out of them. The others hold what came in.
SOURCES: Final = frozenset[Account]({"issued", "owed"})

Kind = Literal[
    "grant", "usage", "owe", "repayment", "expiry", "void", "adjustment",
    "hold", "hold_release", "usage_reversal", "owe_reversal", "repayment_reversal", "refund", "refund_owed", "write_off",
]  # fmt: skip
Cause = Literal["batch", "grant", "owed_item", "lot_end", "void", "hold", "adjustment", "reversal", "refund", "dispute"]


class Posting(msgspec.Struct, frozen=True):
    """A named movement, not yet in the books: made only by `ledger.postings`."""

    kind: Kind
    from_account: Account
    to_account: Account
    amount: Credits
    lot_id: LotId | None


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the ledger. `line` and `balance_after` make it a statement line; usage has its lines in its events."""

    customer_id: CustomerId
    id: TransferId
    workspace_id: WorkspaceId
    wallet_id: WalletId
    lot_id: LotId | None
    kind: Kind
    from_account: Account
    to_account: Account
    amount: Credits
    cause: Cause
    cause_id: UUID
    reverses_id: TransferId | None = None
    note: str = ""
    line: int | None = None
    balance_after: Credits | None = None
    booked_at: datetime
    recorded_at: datetime
