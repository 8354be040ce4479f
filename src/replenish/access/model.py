"""Who may do what, as values."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

import msgspec

from replenish.core.ids import ApiKeyId, CustomerId, OperatorId, PortalSessionId, WorkspaceId

Mode = Literal["live", "test"]
# What becomes of refunded credits that are spent: the customer owes them, or the merchant writes them off (law 14).
RefundPolicy = Literal["owe", "write_off"]
Role = Literal["owner", "member", "viewer"]
Scope = Literal[
    "read", "usage:write", "credits:write", "catalog:write", "customers:write", "payments:write", "keys:write", "*"
]
SCOPES: Final[tuple[Scope, ...]] = (
    "read",
    "usage:write",
    "credits:write",
    "catalog:write",
    "customers:write",
    "payments:write",
    "keys:write",
    "*",
)


# How long a rotated key works on.
GRACE_DEFAULT: Final = timedelta(hours=24)
GRACE_MAX: Final = timedelta(days=30)
REQUEST_KEY_LONGEST: Final = 255
# How long an operator stays signed in.
ADMIN_LIFE: Final = timedelta(hours=12)


class Workspace(msgspec.Struct, frozen=True, kw_only=True):
    """One merchant's isolated books, live or test."""

    id: WorkspaceId
    mode: Mode
    twin_id: WorkspaceId
    name: str
    time_zone: str
    # Test workspaces only; null = the database's clock.
    test_clock: datetime | None
    created_at: datetime


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it is shown: never with its secret or hash."""

    id: ApiKeyId
    workspace_id: WorkspaceId
    name: str
    hint: str
    scopes: Sequence[Scope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    replaced_by: ApiKeyId | None


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks by API key: resolved once at the edge and passed down."""

    workspace_id: WorkspaceId
    mode: Mode
    api_key_id: ApiKeyId
    scopes: Sequence[Scope]

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes or "*" in self.scopes

    def may_hand_out(self, scopes: Sequence[Scope]) -> bool:
        """Nobody hands out more than they hold: otherwise `keys:write` would be every scope."""
        return all(self.may(scope) for scope in scopes)


class PortalSession(msgspec.Struct, frozen=True, kw_only=True):
    """One customer's way into the portal: a one-time link, then a cookie."""

    id: PortalSessionId
    workspace_id: WorkspaceId
    customer_id: CustomerId
    return_url: str | None
    created_at: datetime
    link_expires_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    # Whether the link was exchanged for a cookie.
    entered: bool


class PortalVisitor(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks by portal cookie: exactly one customer."""

    session_id: PortalSessionId
    workspace_id: WorkspaceId
    mode: Mode
    customer_id: CustomerId
    return_url: str | None
    expires_at: datetime


class Operator(msgspec.Struct, frozen=True, kw_only=True):
    """A person of the merchant's team. `workspace_id` is the live one; the twin is reached from there."""

    id: OperatorId
    workspace_id: WorkspaceId
    email: str
    name: str
    role: Role
    created_at: datetime
    disabled_at: datetime | None


class OperatorVisitor(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks by admin cookie, and which of the two workspaces the session looks at."""

    session_id: UUID
    operator_id: OperatorId
    workspace_id: WorkspaceId
    test_workspace_id: WorkspaceId
    mode: Mode
    email: str
    name: str
    role: Role
    expires_at: datetime

    @property
    def looks_at(self) -> WorkspaceId:
        return self.test_workspace_id if self.mode == "test" else self.workspace_id


class RequestKey(msgspec.Struct, frozen=True, kw_only=True):
    """Law 7: the Idempotency-Key of one write, with what was asked. Stored in the flow's first transaction."""

    workspace_id: WorkspaceId
    key: str
    # SHA-256 over route and parsed fields.
    fingerprint: bytes
