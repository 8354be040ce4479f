"""Writing audit entries. Called by flows, inside the transaction that makes the change."""

from replenish.audit import store
from replenish.audit.model import Actor, Change
from replenish.core.ids import AUDIT_ENTRY, WorkspaceId
from replenish.core.transaction import Tx


async def record(tx: Tx, *, workspace_id: WorkspaceId, actor: Actor | None, change: Change) -> None:
    """One entry. None without an operator (an API key did it) and for a change that changed nothing."""
    if actor is None or (change.before and not change.fields):
        return
    await store.insert_entry(tx, AUDIT_ENTRY.new(), workspace_id, actor, change)
