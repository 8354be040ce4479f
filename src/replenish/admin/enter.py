"""Coming and going: the one-time link, the password, the switch between live and test, and signing out.

Opening the link spends nothing: mail filters and chat previews open every link they see, and would otherwise use it up before
its owner does. The button on the page posts, and that spends it.
"""

import hashlib
from http import HTTPStatus
from typing import Final, cast

from litestar import Response, get, post
from litestar.datastructures import Cookie
from litestar.params import FromPath

from replenish.access.model import ADMIN_LIFE
from replenish.admin.forms import Sent, text_of
from replenish.admin.visitor import visit_of
from replenish.core.errors import TooMany, Unauthenticated
from replenish.flows import manage_workspaces as flow
from replenish.flows.sign_in import SignInRefused, sign_in
from replenish.web import pages
from replenish.web.context import context_of
from replenish.web.cookies import Area
from replenish.web.limits import Buckets, limit
from replenish.web.pages import Flash, PageRequest, page, redirect

_TOKEN_LONGEST: Final = 256
_GUESSES: Final = "admin_password_guesses"


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
    return page(request, "admin/sign_in.html", email="", wrong=None)


@post("/sign-in", status_code=200, guards=[limit(per_minute=60, burst=60)])
async def sign_in_by_password(request: PageRequest, data: Sent) -> Response[str]:
    """One answer for every reason to refuse, after the same work: it tells nobody which addresses have an account."""
    email = text_of(data, "email")
    try:
        _count(request, email)
        cookie = await sign_in(
            db=context_of(request).db,
            email=email,
            password=data.get("password", ""),
            user_agent=request.headers.get("user-agent", ""),
        )
    except SignInRefused as refused:
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        return page(request, "admin/sign_in.html", status=status, email=email, wrong=refused.detail)
    return redirect(request, "/admin", cookies=[session_cookie(request, cookie)])


def _count(request: PageRequest, email: str) -> None:
    """Guesses at one address, from however many computers. Raises TooMany; a one-time link still opens the door."""
    buckets = cast("object", request.app.state.get(_GUESSES))
    if not isinstance(buckets, Buckets):
        # One for each application: what the tests of one have used up is not another's.
        buckets = request.app.state[_GUESSES] = Buckets(per_minute=5, burst=10)
    wait = buckets.take(hashlib.sha256(email.lower().encode(errors="surrogatepass")).hexdigest())
    if wait:
        raise TooMany(
            f"Too many sign-ins with this address. Try again in {wait} seconds, or use a one-time link.",
            retry_after_seconds=wait,
        )


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


routes = [show_entrance, enter, sign_in_page, sign_in_by_password, switch, sign_out]
