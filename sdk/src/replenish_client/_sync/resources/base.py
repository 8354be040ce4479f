# Made from _async/resources/base.py by scripts/make_sync_client.py; change that one.
"""What every resource is."""

from replenish_client._sync.transport import Transport


class Resource:
    """A group of calls. Made by the client."""

    __slots__ = ("_transport",)

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
