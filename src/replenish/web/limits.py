"""How often one address may use a public page: a token bucket for each, in this process's memory.

Several processes allow several times as much: this slows guessing and flooding down, it is no quota. What must hold exactly
(charges a day) is counted where it is stored.
"""

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, Final

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from replenish.core.errors import TooMany

# A flood from ever new addresses must not fill the memory: the longest unused bucket goes first.
_ADDRESSES_MAX: Final = 20_000

Connection = ASGIConnection[Any, Any, Any, Any]
Guard = Callable[[Connection, BaseRouteHandler], Awaitable[None]]


class Buckets:
    """`burst` uses at once, then `per_minute`. `clock` gives seconds that never run backwards."""

    def __init__(self, *, per_minute: int, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_minute / 60
        self._burst = burst
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> int:
        """Use one. 0 if there was one, else the whole seconds until there is."""
        now = self._clock()
        left, since = self._left.pop(key, (float(self._burst), now))
        left = min(self._burst, left + (now - since) * self._per_second)
        taken = left >= 1
        self._left[key] = (left - 1 if taken else left, now)
        if len(self._left) > _ADDRESSES_MAX:
            self._left.popitem(last=False)
        return 0 if taken else math.ceil((1 - left) / self._per_second)


def limit(*, per_minute: int, burst: int, writes_only: bool = False) -> Guard:
    """A guard for the routes that share these buckets: `guards=[limit(per_minute=30, burst=10)]`.

    `writes_only` lets reading pass: a sign-in page may be reloaded freely, a sign-in not. Raises TooMany.
    """
    buckets = Buckets(per_minute=per_minute, burst=burst)

    async def guard(connection: Connection, _: BaseRouteHandler) -> None:
        scope = connection.scope
        if writes_only and scope["type"] == "http" and scope["method"] in {"GET", "HEAD"}:
            return
        wait = buckets.take(address_of(connection))
        if wait:
            raise TooMany(
                f"Too many requests from your address. Try again in {wait} seconds.", retry_after_seconds=wait
            )

    return guard


def address_of(connection: Connection) -> str:
    """Whom to count: an IPv4 address, or an IPv6 /64, of which any single customer of a network has 2^64 addresses."""
    host = connection.client.host if connection.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.IPv6Network((address, 64), strict=False))
    return str(address)
