"""Workspaces from the command line: what a new database needs before anybody can sign in or call the API."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from replenish.access import queries as access
from replenish.access.model import Mode
from replenish.core.db import Database
from replenish.core.errors import Conflict, Invalid
from replenish.core.ids import WORKSPACE, WorkspaceId
from replenish.flows import manage_workspaces as flow
from replenish.flows.manage_api_keys import create_api_key
from replenish.main.startup import open_database
from replenish.main.team import chosen


async def add(url: str, *, name: str, time_zone: str) -> list[str]:
    """Make a live workspace and its test twin, with an API key each. Returns a line for each: mode, id, the key's secret.

    Raises Invalid(name | time_zone), Conflict(workspace_name_taken).
    """
    async with _open(url) as db:
        # A set-up that is run twice must not leave a second merchant beside the first, told apart by ids alone.
        if any(one.name.casefold() == name.casefold() for one in await access.workspaces(db)):
            raise Conflict(
                f"there is a workspace named {name!r} already; see replenish workspaces list",
                code="workspace_name_taken",
            )
        try:
            made = await flow.create_workspace(db=db, name=name, time_zone=time_zone)
        except Invalid as wrong:
            raise Invalid(wrong.field, f"{wrong.field} {wrong.detail}") from None
        return [
            f"{mode}  {WORKSPACE.text(workspace_id)}  {await _new_key(db, workspace_id)}"
            for mode, workspace_id in (("live", made.live), ("test", made.test))
        ]


async def new_key(url: str, *, workspace: str | None, mode: Mode) -> str:
    """One more API key with every scope: the way back when the others are lost. Raises Invalid(workspace)."""
    async with _open(url) as db:
        place = chosen(await access.workspaces(db), workspace)
        return await _new_key(db, place.id if mode == "live" else place.twin_id)


async def listed(url: str) -> list[str]:
    """One line each, oldest first, a live one before its test twin: id, mode, time zone, name."""
    async with _open(url) as db:
        return [
            f"{WORKSPACE.text(one.id)}  {one.mode}  {one.time_zone}  {one.name}" for one in await access.workspaces(db)
        ]


async def _new_key(db: Database, workspace_id: WorkspaceId) -> str:
    made = await create_api_key(db=db, workspace_id=workspace_id, name="replenish workspaces", scopes=["*"])
    if made.secret is None:
        raise RuntimeError("an API key was made without its secret")
    return made.secret


@asynccontextmanager
async def _open(url: str) -> AsyncGenerator[Database]:
    db = await open_database(url, size_max=1, application="replenish workspaces")
    try:
        yield db
    finally:
        await db.close()
