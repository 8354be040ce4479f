"""What a page's handler calls (`page`, `redirect`, `leave`), and what `main` calls once (`mount`).

A handler, with everything that it must not forget done for it:

    @post("/buy", guards=[csrf_guard])
    async def buy(request: PageRequest, data: …) -> Response[str]:
        …
        return redirect(request, "/portal", flash=Flash("success", "Thank you. Your credits are there."))
"""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Literal, cast

import msgspec
from itsdangerous import BadSignature, URLSafeTimedSerializer
from litestar import Request, Response, get
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie, State
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.params import FromQuery
from litestar.types import BeforeMessageSendHookHandler
from markupsafe import Markup

from replenish.core.clock import utc_now
from replenish.core.errors import Gone, Refusal
from replenish.web import csp, csrf
from replenish.web.assets import Assets, AssetsMissingError, static_route
from replenish.web.cookies import FLASH, VISIT, Cookies
from replenish.web.csrf import Csrf
from replenish.web.templates import Templates

PageRequest = Request[Any, Any, State]
ErrorHandler = Callable[[PageRequest, Exception], Response[Any]]
Kind = Literal["success", "info", "warning", "danger"]

_STATE: Final = "replenish_pages"
_FLASH_SECONDS: Final = 600
_FLASH_LONGEST: Final = 600
_LEAVE_SECONDS: Final = 3600
# Machines talk here; they get problem documents whatever they accept.
_NO_PAGES: Final = ("/v1", "/api", "/buyer-addon", "/webhooks", "/openapi.json", "/healthz", "/metrics", "/static")
_TITLES: Final = {
    400: "That did not work",
    401: "Please sign in",
    402: "Payment needed",
    403: "Not allowed",
    404: "Page not found",
    405: "That did not work",
    409: "Something changed meanwhile",
    410: "This link has ended",
    422: "That did not work",
    429: "Too many requests",
    503: "Back in a moment",
}
_DETAILS: Final = {
    401: "Your session has ended. Open your link again, or sign in.",
    403: "You are not allowed to see or do this.",
    404: "Nothing lives at this address. Check the link, or go back to where you found it.",
    410: "It was used already, or it is too old. Ask for a new one where you got it.",
    429: "Wait a little, then try again.",
    503: "The service is busy or being updated. Try again in a few seconds.",
}
_FAULT: Final = "Something went wrong on our side, and it has been recorded. Try again in a moment."


class Flash(msgspec.Struct, frozen=True):
    """One message for the next page. The text is escaped there."""

    kind: Kind
    text: str


