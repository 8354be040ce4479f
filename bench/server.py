"""The product's own application, and beside it on the same server a POST that does nothing but authenticate and read JSON."""

from typing import Any

import msgspec

from replenish.main.app import create_app
from replenish.web.context import KEY, Context

ANSWER = b'{"ok":true}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(ANSWER)).encode())]


class App:
    """Side (e) at /noop; everything else is the product."""

    def __init__(self) -> None:
        self.product = create_app()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] != "/noop":
            await self.product(scope, receive, send)
            return
        context: Context = self.product.state[KEY]
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        await context.doorkeeper.identity(given.decode())
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        msgspec.json.decode(body)
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": ANSWER})


def make() -> App:
    return App()
