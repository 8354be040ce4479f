"""API keys: made, rotated, revoked. The secret exists only in the answer that made it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from replenish.access import operations as access
from replenish.access import queries
from replenish.access.model import GRACE_DEFAULT, Identity, RequestKey
from replenish.core.clock import utc_now
from replenish.core.db import Database
from replenish.core.errors import Forbidden
from replenish.core.ids import API_KEY, ApiKeyId, WorkspaceId
from replenish.core.transaction import transaction

CREATED: Final = 201


class NewApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """`secret` is None when the same request was answered before: it was shown then and is not stored."""

    id: ApiKeyId
    secret: str | None


async def create_api_key(
    *,
    db: Database,
    workspace_id: WorkspaceId,
    name: str,
    scopes: Sequence[str],
    expires_at: datetime | None = None,
    secret: str | None = None,
    asked_by: Identity | None = None,
    request_key: RequestKey | None = None,
) -> NewApiKey:
    """`asked_by` bounds the scopes: nobody hands out more than they hold. `secret` is given only in development.

    Raises Invalid(name | scopes | expires_at), Forbidden(scope_missing).
    """
    api_key_id = API_KEY.new()
    async with transaction(db) as tx:
        made = await access.claim_request_key(tx, request_key, api_key_id, CREATED)
        if made is not None:
            return NewApiKey(id=ApiKeyId(made), secret=None)
        workspace = await queries.workspace(tx, workspace_id=workspace_id)
        shown = await access.create_api_key(
            tx,
            api_key_id=api_key_id,
            workspace=workspace,
            name=name,
            scopes=scopes,
            now=utc_now(),
            expires_at=expires_at,
            secret=secret,
        )
        key = await queries.api_key(tx, workspace_id=workspace_id, api_key_id=api_key_id)
        if asked_by is not None and not asked_by.may_hand_out(key.scopes):
            raise Forbidden("A key can only hand out scopes that it holds itself.", code="scope_missing")
    return NewApiKey(id=api_key_id, secret=shown)


async def rotate_api_key(
    *,
    db: Database,
    workspace_id: WorkspaceId,
    api_key_id: ApiKeyId,
    grace: timedelta = GRACE_DEFAULT,
    asked_by: Identity | None = None,
    request_key: RequestKey | None = None,
) -> NewApiKey:
    """A new key with the same name and scopes; the old one works on for `grace`.

    Raises NotFound, Invalid(grace_seconds), Conflict(api_key_ended), Forbidden(scope_missing).
    """
    new_id = API_KEY.new()
    async with transaction(db) as tx:
        made = await access.claim_request_key(tx, request_key, new_id, CREATED)
        if made is not None:
            return NewApiKey(id=ApiKeyId(made), secret=None)
        old = await queries.api_key(tx, workspace_id=workspace_id, api_key_id=api_key_id)
        if asked_by is not None and not asked_by.may_hand_out(old.scopes):
            raise Forbidden("A key can only hand out scopes that it holds itself.", code="scope_missing")
        workspace = await queries.workspace(tx, workspace_id=workspace_id)
        secret = await access.rotate_api_key(
            tx, workspace=workspace, api_key_id=api_key_id, new_id=new_id, grace=grace, now=utc_now()
        )
    return NewApiKey(id=new_id, secret=secret)


async def revoke_api_key(*, db: Database, workspace_id: WorkspaceId, api_key_id: ApiKeyId) -> None:
    """The key stops working within a second. Twice is once. Raises NotFound."""
    async with transaction(db) as tx:
        await access.revoke_api_key(tx, workspace_id=workspace_id, api_key_id=api_key_id)
