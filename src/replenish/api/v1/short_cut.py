"""A short cut for `POST /v1/usage`: the same gate, the same body, the same flow and answer, without the framework between.

It sits in the path of the merchant's own product, and the framework's share of a request is larger than the debit's.
Whatever is not plain (a query, another content type, a body of unknown or unusual length) takes the ordinary route.
"""

from typing import Any, Final, cast

import msgspec
from litestar import Litestar, Request
from litestar.types import LifeSpanScope, Receive, Scope, Send

from replenish.api.v1 import usage
from replenish.api.v1.bodies import decode
from replenish.api.v1.call import Gate
from replenish.api.v1.routing import Operation
from replenish.api.v1.usage import NewUsageEvent, RecordedView
from replenish.web import csp, errors, request_ids
from replenish.web.context import KEY, Context

PATH: Final = "/v1/usage"
_BODY_MAX_BYTES: Final = 64 * 1024
_JSON: Final = (b"application/json", b"application/json; charset=utf-8")
_PLAIN: Final = (b"content-type", b"application/json")
_PROBLEM: Final = (b"content-type", errors.MEDIA_TYPE.encode())
_ENCODER: Final = msgspec.json.Encoder()


class ShortCut:
    """Answers plain usage requests. It stands before the application, so it adds the headers that every answer has."""

    __slots__ = ("_app", "_gate", "_operation")

    def __init__(self, app: Litestar, *, gate: Gate) -> None:
        self._app = app
        self._gate = gate
        self._operation = Operation.of(usage.record_usage)

    def takes(self, scope: Scope | LifeSpanScope) -> bool:
        """Whether it answers this request; otherwise the ordinary route does."""
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST" or scope["query_string"]:
            return False
        kind: bytes = b""
        length: bytes = b""
        for name, value in scope["headers"]:
            if name == b"content-type":
                kind = value
            elif name == b"content-length":
                length = value
        return kind in _JSON and length.isdigit() and int(length) <= _BODY_MAX_BYTES and KEY in self._app.state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        context = cast("Context", self._app.state[KEY])
        try:
            given = next((value for name, value in scope["headers"] if name == b"authorization"), None)
            recorded = await self._record(context, None if given is None else given.decode("latin-1"), receive)
        except Exception as error:  # noqa: BLE001 - the one map of errors to answers takes any, and logs what it does not know
            # Without a body: what the handler logs of a request is its method and path.
            scope["app"] = scope["litestar_app"] = self._app
            answer = errors.handle(Request[Any, Any, Any](scope), error)
            headers = cast("dict[str, str]", {**answer.headers})
            extra = [(name.lower().encode(), text.encode()) for name, text in headers.items()]
            await _answer(scope, send, answer.status_code or 500, answer.content, [_PROBLEM, *extra])
            return
        await _answer(scope, send, self._operation.status, _ENCODER.encode(recorded), [_PLAIN])

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


async def _answer(scope: Scope, send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    listed = [
        *headers,
        (b"content-length", b"%d" % len(body)),
        (request_ids.HEADER.lower().encode(), request_ids.request_id_of(scope).encode()),
        *csp.FOR_DATA,
    ]
    await send({"type": "http.response.start", "status": status, "headers": listed})
    await send({"type": "http.response.body", "body": body, "more_body": False})
