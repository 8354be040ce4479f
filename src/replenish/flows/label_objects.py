"""What a merchant pins to an object: metadata, and nothing else. Credits and money do not move, so no wallet is locked."""

import msgspec

from replenish.core.db import Database
from replenish.core.errors import NotFound
from replenish.core.ids import CheckoutSessionId, LotId, TopUpId, WorkspaceId
from replenish.core.metadata import Metadata, clean_metadata
from replenish.core.transaction import transaction
from replenish.payments import operations as payments
from replenish.topups import operations as topups
from replenish.wallets import operations as wallets


async def label_grant(*, db: Database, workspace_id: WorkspaceId, lot_id: LotId, metadata: Metadata) -> None:
    """Replace a grant's metadata as a whole. Raises NotFound, Invalid(metadata)."""
    clean_metadata(metadata)
    async with transaction(db) as tx:
        if not await wallets.set_lot_metadata(tx, workspace_id=workspace_id, lot_id=lot_id, metadata=metadata):
            raise NotFound("credit grant")


async def label_top_up(*, db: Database, workspace_id: WorkspaceId, top_up_id: TopUpId, metadata: Metadata) -> None:
    """Replace a top-up's metadata as a whole. Raises NotFound, Invalid(metadata)."""
    clean_metadata(metadata)
    async with transaction(db) as tx:
        await topups.set_metadata(tx, workspace_id=workspace_id, top_up_id=top_up_id, metadata=metadata)


async def label_checkout_session(
    *, db: Database, workspace_id: WorkspaceId, session_id: CheckoutSessionId, metadata: Metadata
) -> None:
    """Replace a checkout session's metadata as a whole. Raises NotFound, Invalid(metadata)."""
    clean_metadata(metadata)
    async with transaction(db) as tx:
        session = await payments.lock_session(tx, session_id=session_id)
        if session.workspace_id != workspace_id:
            raise NotFound("checkout session")
        await payments.change_session(tx, msgspec.structs.replace(session, metadata=metadata))
