"""Portal sessions: a one-time link that lets one customer into the billing portal."""

from typing import Annotated, ClassVar

from msgspec import Meta

from replenish.access import queries
from replenish.access.model import PortalSession
from replenish.access.tokens import portal_link
from replenish.api.v1.call import Call
from replenish.api.v1.routing import acts, creates, reads
from replenish.api.v1.wire import Body, CustomerKey, Example, Shown, Time, Url, path_id
from replenish.core.ids import CUSTOMER, PORTAL_SESSION, PortalSessionId
from replenish.customers import queries as customers
from replenish.flows import manage_portal_sessions


class NewPortalSession(Body):
    EXAMPLE: ClassVar[Example] = {"customer_id": "user_17", "return_url": "https://shop.example/account"}

    customer_id: CustomerKey
    return_url: Annotated[Url | None, Meta(description='Where the portal\'s "back" leads.')] = None


class PortalSessionView(Shown):
    id: str
    customer_id: str
    # Works once, until link_expires_at; null when it was used.
    url: str | None
    return_url: str | None
    created_at: Time
    link_expires_at: Time
    expires_at: Time
    ended_at: Time | None


async def _show(call: Call, session_id: PortalSessionId) -> PortalSessionView:
    session: PortalSession = await queries.portal_session(
        call.db, workspace_id=call.workspace_id, session_id=session_id
    )
    token = await queries.portal_link_token(
        call.db,
        workspace_id=call.workspace_id,
        session_id=session_id,
        secret_key=call.context.settings.secret_key,
    )
    return PortalSessionView(
        id=PORTAL_SESSION.text(session.id),
        customer_id=CUSTOMER.text(session.customer_id),
        url=None if token is None else portal_link(call.base_url, token),
        return_url=session.return_url,
        created_at=session.created_at,
        link_expires_at=session.link_expires_at,
        expires_at=session.expires_at,
        ended_at=session.ended_at,
    )


@creates("/portal_sessions", scope="customers:write", errors=(404,))
async def create_portal_session(data: NewPortalSession, call: Call) -> PortalSessionView:
    """Open the portal for a customer: send them to `url` within 15 minutes. It works once, for an hour."""
    customer = await customers.find_customer(call.db, workspace_id=call.workspace_id, key=data.customer_id)
    session_id = await manage_portal_sessions.create_portal_session(
        db=call.db,
        secret_key=call.context.settings.secret_key,
        workspace_id=call.workspace_id,
        customer_id=customer.id,
        return_url=data.return_url,
        request_key=call.request_key(data),
    )
    return await _show(call, session_id)


@reads("/portal_sessions/{session_id:str}", scope="customers:write")
async def retrieve_portal_session(session_id: str, call: Call) -> PortalSessionView:
    """Retrieve a portal session. Its link lets into the portal, so reading needs the scope of making one."""
    return await _show(call, path_id(PORTAL_SESSION, session_id, "portal session"))


@acts("/portal_sessions/{session_id:str}/end", scope="customers:write")
async def end_portal_session(session_id: str, call: Call) -> PortalSessionView:
    """End a portal session: its link and cookie stop working. Twice is once."""
    found = path_id(PORTAL_SESSION, session_id, "portal session")
    await manage_portal_sessions.end_portal_session(db=call.db, workspace_id=call.workspace_id, session_id=found)
    return await _show(call, found)


routes = [create_portal_session, retrieve_portal_session, end_portal_session]
