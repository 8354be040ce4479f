"""Workspaces, the team and the test clock."""

from datetime import datetime
from uuid import UUID

import msgspec

from replenish.access import operations as access
from replenish.access import queries
from replenish.access.model import Mode, RefundPolicy, Role
from replenish.catalog import operations as catalog
from replenish.core.clock import utc_now
from replenish.core.db import Database
from replenish.core.ids import OperatorId, WorkspaceId
from replenish.core.transaction import transaction


class Twins(msgspec.Struct, frozen=True, kw_only=True):
    """A merchant's two workspaces."""

    live: WorkspaceId
    test: WorkspaceId


async def create_workspace(*, db: Database, name: str, time_zone: str = "UTC") -> Twins:
    """A live workspace and its test twin, each with the currencies it can be paid in.

    Raises Invalid(name | time_zone).
    """
    now = utc_now()
    async with transaction(db) as tx:
        live, test = await access.create_twins(tx, name=name, time_zone=time_zone, now=now)
        for workspace_id in (live, test):
            await catalog.seed_currencies(tx, workspace_id=workspace_id, now=now)
    return Twins(live=live, test=test)


async def change_workspace(
    *,
    db: Database,
    workspace_id: WorkspaceId,
    name: str | None = None,
    time_zone: str | None = None,
    paykickstart_always_200: bool | None = None,
    refund_policy: RefundPolicy | None = None,
) -> None:
    """Name and time zone change for both twins, the rest for this one alone. Raises Invalid(name | time_zone), NotFound."""
    async with transaction(db) as tx:
        await access.change_workspace(tx, workspace_id=workspace_id, name=name, time_zone=time_zone)
        if paykickstart_always_200 is not None:
            await access.set_paykickstart_always_200(tx, workspace_id=workspace_id, on=paykickstart_always_200)
        if refund_policy is not None:
            await access.set_refund_policy(tx, workspace_id=workspace_id, policy=refund_policy)


async def move_test_clock(*, db: Database, workspace_id: WorkspaceId, to: datetime) -> None:
    """Forward only, test workspaces only; moving it to where it stands changes nothing. Raises Invalid(now)."""
    async with transaction(db) as tx:
        await access.move_test_clock(tx, workspace_id=workspace_id, to=to)


async def create_operator(
    *, db: Database, workspace_id: WorkspaceId, email: str, name: str = "", role: Role = "owner"
) -> OperatorId:
    """A member of a live workspace's team. Raises Invalid(email | …), Conflict(email_taken), NotFound."""
    async with transaction(db) as tx:
        workspace = await queries.workspace(tx, workspace_id=workspace_id)
        return await access.create_operator(tx, workspace=workspace, email=email, name=name, role=role)


async def create_sign_in_link(*, db: Database, operator_id: OperatorId, mode: Mode = "live") -> str:
    """The token of a one-time link into the admin, good for 15 minutes. `mode`: the workspace that it opens first."""
    async with transaction(db) as tx:
        return await access.create_sign_in_link(tx, operator_id=operator_id, mode=mode)


async def enter_admin(*, db: Database, token: str, user_agent: str = "") -> str:
    """Exchange a sign-in link's token for a cookie's value, once. Raises Unauthenticated(link_ended)."""
    async with transaction(db) as tx:
        return await access.enter_admin(tx, token=token, user_agent=user_agent)


async def look_at(*, db: Database, session_id: UUID, mode: Mode) -> None:
    """Switch an operator's session to the live or the test workspace."""
    async with transaction(db) as tx:
        await access.look_at(tx, session_id=session_id, mode=mode)


async def leave_admin(*, db: Database, operator_id: OperatorId, session_id: UUID) -> None:
    """End one of the operator's own sessions; twice is once. Raises NotFound."""
    async with transaction(db) as tx:
        await access.end_operator_session(tx, operator_id=operator_id, session_id=session_id)


async def forget_request_keys(*, db: Database) -> int:
    """Delete Idempotency-Keys older than 30 days, a thousand at a time; returns how many went."""
    async with transaction(db) as tx:
        return await access.forget_request_keys(tx)
