"""A short cut for `POST /v1/usage`: the same gate, the same body, the same flow and answer, without the framework between.

It sits in the path of the merchant's own product, and the framework's share of a request is larger than the debit's.
Whatever is not plain (a query, another content type, a body of unknown or unusual length) takes the ordinary route.
"""

from typing import Any, Final

import msgspec
from litestar import Litestar, Request
from litestar.types import ASGIApp, Receive, Scope, Send

from replenish.api.v1 import usage
from replenish.api.v1.bodies import decode
from replenish.api.v1.call import Gate
from replenish.api.v1.routing import Operation
from replenish.api.v1.usage import NewUsageEvent, RecordedView
from replenish.web import errors
from replenish.web.context import KEY, Context

PATH: Final = "/v1/usage"
_BODY_MAX_BYTES: Final = 64 * 1024
_JSON: Final = (b"application/json", b"application/json; charset=utf-8")
_ENCODER: Final = msgspec.json.Encoder()


class ShortCut:
    """Takes plain usage requests; hands everything else on."""

    __slots__ = ("_app", "_gate", "_next", "_operation")

    def __init__(self, app: Litestar, *, gate: Gate) -> None:
        self._app = app
        self._next: ASGIApp = app.asgi_handler
        self._gate = gate
        self._operation = Operation.of(usage.record_usage)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST" or scope["query_string"]:
            await self._next(scope, receive, send)
            return
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"")
        plain = headers.get(b"content-type") in _JSON and length.isdigit() and int(length) <= _BODY_MAX_BYTES
        context: object = self._app.state.get(KEY)
        if not plain or not isinstance(context, Context):
            await self._next(scope, receive, send)
            return
        try:
            given = headers.get(b"authorization")
            recorded = await self._record(context, None if given is None else given.decode("latin-1"), receive)
        except Exception as error:  # noqa: BLE001 - the one map of errors to answers takes any, and logs what it does not know
            # Without a body: what the handler logs of a request is its method and path.
            answer = errors.handle(Request[Any, Any, Any](scope), error)
            await _answer(send, answer.status_code or 500, answer.content, {**answer.headers}, errors.MEDIA_TYPE)
            return
        await _answer(send, self._operation.status, _ENCODER.encode(recorded), {}, "application/json")

    async def _record(self, context: Context, authorization: str | None, receive: Receive) -> RecordedView:
        identity = await self._gate.admit(context, authorization, self._operation)
        data = decode(await _body(receive), NewUsageEvent)
        if not isinstance(data, NewUsageEvent):
            raise TypeError(type(data).__name__)
        return await usage.record_one(context, identity.workspace_id, data)


async def _body(receive: Receive) -> bytes:
    """The whole of it; the server has bounded it by its announced length."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ConnectionError("the caller went away before its body had come")
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


async def _answer(send: Send, status: int, body: bytes, headers: dict[str, str], media_type: str) -> None:
    listed = [(b"content-type", media_type.encode()), (b"content-length", str(len(body)).encode())]
    listed += [(name.lower().encode(), text.encode()) for name, text in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": listed})
    await send({"type": "http.response.body", "body": body, "more_body": False})
