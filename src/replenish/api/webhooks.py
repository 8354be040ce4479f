"""Providers' messages: the raw body and headers go to `flows.receive_event`, which verifies and stores them. Nothing acts here."""

from typing import Any, Final

from litestar import Request, Response, Router, post
from litestar.params import FromPath

from replenish.core.errors import NotFound
from replenish.flows.receive_event import receive_event
from replenish.web.context import context_of

_BODY_MAX_BYTES: Final = 1024 * 1024
_NAME_LONGEST: Final = 128


@post("/webhooks/{provider:str}/{account:str}", status_code=202)
async def receive(provider: FromPath[str], account: FromPath[str], request: Request[Any, Any, Any]) -> Response[None]:
    """202 when the message is stored, also when it was stored before; the provider need not send it again.

    401 when it cannot be verified, 404 for a provider that is not set up.
    """
    if len(provider) > _NAME_LONGEST or len(account) > _NAME_LONGEST or "\0" in provider + account:
        raise NotFound("provider")
    context = context_of(request)
    await receive_event(
        db=context.db,
        providers=context.providers,
        provider=provider,
        account=account,
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await request.body(),
    )
    return Response(None, status_code=202)


def webhooks_router() -> Router:
    return Router(path="/", route_handlers=[receive], request_max_body_size=_BODY_MAX_BYTES)
