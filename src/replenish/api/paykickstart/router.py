"""The routes, each also under /api. An error of any kind is answered in this wire's own words."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog
from litestar import HttpMethod, Response, Router, route
from litestar.handlers import HTTPRouteHandler

from replenish.access import queries as workspaces
from replenish.api.paykickstart import batch, buying, history, usage
from replenish.api.paykickstart.answers import Served, answered, refused
from replenish.api.paykickstart.call import BURST, PER_MINUTE, Call, open_call
from replenish.api.paykickstart.fields import BODY_MAX_BYTES, AnyRequest
from replenish.core.errors import Unauthenticated
from replenish.web.limits import Buckets

log = structlog.stdlib.get_logger(__name__)

Endpoint = Callable[[Call], Awaitable[Served]]
_POST: Final = (HttpMethod.POST,)
_READ: Final = (HttpMethod.POST, HttpMethod.GET)
_ENDPOINTS: Final[Sequence[tuple[str, Sequence[HttpMethod], Endpoint]]] = (
    ("/buyer-addon/usage", _READ, usage.retrieve_usage),
    ("/buyer-addon/usage/add", _POST, usage.add_usage),
    ("/buyer-addon/usage/check", _READ, history.check_usage),
    ("/buyer-addon/usage/history", _READ, history.retrieve_history),
    ("/buyer-addon/usage/batch", _POST, batch.add_usage_batch),
    ("/buyer-addon/auto-topup", _READ, buying.auto_topup),
    ("/buyer-addon/topup", _POST, buying.topup),
)


def paykickstart_router(buckets: Buckets | None = None) -> Router:
    """Everything under /buyer-addon and /api/buyer-addon."""
    shared = buckets or Buckets(per_minute=PER_MINUTE, burst=BURST)
    return Router(
        path="/",
        route_handlers=[_handler(path, methods, endpoint, shared) for path, methods, endpoint in _ENDPOINTS],
        request_max_body_size=BODY_MAX_BYTES,
    )


def _handler(path: str, methods: Sequence[HttpMethod], endpoint: Endpoint, buckets: Buckets) -> HTTPRouteHandler:
    @route([path, f"/api{path}"], http_method=list(methods), status_code=200, include_in_schema=False)
    async def handle(request: AnyRequest) -> Response[bytes]:
        call: Call | None = None
        try:
            call = await open_call(request, buckets)
            return answered(await endpoint(call))
        except Exception as error:  # noqa: BLE001 - whatever it is, this wire's clients must be able to read it
            return refused(request, error, always_200=await _always_200(call, error))

    return handle


async def _always_200(call: Call | None, error: Exception) -> bool:
    """Whether this merchant's clients read only the body. Unknown callers have no merchant, so they see the status."""
    if call is None or isinstance(error, Unauthenticated):
        return False
    try:
        return await workspaces.paykickstart_always_200(call.db, workspace_id=call.workspace_id)
    except Exception:  # noqa: BLE001 - the refusal matters more than how it is dressed
        log.warning("always_200_unknown")
        return False
