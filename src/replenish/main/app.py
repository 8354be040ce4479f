"""The web application: everything the edges serve, wired to one pool."""

import gc
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Final, cast

import structlog
from litestar import Litestar, Response, get
from litestar.datastructures import State
from litestar.response import Redirect
from litestar.types import LifeSpanReceive, LifeSpanScope, LifeSpanSend, Receive, Scope, Send

from replenish.admin import router as admin
from replenish.api import openapi
from replenish.api.paykickstart.router import paykickstart_router
from replenish.api.paymentkit.router import paymentkit_router
from replenish.api.v1.call import Gate
from replenish.api.v1.router import v1_router
from replenish.api.v1.short_cut import ShortCut
from replenish.api.webhooks import webhooks_router
from replenish.core import settings as environment
from replenish.core.db import Database, DatabaseError
from replenish.core.gather import Gatherer
from replenish.core.settings import Settings
from replenish.flows.record_usage import NewUsage, Outcome, record_usage
from replenish.main.log import redact_access_log
from replenish.main.providers import open_sandbox_for, providers_of
from replenish.main.startup import open_database
from replenish.payments.provider import Provider
from replenish.portal import router as portal
from replenish.web import context, errors, pages, request_ids
from replenish.web.context import Context, context_of
from replenish.web.identity import Doorkeeper
from replenish.web.pages import PageRequest
from replenish.web.usage_names import UsageNames

# Objects of a request die by their reference count; looking for cycles after every 700 took a sixth of the usage path's time.
GC_THRESHOLDS: Final = (20_000, 20, 50)

log = structlog.stdlib.get_logger(__name__)


class App(Litestar):
    """The framework's application, with a door before it for what must not pay for the framework."""

    short_cut: ShortCut

    async def __call__(
        self, scope: Scope | LifeSpanScope, receive: Receive | LifeSpanReceive, send: Send | LifeSpanSend
    ) -> None:
        if self.short_cut.takes(scope):
            await self.short_cut(cast("Scope", scope), cast("Receive", receive), cast("Send", send))
        else:
            await super().__call__(scope, receive, send)


def create_app(settings: Settings | None = None, *, providers: Mapping[str, Provider] | None = None) -> Litestar:
    """Build the application; without `settings` from the environment, as uvicorn's factory does."""
    known = environment.from_environment() if settings is None else settings
    redact_access_log()

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncGenerator[None]:
        db = await open_database(known.database_url, size_max=known.pool_size, application="replenish web")
        sandbox = await open_sandbox_for(known)
        app.register(sandbox.routes())
        usage = gather_usage(db)
        app.state[context.KEY] = Context(
            db=db,
            settings=known,
            providers=providers or providers_of(sandbox),
            doorkeeper=Doorkeeper(db),
            usage=usage,
            usage_names=UsageNames(db),
        )
        # What has been made until now stays: the collector need not look at it again with each of a thousand requests.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        try:
            yield
        finally:
            # What was taken in is recorded and answered before the pool goes.
            await usage.close()
            await sandbox.close()
            await db.close()

    templates = {"admin": admin.TEMPLATES, "portal": portal.TEMPLATES}
    shell = pages.mount(secret_key=known.secret_key, base_url=known.base_url, templates=templates)
    gate = Gate()
    app = App(
        route_handlers=[
            front_door,
            healthz,
            openapi_document,
            v1_router(gate),
            paymentkit_router(),
            webhooks_router(),
            admin.admin_router(),
            portal.portal_router(),
            paykickstart_router(),
            *shell.route_handlers,
        ],
        before_send=[*shell.before_send, request_ids.add_header],
        exception_handlers={Exception: pages.page_or(errors.handle)},
        lifespan=[lifespan],
        # The framework's own generator leaves out what msgspec refuses; api/openapi.py does not.
        openapi_config=None,
        # Its default sets the root logger to INFO, which makes libraries log each call with its headers.
        logging_config=None,
        state=State({"settings": known, **shell.state}),
    )
    app.short_cut = ShortCut(app, gate=gate)
    return app


def gather_usage(db: Database) -> Gatherer[NewUsage, Outcome]:
    """Usage of all callers in batches; a customer's events stay in one lane, and so in order."""

    async def run(events: Sequence[NewUsage]) -> Sequence[Outcome]:
        return await record_usage(db, events=events)

    return Gatherer(run, lane_of=lambda event: event.customer_id.int)


@get("/")
async def front_door() -> Redirect:
    """Whoever types the bare address is the merchant; customers come by links of their own."""
    return Redirect("/admin", status_code=303)


@get("/healthz")
async def healthz(request: PageRequest) -> Response[dict[str, str]]:
    """200 when a request that needs the database can be served, else 503."""
    try:
        await context_of(request).db.fetchval("select 1")
    except (OSError, TimeoutError, *DatabaseError) as error:
        log.warning("healthz", error=repr(error))
        return Response({"status": "database unavailable"}, status_code=503)
    return Response({"status": "ok"})


@get("/openapi.json")
async def openapi_document(request: PageRequest) -> Response[dict[str, object]]:
    """The API, described from its own routes; made once."""
    made = cast("dict[str, object] | None", request.app.state.get("openapi"))
    if made is None:
        base_url = context_of(request).settings.base_url
        made = openapi.document(request.app, version=version("replenish"), base_url=base_url)
        request.app.state["openapi"] = made
    return Response(made)
