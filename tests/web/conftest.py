"""A small shop on the real shell: real Litestar, real templates, real bundle, served to the tests over HTTP."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
import uvicorn
from litestar import Litestar, Response, Router, get, post
from litestar.datastructures import State
from litestar.enums import RequestEncodingType
from litestar.openapi import OpenAPIConfig
from litestar.params import Body, FromPath, FromQuery
from litestar.testing import TestClient

from replenish.core.errors import Conflict, Forbidden, Gone, Invalid, NotFound, Refusal, TooMany
from replenish.core.money import Credits, Money
from replenish.web import pages
from replenish.web.cookies import Area
from replenish.web.frames import AdminFrame, CheckoutFrame, PortalFrame, Sum
from replenish.web.limits import limit
from replenish.web.pages import Flash, PageRequest, csrf_guard, page

HERE = Path(__file__).parent
NOW = datetime(2026, 11, 23, 2, 15, tzinfo=UTC)
PRICE = Money(10, "USD")
STATUS = {Invalid: 422, Forbidden: 403, NotFound: 404, Conflict: 409, Gone: 410, TooMany: 429}
PORTAL = PortalFrame(
    merchant="Northwind Maps",
    customer="Ann Lee",
    section="overview",
    is_test=True,
    balances=[Sum("API calls", "150,000")],
    support_email="help@northwind.example",
    return_url="https://northwind.example/account",
    sign_out_path="/portal/sign-out",
)
ADMIN = AdminFrame(
    workspace="Northwind Maps",
    operator="ben@northwind.example",
    section="api_keys",
    is_test=False,
    twin_path="/portal/pay",
    sign_out_path="/portal/pay",
)


class Payment(msgspec.Struct):
    name: str
    csrf_token: str


def problem(_: PageRequest, error: Exception) -> Response[Any]:
    """The tests' stand-in for the map of errors: refusals by class, the framework's own by their status."""
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 500)
    if not isinstance(error, Refusal):
        status = getattr(error, "status_code", 500)
    headers = {"Retry-After": str(error.retry_after_seconds)} if isinstance(error, TooMany) else {}
    return Response({"status": status}, status_code=status, media_type="application/problem+json", headers=headers)


@get("/")
async def overview(request: PageRequest, zone: FromQuery[str] = "Europe/Berlin") -> Response[str]:
    points = [((NOW - timedelta(days=30 - day)).date(), Credits(4000 + 900 * (day % 7))) for day in range(30)]
    return page(
        request, "shop/overview.html", zone=zone, frame=PORTAL, balance=Credits(150_000), now=NOW, points=points
    )


@get("/buy")
async def checkout(request: PageRequest) -> Response[str]:
    frame = CheckoutFrame(merchant="Northwind Maps", is_test=False, back_url="/portal")
    values = {"price": PRICE, "errors": {}, "name": "", "validity": timedelta(days=30)}
    return page(request, "shop/checkout.html", frame=frame, **values)


@post("/pay", status_code=200)
async def pay(
    request: PageRequest, data: Annotated[Payment, Body(media_type=RequestEncodingType.URL_ENCODED)]
) -> Response[str]:
    if data.name == "stripe":
        return pages.leave(request, "https://pay.example/c/session_1?x=1&y=2")
    if not data.name:
        frame = CheckoutFrame(merchant="Northwind Maps", is_test=False, back_url="/portal")
        values = {"price": PRICE, "name": "", "validity": timedelta(days=30)}
        return page(request, "shop/checkout.html", status=422, frame=frame, errors={"name": "is missing"}, **values)
    return pages.redirect(request, "/portal", flash=Flash("success", f"Thank you, {data.name}."))


@get("/keys")
async def keys(request: PageRequest) -> Response[str]:
    return page(request, "shop/keys.html", frame=ADMIN, secret="rk_test_6f0c2d", count=0)


@post("/count", status_code=200)
async def count(request: PageRequest, state: State) -> Response[str]:
    state.count = state.get("count", 0) + 1
    return page(request, "shop/keys.html", fragment="part", frame=ADMIN, secret="", count=state.count)


@post("/sign-in", status_code=200)
async def sign_in(request: PageRequest) -> Response[str]:
    cookies = pages.pages_of(request).cookies
    return pages.redirect(
        request, "/portal", cookies=[cookies.session(Area.PORTAL, "session-of-ann", max_age_seconds=60)]
    )


@get("/fail/{kind:str}")
async def fail(kind: FromPath[str]) -> None:
    raise {
        "403": Forbidden("Ann may not see Ben's history."),
        "404": NotFound("customer"),
        "410": Gone("This link was used already."),
        "422": Invalid("name", "is <b>missing</b>"),
        "500": RuntimeError("the database's password is hunter2"),
    }[kind]


@get("/limited", guards=[limit(per_minute=1, burst=2)])
async def limited(request: PageRequest) -> Response[str]:
    return pages.redirect(request, "/portal")


@get("/v1/things")
async def things() -> dict[str, str]:
    return {"hello": "world"}


def make_app(base_url: str = "http://127.0.0.1") -> Litestar:
    web = pages.mount(
        secret_key="k" * 32,
        base_url=base_url,
        templates={"shop": HERE / "templates"},
        openapi_path="/schema/openapi.json",
    )
    portal = Router(
        "/portal",
        route_handlers=[overview, checkout, pay, keys, count, sign_in, fail, limited],
        guards=[csrf_guard],
        include_in_schema=False,
    )
    return Litestar(
        route_handlers=[*web.route_handlers, portal, things],
        before_send=[*web.before_send],
        exception_handlers={Exception: pages.page_or(problem)},
        state=State(dict(web.state)),
        openapi_config=OpenAPIConfig(title="Shop", version="1", path="/schema", render_plugins=[]),
        logging_config=None,
    )


@pytest.fixture
def make_shop() -> Callable[[str], Litestar]:
    """The shop at a base URL of the test's choice."""
    return make_app


@pytest.fixture
def client() -> Iterator[TestClient[Litestar]]:
    with TestClient(make_app(), base_url="http://127.0.0.1") as client:
        client.headers["Accept"] = "text/html"
        yield client


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The shop's address: a real port, served by a thread with a loop of its own."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(make_app(url), log_config=None, lifespan="off"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    yield url
    server.should_exit = True
    thread.join()
    listener.close()
