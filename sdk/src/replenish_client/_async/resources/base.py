"""What every resource is."""

from replenish_client._async.transport import AsyncTransport


class AsyncResource:
    """A group of calls. Made by the client."""

    __slots__ = ("_transport",)

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport
