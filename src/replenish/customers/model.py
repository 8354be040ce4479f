"""Who may hold wallets, as values."""

from datetime import datetime

import msgspec

from replenish.core.ids import CustomerId, WorkspaceId
from replenish.core.metadata import Metadata


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """A customer of the merchant's. `external_id` is the merchant's own and never changes."""

    id: CustomerId
    workspace_id: WorkspaceId
    external_id: str
    email: str | None
    name: str
    metadata: Metadata
    # Frozen customers keep their credits and can neither spend nor buy.
    frozen_at: datetime | None
    created_at: datetime
