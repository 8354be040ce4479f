"""Portal sessions: a one-time link that lets one customer into the billing portal."""

from replenish_client._async.resources.base import AsyncResource
from replenish_client._values import known, segment
from replenish_client.types.customers import PortalSession


class AsyncPortalSessions(AsyncResource):
    """`client.portal_sessions`."""

    async def create(
        self, *, customer_id: str, return_url: str | None = None, idempotency_key: str | None = None
    ) -> PortalSession:
        """Open the portal for a customer (id or external id): redirect them to `url`, which works once.

        `return_url` is where the portal's "back" leads. Raises NotFoundError for an unknown customer.
        """
        body = known(customer_id=customer_id, return_url=return_url)
        return await self._transport.post("/v1/portal_sessions", PortalSession, body, key=idempotency_key)

    async def retrieve(self, portal_session: str) -> PortalSession:
        """Retrieve a portal session. Raises NotFoundError."""
        return await self._transport.get(_path(portal_session), PortalSession)

    async def end(self, portal_session: str) -> PortalSession:
        """End a portal session: its link and cookie stop working. Twice is once."""
        return await self._transport.post(f"{_path(portal_session)}/end", PortalSession)


def _path(portal_session: str) -> str:
    return f"/v1/portal_sessions/{segment(portal_session, 'portal_session')}"
