"""Reads of audit entries, newest first, ids below `before`. Another workspace's are not found (law 16)."""

from replenish.audit import store
from replenish.audit.model import AuditEntry
from replenish.core.db import Reads
from replenish.core.ids import AuditEntryId, WorkspaceId
from replenish.core.rows import rows_to


async def entries(
    db: Reads,
    *,
    workspace_id: WorkspaceId,
    team_of: WorkspaceId | None = None,
    before: AuditEntryId | None = None,
    limit: int = 50,
) -> list[AuditEntry]:
    """`team_of`: the live workspace, whose operators' own changes (passwords, sessions) concern its twin, too."""
    return rows_to(AuditEntry, await store.entries(db, workspace_id, team_of or workspace_id, before, limit))