class Pages(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that pages share, made once for the application."""

    assets: Assets
    templates: Templates
    cookies: Cookies
    csrf: Csrf
    flashes: URLSafeTimedSerializer
    farewells: URLSafeTimedSerializer


class Mounted(msgspec.Struct, frozen=True, kw_only=True):
    """What the application takes over: each list is added to its own."""

    route_handlers: Sequence[HTTPRouteHandler]
    before_send: Sequence[BeforeMessageSendHookHandler]
    state: Mapping[str, object]
    pages: Pages


def mount(
    *,
    secret_key: str,
    base_url: str,
    templates: Mapping[str, Path] | None = None,
    openapi_path: str = "/openapi.json",
    static: Path | None = None,
) -> Mounted:
    """The pages' part of `Litestar(…)`: routes /static, /reference and /leave, the header hook, and the state pages need.

    `templates` are the edges' folders by prefix. `static`: another folder of built assets than the package's.
    """
    assets = Assets() if static is None else Assets(static)
    cookies = Cookies(base_url)
    pages = Pages(
        assets=assets,
        templates=Templates(assets, templates or {}),
        cookies=cookies,
        csrf=Csrf(secret_key=secret_key, base_url=base_url, cookies=cookies),
        flashes=URLSafeTimedSerializer(secret_key, salt="replenish.flash"),
        farewells=URLSafeTimedSerializer(secret_key, salt="replenish.leave"),
    )

    @get("/reference", include_in_schema=False)
    async def reference(request: PageRequest) -> Response[str]:
        return page(request, "reference.html", openapi_path=openapi_path)

    return Mounted(
        route_handlers=[static_route(assets), reference, _leaving],
        before_send=[csp.add_security_headers],
        state={_STATE: pages},
        pages=pages,
    )


def pages_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Pages:
    """What `mount` made. Raises LookupError where it was not called."""
    found = cast("object", connection.app.state.get(_STATE))
    if not isinstance(found, Pages):
        raise LookupError("the application was made without web.pages.mount(…)")  # noqa: TRY004  # missing, not of a wrong type
    return found


def page(
    request: PageRequest,
    template: str,
    *,
    status: int = 200,
    zone: str = "UTC",
    fragment: str | None = None,
    flash: Flash | None = None,
    cookies: Sequence[Cookie] = (),
    headers: Mapping[str, str] | None = None,
    frame_ancestors: Sequence[str] = (),
    **context: object,
) -> Response[str]:
    """Render a template: with the form token, the waiting flash message, and the workspace's time zone.

    `fragment` is the block that an htmx request for a part of the page gets instead of the whole. Raises what the template
    raises: a missing name is an error, never a blank.
    """
    shell = pages_of(request)
    known = shell.csrf.visit_of(request)
    visit = known or shell.csrf.new_visit()
    token = shell.csrf.token(request, visit=visit)
    waiting = _waiting_flash(request, shell)
    is_part = fragment is not None and request.headers.get("hx-request-type") == "partial"
    text = shell.templates.render(
        template,
        {
            "csrf_token": token,
            "csrf_field": Markup('<input type="hidden" name="{}" value="{}">').format(csrf.FIELD, token),
            "flashes": [found for found in (waiting, flash) if found is not None],
            "zone": zone,
            "here": request.url.path,
            "year": utc_now().year,
            **context,
        },
        block=fragment if is_part else None,
    )
    own = list(cookies)
    if known is None:
        own.append(shell.cookies.site(VISIT, visit, max_age=None))
    if waiting is not None:
        own.append(shell.cookies.site(FLASH, "", max_age=0))
    all_headers = dict(headers or {})
    if frame_ancestors:
        all_headers["Content-Security-Policy"] = csp.page_policy(frame_ancestors=frame_ancestors)
    return Response(text, status_code=status, media_type="text/html", headers=all_headers, cookies=own)


def redirect(
    request: PageRequest, path: str, *, flash: Flash | None = None, cookies: Sequence[Cookie] = ()
) -> Response[str]:
    """After a form: see another of our own pages, with a message there. Raises ValueError for an address elsewhere."""
    if not path.startswith("/") or path.startswith(("//", "/\\")) or any(ord(sign) < 0x21 for sign in path):
        raise ValueError(f"{path!r} is not a path of ours; leave() sends people elsewhere")
    own = list(cookies)
    if flash is not None:
        shell = pages_of(request)
        text = shell.flashes.dumps([flash.kind, flash.text[:_FLASH_LONGEST]])
        own.append(shell.cookies.site(FLASH, text, max_age=_FLASH_SECONDS))
    if request.headers.get("hx-request") == "true":
        # A script follows a 303 by itself and would put the whole next page into the part it asked for.
        return Response("", status_code=200, media_type="text/html", headers={"HX-Redirect": path}, cookies=own)
    return Response("", status_code=303, media_type="text/html", headers={"Location": path}, cookies=own)


def leave(request: PageRequest, url: str, *, cookies: Sequence[Cookie] = ()) -> Response[str]:
    """After a form: go to another site (a provider's page, the merchant's success URL). Raises ValueError if not http(s).

    By a page of ours that moves on by itself: browsers apply `form-action` to a form's redirects too, so a form answered
    with a foreign address would go nowhere. The address is signed, or /leave would send people wherever a link says.
    """
    csp.origin_of(url)
    token = pages_of(request).farewells.dumps(url)
    return redirect(request, f"/leave?to={token}", cookies=cookies)


@get("/leave", include_in_schema=False)
async def _leaving(request: PageRequest, to: FromQuery[str] = "") -> Response[str]:
    try:
        url = cast("object", pages_of(request).farewells.loads(to, max_age=_LEAVE_SECONDS))
    except BadSignature:
        raise Gone("This link has ended. Go back to where you came from.") from None
    if not isinstance(url, str):
        raise Gone("This link has ended. Go back to where you came from.")
    return page(request, "leave.html", url=url, site=csp.origin_of(url).partition("://")[2])


async def csrf_guard(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """For each router of pages: `Router("/portal", guards=[csrf_guard], …)`. Reading passes; a form needs its token."""
    await csrf.require_token(connection, pages_of(connection).csrf)


def error_page(
    request: PageRequest, *, status: int, detail: str | None = None, headers: Mapping[str, str] | None = None
) -> Response[str]:
    """A readable page for any error status."""
    title = _TITLES.get(status, "Something went wrong" if status >= 500 else "That did not work")
    text = detail or _DETAILS.get(status) or (_FAULT if status >= 500 else HTTPStatus(status).phrase)
    try:
        return page(request, "error.html", status=status, headers=headers, code=status, title=title, detail=text)
    except AssetsMissingError as error:
        plain = Markup("<!doctype html><title>{0}</title><h1>{0}</h1><p>{1}</p><p>{2}</p>").format(title, text, error)
        return Response(str(plain), status_code=status, media_type="text/html", headers=dict(headers or {}))


def wants_page(request: PageRequest) -> bool:
    """True if a person's browser asks for something that is not one of the machines' paths."""
    if any(request.url.path == path or request.url.path.startswith(f"{path}/") for path in _NO_PAGES):
        return False
    return "text/html" in request.headers.get("accept", "")


def page_or(otherwise: ErrorHandler) -> ErrorHandler:
    """An exception handler for the whole application: a page for people, `otherwise`'s problem document for machines.

    The status is `otherwise`'s in both cases, so there is one map from errors to statuses.
    """

    def handle(request: PageRequest, error: Exception) -> Response[Any]:
        problem = otherwise(request, error)
        if not wants_page(request):
            return problem
        status = problem.status_code or 500
        detail = error.detail if isinstance(error, Refusal) and status < 500 else None
        return error_page(request, status=status, detail=detail, headers=_kept(problem))

    return handle


def _kept(problem: Response[Any]) -> dict[str, str]:
    """The answer's headers that speak of the refusal and not of its body."""
    headers = cast("Mapping[str, str]", problem.headers)
    return {name: value for name, value in headers.items() if name.lower() in {"retry-after", "allow"}}


def _waiting_flash(request: PageRequest, shell: Pages) -> Flash | None:
    value = request.cookies.get(shell.cookies.site_name(FLASH))
    if not value:
        return None
    try:
        loaded = cast("object", shell.flashes.loads(value, max_age=_FLASH_SECONDS))
        kind, text = msgspec.convert(loaded, tuple[Kind, str])
    except (BadSignature, msgspec.ValidationError):
        return None
    return Flash(kind, text)
