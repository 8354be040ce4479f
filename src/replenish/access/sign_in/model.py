"""Passwords and sessions of operators, as values."""

from datetime import datetime
from uuid import UUID

import msgspec

from replenish.core.ids import OperatorId


class Secret(msgspec.Struct, frozen=True, kw_only=True):
    """An operator who may sign in, with the hash of their password, if they have set one. Never shown."""

    operator_id: OperatorId
    password_hash: str | None


class OperatorSession(msgspec.Struct, frozen=True, kw_only=True):
    """One browser that is signed in. `by_link_lately`: by a one-time link, so short ago that it stands for a password."""

    id: UUID
    entered_at: datetime
    expires_at: datetime
    # As the browser calls itself.
    user_agent: str
    by_link_lately: bool
