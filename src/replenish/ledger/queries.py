"""Reading the ledger for one customer."""

from collections.abc import Sequence
from uuid import UUID

from replenish.core.db import Reads
from replenish.core.ids import CustomerId
from replenish.core.rows import rows_to
from replenish.ledger.model import Transfer


async def transfers_of(db: Reads, *, customer_id: CustomerId, cause_ids: Sequence[UUID]) -> list[Transfer]:
    """The transfers that belong to these causes (owed items, holds, top-ups…; no batches of usage), oldest first."""
    rows = await db.fetch(
        "select * from transfers where customer_id = $1 and cause_id = any($2::uuid[])"
        " and cause <> 'batch' order by recorded_at, line, id",
        customer_id,
        list(cause_ids),
    )
    return rows_to(Transfer, rows)
