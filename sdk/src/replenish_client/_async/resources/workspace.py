"""The workspace that the API key belongs to, and its test clock."""

from replenish_client._async.resources.base import AsyncResource
from replenish_client._values import Moment, known, moment
from replenish_client.params import RefundPolicy
from replenish_client.types.access import Clock, Workspace


class AsyncWorkspaces(AsyncResource):
    """`client.workspace`."""

    async def retrieve(self) -> Workspace:
        """Retrieve the workspace that this API key belongs to."""
        return await self._transport.get("/v1/workspace", Workspace)

    async def update(
        self,
        *,
        name: str | None = None,
        time_zone: str | None = None,
        paykickstart_always_200: bool | None = None,
        refund_policy: RefundPolicy | None = None,
    ) -> Workspace:
        """Change its name or time zone, such as "Europe/Berlin"; its twin changes with it. What is not given stays.

        `paykickstart_always_200` is this workspace's alone: refusals on PayKickstart's endpoints come with status 200.
        So is `refund_policy`: refunded credits that are spent already are owed, or written off.
        """
        body = known(
            name=name,
            time_zone=time_zone,
            paykickstart_always_200=paykickstart_always_200,
            refund_policy=refund_policy,
        )
        return await self._transport.patch("/v1/workspace", Workspace, body)


class AsyncTestClock(AsyncResource):
    """`client.test_clock`."""

    async def retrieve(self) -> Clock:
        """Retrieve the workspace's now."""
        return await self._transport.get("/v1/test_clock", Clock)

    async def move(self, now: Moment) -> Clock:
        """Move the test clock forward to `now`. Test workspaces only; it never goes back."""
        return await self._transport.put("/v1/test_clock", Clock, {"now": moment(now, "now")})
