"""Changes that operators make, as values."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from replenish.core.ids import AuditEntryId, OperatorId, WorkspaceId

# Fields as people read them.
Fields = Mapping[str, str]


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """The operator who does something."""

    operator_id: OperatorId
    email: str


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to one object. `action` is noun.verb in the past tense, as in events; empty `before`: it was made."""

    action: str
    object_type: str
    object_id: UUID
    object_name: str
    before: Fields = {}
    after: Fields = {}

    @property
    def fields(self) -> list[tuple[str, str, str]]:
        """Name, before, after, of those that differ."""
        names = dict.fromkeys((*self.before, *self.after))
        rows = [(name, self.before.get(name, ""), self.after.get(name, "")) for name in names]
        return [row for row in rows if row[1] != row[2]]


class AuditEntry(Change, frozen=True, kw_only=True):
    """A change as it was recorded."""

    id: AuditEntryId
    workspace_id: WorkspaceId
    operator_id: OperatorId
    operator_email: str
    created_at: datetime
