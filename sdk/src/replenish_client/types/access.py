"""The workspace, its clock and its keys."""

from collections.abc import Sequence
from datetime import datetime

from replenish_client.types.base import Answer


class Workspace(Answer, frozen=True, kw_only=True):
    """One merchant's isolated books. `mode`: `live`, `test`; `twin_id` is the other of the two.

    `refund_policy`: refunded credits that are spent already are owed (`owe`) or written off (`write_off`).
    """

    id: str
    mode: str
    twin_id: str
    name: str
    time_zone: str
    paykickstart_always_200: bool
    refund_policy: str
    created_at: datetime


class Clock(Answer, frozen=True, kw_only=True):
    """The workspace's `now`. `test_clock` is None while it was never moved, and always in live workspaces."""

    mode: str
    now: datetime
    test_clock: datetime | None


class ApiKey(Answer, frozen=True, kw_only=True):
    """A key without its secret; `hint` is its last characters."""

    id: str
    name: str
    hint: str
    scopes: Sequence[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    replaced_by: str | None


class ApiKeyWithSecret(ApiKey, frozen=True, kw_only=True):
    """`secret` is the key itself, shown this once; None when the request was repeated under its idempotency key."""

    secret: str | None

    def __repr__(self) -> str:
        return f"ApiKeyWithSecret(id={self.id!r}, name={self.name!r}, hint={self.hint!r})"
