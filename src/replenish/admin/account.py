"""An operator's own sign-in: the password, and the browsers that are signed in."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from replenish.access.sign_in import queries as sign_in
from replenish.access.sign_in.passwords import LONGEST, SHORTEST
from replenish.admin.forms import Sent
from replenish.admin.visitor import Visit, visit_of
from replenish.core.errors import Conflict, Invalid, NotFound
from replenish.flows import sign_in as flow
from replenish.web.limits import limit
from replenish.web.pages import Flash, PageRequest, redirect

_HERE: Final = "/admin/account"


@get("/account")
async def account(request: PageRequest) -> Response[str]:
    return await _page(request, await visit_of(request))


@post("/account/password", status_code=200, guards=[limit(per_minute=60, burst=40)])
async def set_password(request: PageRequest, data: Sent) -> Response[str]:
    visit = await visit_of(request)
    password = data.get("password", "")
    if password != data.get("again", ""):
        return await _page(request, visit, {"again": "is not the same"})
    try:
        await flow.set_password(db=visit.db, who=visit.operator, current=data.get("current") or None, password=password)
    except Invalid as wrong:
        return await _page(request, visit, {wrong.field: wrong.detail})
    except Conflict as refused:
        return redirect(request, _HERE, flash=Flash("danger", refused.detail))
    says = "Your password is set. Other browsers are signed out, and links that were not used yet have ended."
    return redirect(request, _HERE, flash=Flash("success", says))


@post("/account/sessions/{session:str}/end", status_code=200)
async def end_session(request: PageRequest, session: FromPath[str]) -> Response[str]:
    visit = await visit_of(request)
    try:
        session_id = UUID(session)
    except ValueError:
        raise NotFound("session") from None
    await flow.end_session(db=visit.db, who=visit.operator, session_id=session_id)
    return redirect(request, _HERE, flash=Flash("success", "That browser is signed out."))


@post("/account/sessions/end-others", status_code=200)
async def end_other_sessions(request: PageRequest) -> Response[str]:
    visit = await visit_of(request)
    await flow.end_other_sessions(db=visit.db, who=visit.operator)
    return redirect(request, _HERE, flash=Flash("success", "Every other browser is signed out."))


async def _page(request: PageRequest, visit: Visit, errors: Mapping[str, str] | None = None) -> Response[str]:
    operator = visit.operator
    sessions = await sign_in.sessions(visit.db, operator_id=operator.operator_id)
    secret = await sign_in.secret(visit.db, operator_id=operator.operator_id)
    lately = any(one.by_link_lately for one in sessions if one.id == operator.session_id)
    return visit.page(
        request,
        "admin/account.html",
        section="account",
        status=422 if errors else 200,
        email=operator.email,
        has_password=secret.password_hash is not None,
        asks_for_current=secret.password_hash is not None and not lately,
        sessions=sessions,
        own_session=operator.session_id,
        shortest=SHORTEST,
        longest=LONGEST,
        errors=errors or {},
    )


routes = [account, set_password, end_session, end_other_sessions]
