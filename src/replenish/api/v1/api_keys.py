"""API keys: made, rotated, revoked."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, ClassVar

from msgspec import Meta

from replenish.access import queries
from replenish.access.model import GRACE_DEFAULT, GRACE_MAX, ApiKey, Scope
from replenish.api.v1.call import Call
from replenish.api.v1.routing import acts, creates, reads
from replenish.api.v1.wire import Body, Cursor, Example, Limit, Page, Shown, Time, before, page, path_id
from replenish.core.ids import API_KEY
from replenish.flows import manage_api_keys
from replenish.flows.manage_api_keys import NewApiKey as MadeApiKey

KeyName = Annotated[str, Meta(min_length=1, max_length=128)]


class NewApiKey(Body):
    EXAMPLE: ClassVar[Example] = {"name": "Reporting", "scopes": ["read"]}

    name: Annotated[KeyName, Meta(description="What the key is for, in your words.")]
    scopes: Annotated[
        list[Scope], Meta(min_length=1, max_length=20, description="What the key may do; `*` is everything.")
    ]
    expires_at: Annotated[Time | None, Meta(description="When it stops working; never unless said.")] = None


class Rotation(Body):
    EXAMPLE: ClassVar[Example] = {"grace_seconds": 3600}

    grace_seconds: Annotated[
        int, Meta(ge=0, le=int(GRACE_MAX.total_seconds()), description="How long the old key goes on working.")
    ] = int(GRACE_DEFAULT.total_seconds())


class ApiKeyView(Shown):
    id: str
    name: str
    # The last characters of the key.
    hint: str
    scopes: Sequence[Scope]
    created_at: Time
    expires_at: Time | None
    revoked_at: Time | None
    replaced_by: str | None


class ApiKeyWithSecretView(ApiKeyView):
    """`secret` is shown this once; a repeated request with the same Idempotency-Key answers null."""

    secret: str | None


def show(key: ApiKey) -> ApiKeyView:
    return ApiKeyView(
        id=API_KEY.text(key.id),
        name=key.name,
        hint=key.hint,
        scopes=key.scopes,
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        replaced_by=None if key.replaced_by is None else API_KEY.text(key.replaced_by),
    )


async def _show_made(call: Call, made: MadeApiKey) -> ApiKeyWithSecretView:
    shown = show(await queries.api_key(call.db, workspace_id=call.workspace_id, api_key_id=made.id))
    return ApiKeyWithSecretView(
        id=shown.id,
        name=shown.name,
        hint=shown.hint,
        scopes=shown.scopes,
        created_at=shown.created_at,
        expires_at=shown.expires_at,
        revoked_at=shown.revoked_at,
        replaced_by=shown.replaced_by,
        secret=made.secret,
    )


@creates("/api_keys", scope="keys:write")
async def create_api_key(data: NewApiKey, call: Call) -> ApiKeyWithSecretView:
    """Create an API key for this workspace. The asking key must itself hold each scope that it hands out."""
    made = await manage_api_keys.create_api_key(
        db=call.db,
        workspace_id=call.workspace_id,
        name=data.name,
        scopes=data.scopes,
        expires_at=data.expires_at,
        asked_by=call.identity,
        request_key=call.request_key(data),
    )
    return await _show_made(call, made)


@reads("/api_keys")
async def list_api_keys(call: Call, limit: Limit = 20, cursor: Cursor | None = None) -> Page[ApiKeyView]:
    """List API keys, newest first, revoked and expired ones too."""
    rows = await queries.api_keys(call.db, workspace_id=call.workspace_id, before=before(cursor), limit=limit + 1)
    return page(rows, limit=limit, show=show, id_of=lambda row: row.id)


@reads("/api_keys/{api_key_id:str}")
async def retrieve_api_key(api_key_id: str, call: Call) -> ApiKeyView:
    """Retrieve an API key. Its secret is never shown again."""
    found = path_id(API_KEY, api_key_id, "api key")
    return show(await queries.api_key(call.db, workspace_id=call.workspace_id, api_key_id=found))


@acts("/api_keys/{api_key_id:str}/rotate", scope="keys:write", status=201, takes_key=True)
async def rotate_api_key(api_key_id: str, data: Rotation, call: Call) -> ApiKeyWithSecretView:
    """Replace an API key: the new one has its name and scopes, the old one works on for the grace period."""
    made = await manage_api_keys.rotate_api_key(
        db=call.db,
        workspace_id=call.workspace_id,
        api_key_id=path_id(API_KEY, api_key_id, "api key"),
        grace=timedelta(seconds=data.grace_seconds),
        asked_by=call.identity,
        request_key=call.request_key(data),
    )
    return await _show_made(call, made)


@acts("/api_keys/{api_key_id:str}/revoke", scope="keys:write")
async def revoke_api_key(api_key_id: str, call: Call) -> ApiKeyView:
    """Revoke an API key. It stops working within a second. Twice is once."""
    found = path_id(API_KEY, api_key_id, "api key")
    await manage_api_keys.revoke_api_key(db=call.db, workspace_id=call.workspace_id, api_key_id=found)
    return show(await queries.api_key(call.db, workspace_id=call.workspace_id, api_key_id=found))


routes = [create_api_key, list_api_keys, retrieve_api_key, rotate_api_key, revoke_api_key]
