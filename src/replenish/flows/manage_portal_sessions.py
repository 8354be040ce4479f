"""Portal sessions: a one-time link for one customer, exchanged for a cookie."""

from typing import Final

import msgspec

from replenish.access import operations as access
from replenish.access.model import PortalSession, RequestKey
from replenish.core.db import Database
from replenish.core.ids import PORTAL_SESSION, CustomerId, PortalSessionId, WorkspaceId
from replenish.core.transaction import transaction
from replenish.customers import queries as customers

CREATED: Final = 201


class Entrance(msgspec.Struct, frozen=True, kw_only=True):
    """What a link was exchanged for: the session, and the cookie's value."""

    session: PortalSession
    cookie: str


async def create_portal_session(
    *,
    db: Database,
    secret_key: str,
    workspace_id: WorkspaceId,
    customer_id: CustomerId,
    return_url: str | None = None,
    request_key: RequestKey | None = None,
) -> PortalSessionId:
    """A link good for 15 minutes and one use; `access.queries.portal_link_token` reads its token.

    Raises NotFound(customer), Invalid(return_url).
    """
    session_id = PORTAL_SESSION.new()
    async with transaction(db) as tx:
        made = await access.claim_request_key(tx, request_key, session_id, CREATED)
        if made is not None:
            return PortalSessionId(made)
        await customers.customer(tx, workspace_id=workspace_id, customer_id=customer_id)
        await access.create_portal_session(
            tx,
            session_id=session_id,
            workspace_id=workspace_id,
            customer_id=customer_id,
            return_url=return_url,
            secret_key=secret_key,
        )
    return session_id


async def enter_portal(*, db: Database, token: str) -> Entrance:
    """Exchange a link's token for a cookie that is good for an hour, once. Raises Unauthenticated(link_ended)."""
    async with transaction(db) as tx:
        session, cookie = await access.enter_portal(tx, token=token)
    return Entrance(session=session, cookie=cookie)


async def end_portal_session(*, db: Database, workspace_id: WorkspaceId, session_id: PortalSessionId) -> None:
    """Link and cookie stop working. Twice is once. Raises NotFound."""
    async with transaction(db) as tx:
        await access.end_portal_session(tx, workspace_id=workspace_id, session_id=session_id)
