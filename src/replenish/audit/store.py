"""SQL of audit entries."""

from collections.abc import Sequence

from asyncpg import Record

from replenish.audit.model import Actor, Change
from replenish.core.db import Reads
from replenish.core.ids import AuditEntryId, WorkspaceId
from replenish.core.transaction import Tx


async def insert_entry(tx: Tx, entry_id: AuditEntryId, workspace_id: WorkspaceId, actor: Actor, change: Change) -> None:
    await tx.execute(
        "insert into audit_entries (id, workspace_id, operator_id, operator_email, action, object_type, object_id,"
        " object_name, before, after) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        entry_id,
        workspace_id,
        actor.operator_id,
        actor.email,
        change.action,
        change.object_type,
        change.object_id,
        change.object_name,
        change.before,
        change.after,
    )


async def entries(
    db: Reads, workspace_id: WorkspaceId, team_of: WorkspaceId, before: AuditEntryId | None, limit: int
) -> Sequence[Record]:
    return await db.fetch(
        "select * from audit_entries where (workspace_id = $1 or (workspace_id = $2 and object_type = 'operator'))"
        " and ($3::uuid is null or id < $3) order by id desc limit $4",
        workspace_id,
        team_of,
        before,
        limit,
    )
