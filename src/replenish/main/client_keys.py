"""Client keys from the command line: which programs may sign requests for a merchant."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from replenish.access import queries as access
from replenish.access.clients import queries as clients
from replenish.core.db import Database
from replenish.core.errors import NotFound
from replenish.core.ids import CLIENT_KEY
from replenish.flows import manage_clients
from replenish.main.startup import open_database
from replenish.main.team import chosen


async def add(url: str, *, public_key: str, name: str, component: str | None, workspace: str | None) -> str:
    """Returns the client key's id. Raises Invalid(public_key | name | workspace), Conflict(client_key_taken)."""
    async with _open(url) as db:
        place = chosen(await access.workspaces(db), workspace)
        key_id = await manage_clients.add_client_key(
            db=db, workspace_id=place.id, name=name, public_key=public_key, component=component
        )
    return CLIENT_KEY.text(key_id)


async def revoke(url: str, *, client_key: str) -> None:
    """Raises NotFound."""
    key_id = CLIENT_KEY.parse(client_key, field="client_key")
    async with _open(url) as db:
        for workspace in await access.workspaces(db):
            if any(key.id == key_id for key in await clients.keys(db, workspace_id=workspace.id)):
                await manage_clients.revoke_client_key(db=db, workspace_id=workspace.id, key_id=key_id)
                return
    raise NotFound("client key")


async def listed(url: str) -> list[str]:
    """One line each: id, merchant, name, public key, and whether it was revoked."""
    lines: list[str] = []
    async with _open(url) as db:
        for workspace in await access.workspaces(db):
            for key in await clients.keys(db, workspace_id=workspace.id):
                ended = "  revoked" if key.revoked_at is not None else ""
                lines.append(f"{CLIENT_KEY.text(key.id)}  {workspace.name}  {key.name}  {key.public_key.hex()}{ended}")
    return lines


@asynccontextmanager
async def _open(url: str) -> AsyncGenerator[Database]:
    db = await open_database(url, size_max=1, application="replenish clients")
    try:
        yield db
    finally:
        await db.close()
