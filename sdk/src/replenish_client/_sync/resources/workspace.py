# Made from _async/resources/workspace.py by scripts/make_sync_client.py; change that one.
"""The workspace that the API key belongs to, and its test clock."""

from replenish_client._sync.resources.base import Resource
from replenish_client._values import Moment, known, moment
from replenish_client.params import RefundPolicy
from replenish_client.types.access import Clock, Workspace


class Workspaces(Resource):
    """`client.workspace`."""

    def retrieve(self) -> Workspace:
        """Retrieve the workspace that this API key belongs to."""
        return self._transport.get("/v1/workspace", Workspace)

    def update(
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
        return self._transport.patch("/v1/workspace", Workspace, body)


class TestClock(Resource):
    """`client.test_clock`."""

    def retrieve(self) -> Clock:
        """Retrieve the workspace's now."""
        return self._transport.get("/v1/test_clock", Clock)

    def move(self, now: Moment) -> Clock:
        """Move the test clock forward to `now`. Test workspaces only; it never goes back."""
        return self._transport.put("/v1/test_clock", Clock, {"now": moment(now, "now")})
