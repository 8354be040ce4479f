"""Writes of passwords and sessions. Called by flows, inside their transaction; hashing is done before it begins."""

from uuid import UUID

from uuid_utils.compat import uuid7

from replenish.access.model import ADMIN_LIFE
from replenish.access.sign_in import store
from replenish.access.sign_in.model import Secret
from replenish.access.tokens import hash_of, new_token
from replenish.core.errors import Conflict
from replenish.core.ids import OperatorId
from replenish.core.transaction import Tx


async def open_session(tx: Tx, *, secret: Secret, user_agent: str) -> str | None:
    """A cookie's value for the owner of this secret; None when it is no longer theirs."""
    cookie = new_token()
    made = await store.insert_session(
        tx, uuid7(), secret.operator_id, secret.password_hash or "", hash_of(cookie), ADMIN_LIFE, user_agent
    )
    return None if made is None else cookie


async def set_password(tx: Tx, *, old: Secret, password_hash: str) -> None:
    """Raises Conflict(password_changed) when it is no longer the one that was compared."""
    if not await store.set_password(tx, old.operator_id, old.password_hash, password_hash):
        raise Conflict("Your password was changed elsewhere meanwhile.", code="password_changed")


async def end_other_sessions(tx: Tx, *, operator_id: OperatorId, keep: UUID) -> int:
    """Returns how many, sign-in links that were not used yet included."""
    return await store.end_other_sessions(tx, operator_id, keep)
