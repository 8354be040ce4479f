"""Operators from the command line: the way in when nobody is in yet, or a password is lost."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast, get_args

from replenish.access import queries as access
from replenish.access.model import Role, Workspace
from replenish.access.tokens import admin_link
from replenish.core import settings as environment
from replenish.core.db import Database
from replenish.core.errors import Invalid
from replenish.core.ids import WORKSPACE
from replenish.flows import manage_workspaces as flow
from replenish.main.startup import open_database


async def add(url: str, *, email: str, name: str, role: str, workspace: str | None) -> str:
    """Returns a sign-in link. Raises Invalid(email | name | role | workspace), Conflict(email_taken)."""
    if role not in get_args(Role):
        raise Invalid("role", f"role must be one of {', '.join(get_args(Role))}")
    async with _open(url) as db:
        place = chosen(await access.workspaces(db), workspace)
        operator_id = await flow.create_operator(
            db=db, workspace_id=place.id, email=email, name=name, role=cast("Role", role)
        )
        token = await flow.create_sign_in_link(db=db, operator_id=operator_id)
    return admin_link(environment.base_url_from(), token)


async def link(url: str, *, email: str) -> str:
    """Raises Invalid(email) for an address without an account, or a disabled one."""
    async with _open(url) as db:
        operator = await access.operator_by_email(db, email=email)
        if operator is None or operator.disabled_at is not None:
            raise Invalid("email", f"nobody who may sign in has the address {email!r}; see replenish operators add")
        token = await flow.create_sign_in_link(db=db, operator_id=operator.id)
    return admin_link(environment.base_url_from(), token)


def chosen(known: list[Workspace], wanted: str | None) -> Workspace:
    """The live workspace by id or name, or the only one. Raises Invalid(workspace)."""
    live = [one for one in known if one.mode == "live"]
    if wanted is not None:
        live = [one for one in live if wanted in {one.name, WORKSPACE.text(one.id)}]
    if len(live) == 1:
        return live[0]
    if not live and wanted is None:
        raise Invalid("workspace", "there is no workspace yet: make one with replenish workspaces add NAME")
    shown = ", ".join(f"{WORKSPACE.text(one.id)} ({one.name})" for one in known if one.mode == "live")
    raise Invalid(
        "workspace", f"choose one with --workspace: {shown or 'there is none yet; see replenish workspaces add'}"
    )


@asynccontextmanager
async def _open(url: str) -> AsyncGenerator[Database]:
    db = await open_database(url, size_max=1, application="replenish operators")
    try:
        yield db
    finally:
        await db.close()
