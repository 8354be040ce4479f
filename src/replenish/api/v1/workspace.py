"""The workspace that the key belongs to, and its test clock."""

from typing import Annotated, ClassVar

from msgspec import Meta

from replenish.access import queries
from replenish.access.model import Mode, RefundPolicy
from replenish.api.v1.call import Call
from replenish.api.v1.routing import changes, reads, replaces
from replenish.api.v1.wire import Body, Example, Shown, Time
from replenish.core.ids import WORKSPACE
from replenish.flows import manage_workspaces

WorkspaceName = Annotated[str, Meta(min_length=1, max_length=128)]
TimeZone = Annotated[str, Meta(min_length=1, max_length=64, examples=["Europe/Berlin"])]


class WorkspaceChanges(Body):
    EXAMPLE: ClassVar[Example] = {"time_zone": "Europe/Berlin"}

    name: Annotated[WorkspaceName | None, Meta(description="What the workspace is called.")] = None
    time_zone: Annotated[
        TimeZone | None,
        Meta(description="Where days and months begin, for caps, tiers, budgets and schedules, such as Europe/Berlin."),
    ] = None
    paykickstart_always_200: Annotated[
        bool | None,
        Meta(
            description="Whether refusals on PayKickstart's endpoints come with status 200 and their real code in the body."
        ),
    ] = None
    refund_policy: Annotated[
        RefundPolicy | None,
        Meta(
            description="What becomes of refunded credits that are spent already: they are owed (`owe`) or written off (`write_off`)."
        ),
    ] = None


class WorkspaceView(Shown):
    id: str
    mode: Mode
    twin_id: str
    name: str
    time_zone: str
    paykickstart_always_200: bool
    refund_policy: RefundPolicy
    created_at: Time


class NewClock(Body):
    EXAMPLE: ClassVar[Example] = {"now": "2030-01-01T00:00:00Z"}

    now: Annotated[Time, Meta(description="The test clock's new time; it only moves forward.")]


class ClockView(Shown):
    """`test_clock` is null while the clock was never moved, and always in live workspaces."""

    mode: Mode
    now: Time
    test_clock: Time | None


async def _show(call: Call) -> WorkspaceView:
    found = await queries.workspace(call.db, workspace_id=call.workspace_id)
    return WorkspaceView(
        id=WORKSPACE.text(found.id),
        mode=found.mode,
        twin_id=WORKSPACE.text(found.twin_id),
        name=found.name,
        time_zone=found.time_zone,
        paykickstart_always_200=await queries.paykickstart_always_200(call.db, workspace_id=found.id),
        refund_policy=await queries.refund_policy(call.db, workspace_id=found.id),
        created_at=found.created_at,
    )


async def _show_clock(call: Call) -> ClockView:
    found = await queries.workspace(call.db, workspace_id=call.workspace_id)
    now = await queries.now(call.db, call.workspace_id)
    return ClockView(mode=found.mode, now=now, test_clock=found.test_clock)


@reads("/workspace")
async def retrieve_workspace(call: Call) -> WorkspaceView:
    """Retrieve the workspace that this API key belongs to."""
    return await _show(call)


@changes("/workspace", scope="*")
async def change_workspace(data: WorkspaceChanges, call: Call) -> WorkspaceView:
    """Change the workspace. Name and time zone are shared with its twin."""
    await manage_workspaces.change_workspace(
        db=call.db,
        workspace_id=call.workspace_id,
        name=data.name,
        time_zone=data.time_zone,
        paykickstart_always_200=data.paykickstart_always_200,
        refund_policy=data.refund_policy,
    )
    return await _show(call)


@reads("/test_clock")
async def retrieve_test_clock(call: Call) -> ClockView:
    """Retrieve the workspace's now."""
    return await _show_clock(call)


@replaces("/test_clock", scope="catalog:write")
async def move_test_clock(data: NewClock, call: Call) -> ClockView:
    """Move the test clock forward. Test workspaces only; it never goes back."""
    await manage_workspaces.move_test_clock(db=call.db, workspace_id=call.workspace_id, to=data.now)
    return await _show_clock(call)


routes = [retrieve_workspace, change_workspace, retrieve_test_clock, move_test_clock]
