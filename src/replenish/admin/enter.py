"""Coming and going: the one-time link, the switch between live and test, and signing out.

Opening the link spends nothing: mail filters and chat previews open every link they see, and would otherwise use it up before
its owner does. The button on the page posts, and that spends it.
"""

from http import HTTPStatus
from typing import Final

from litestar import Response, get, post
from litestar.datastructures import Cookie
from litestar.params import FromPath

from replenish.access.model import ADMIN_LIFE
from replenish.admin.visitor import visit_of
from replenish.core.errors import Unauthenticated
from replenish.flows import manage_workspaces as flow
from replenish.web import pages
from replenish.web.context import context_of
from replenish.web.cookies import Area
from replenish.web.limits import limit
from replenish.web.pages import Flash, PageRequest, page, redirect

_TOKEN_LONGEST: Final = 256


@get("/enter/{token:str}")
async def show_entrance(request: PageRequest) -> Response[str]:
    return page(request, "admin/enter.html")


@post("/enter/{token:str}", status_code=200, guards=[limit(per_minute=60, burst=30)])
async def enter(request: PageRequest, token: FromPath[str]) -> Response[str]:
    try:
        cookie = await flow.enter_admin(
            db=context_of(request).db, token=token[:_TOKEN_LONGEST], user_agent=request.headers.get("user-agent", "")
        )
    except Unauthenticated:
        return page(request, "admin/link_ended.html", status=HTTPStatus.GONE)
    return redirect(request, "/admin", cookies=[session_cookie(request, cookie)])


def session_cookie(request: PageRequest, value: str) -> Cookie:
    cookies = pages.pages_of(request).cookies
    return cookies.session(Area.ADMIN, value, max_age_seconds=int(ADMIN_LIFE.total_seconds()))


@get("/sign-in")
async def sign_in_page(request: PageRequest) -> Response[str]:
    return page(request, "admin/sign_in.html")


@post("/switch", status_code=200)
async def switch(request: PageRequest) -> Response[str]:
    """To the other twin's overview: no object of this workspace exists there."""
    visit = await visit_of(request)
    mode = "live" if visit.operator.mode == "test" else "test"
    await flow.look_at(db=visit.db, session_id=visit.operator.session_id, mode=mode)
    return redirect(request, "/admin", flash=Flash("info", f"You are now in the {mode} workspace."))


@post("/sign-out", status_code=200)
async def sign_out(request: PageRequest) -> Response[str]:
    """Ends the session where it is kept, not only in this browser."""
    visit = await visit_of(request)
    await flow.leave_admin(db=visit.db, operator_id=visit.operator.operator_id, session_id=visit.operator.session_id)
    gone = pages.pages_of(request).cookies.end_session(Area.ADMIN)
    return redirect(request, "/admin/sign-in", flash=Flash("info", "You are signed out."), cookies=[gone])


routes = [show_entrance, enter, sign_in_page, switch, sign_out]
