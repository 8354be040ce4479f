"""What a merchant pins to a credit grant."""

from replenish.core.db import Database
from replenish.core.errors import NotFound
from replenish.core.ids import LotId, WorkspaceId
from replenish.core.metadata import Metadata, clean_metadata
from replenish.core.transaction import transaction
from replenish.wallets import operations as wallets


async def label_grant(*, db: Database, workspace_id: WorkspaceId, lot_id: LotId, metadata: Metadata) -> None:
    """Replace a grant's metadata as a whole. Raises NotFound, Invalid(metadata)."""
    clean_metadata(metadata)
    async with transaction(db) as tx:
        if not await wallets.set_lot_metadata(tx, workspace_id=workspace_id, lot_id=lot_id, metadata=metadata):
            raise NotFound("credit grant")
