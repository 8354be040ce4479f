"""Coming and going: the one-time link, and signing out.

Opening the link spends nothing: mail filters and chat previews open every link they see, and would otherwise use it up before
the customer does. The button on the page posts, and that spends it.
"""

from http import HTTPStatus

from litestar import Response, get, post
from litestar.params import FromPath

from replenish.core.clock import utc_now
from replenish.core.errors import Unauthenticated
from replenish.flows import manage_portal_sessions as flow
from replenish.portal.visitor import visit_of
from replenish.web import pages
from replenish.web.context import context_of
from replenish.web.cookies import Area
from replenish.web.pages import PageRequest, page, redirect

TOKEN_LONGEST = 256


@get("/enter/{token:str}")
async def show_entrance(request: PageRequest) -> Response[str]:
    return page(request, "portal/enter.html")


@post("/enter/{token:str}", status_code=200)
async def enter(request: PageRequest, token: FromPath[str]) -> Response[str]:
    try:
        entrance = await flow.enter_portal(db=context_of(request).db, token=token[:TOKEN_LONGEST])
    except Unauthenticated:
        return page(request, "portal/link_ended.html", status=HTTPStatus.GONE)
    life = int((entrance.session.expires_at - utc_now()).total_seconds())
    cookie = pages.pages_of(request).cookies.session(Area.PORTAL, entrance.cookie, max_age_seconds=max(life, 1))
    return redirect(request, "/portal", cookies=[cookie])


@post("/sign-out", status_code=200)
async def sign_out(request: PageRequest) -> Response[str]:
    """Ends the session where it is kept, not only in this browser."""
    visit = await visit_of(request)
    await flow.end_portal_session(db=visit.db, workspace_id=visit.workspace_id, session_id=visit.session.session_id)
    gone = pages.pages_of(request).cookies.end_session(Area.PORTAL)
    return redirect(request, "/portal/signed-out", cookies=[gone])


@get("/signed-out")
async def signed_out(request: PageRequest) -> Response[str]:
    return page(request, "portal/signed_out.html")
