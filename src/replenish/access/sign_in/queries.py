"""Reads of passwords' hashes and of one operator's own sessions."""

from datetime import timedelta
from typing import Final

from replenish.access.sign_in import store
from replenish.access.sign_in.model import OperatorSession, Secret
from replenish.core.db import Reads
from replenish.core.errors import NotFound
from replenish.core.ids import OperatorId
from replenish.core.rows import row_to, rows_to

# As long as a link may be used.
_LATELY: Final = timedelta(minutes=15)


async def secret_by_email(db: Reads, *, email: str) -> Secret | None:
    """None for an address without an account, and for a disabled operator's."""
    found = await store.secret_by_email(db, email)
    return None if found is None else row_to(Secret, found)


async def secret(db: Reads, *, operator_id: OperatorId) -> Secret:
    found = await store.secret(db, operator_id)
    if found is None:
        raise NotFound("operator")
    return row_to(Secret, found)


async def sessions(db: Reads, *, operator_id: OperatorId) -> list[OperatorSession]:
    """Those that still run, the latest first."""
    return rows_to(OperatorSession, await store.sessions(db, operator_id, _LATELY))
