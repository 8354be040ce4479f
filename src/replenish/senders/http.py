"""POST to an address that a merchant typed in, without becoming a door into our own network.

The name is resolved once, every address it has is checked, and the connection goes to a checked one: a name that changes its
mind between check and connect changes nothing. Redirects are not followed, proxies of the environment not used.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final, cast

import httpcore
import httpx

from replenish.notifications.outgoing import Reply
from replenish.senders.addresses import Address, is_loopback, is_public

CONNECT_SECONDS: Final = 5.0
TOTAL_SECONDS: Final = 20.0
_ANSWER_MAX_BYTES: Final = 65_536
_PORT_MAX: Final = 65_535

Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]
SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]


class ForbiddenAddressError(Exception):
    """The name leads to an address that outgoing requests must not reach."""


async def resolve(host: str, port: int) -> Sequence[Address]:
    """Every address of a name, in the order that the system prefers. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ipaddress.ip_address(str(info[4][0]).partition("%")[0]) for info in found))


class _CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to addresses only, and only to checked ones. TLS still verifies the name."""

    def __init__(self, *, lookup: Resolve, loopback: bool) -> None:
        self._lookup = lookup
        self._loopback = loopback
        self._network = cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is the library's
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await self._lookup(host, port)
        if not addresses:
            raise OSError(f"{host} has no address")
        for address in addresses:
            if not (is_public(address) or (self._loopback and is_loopback(address))):
                # All or nothing: a name with one private address among public ones is an attack or a mistake.
                raise ForbiddenAddressError
        failure: Exception | None = None
        for address in addresses:
            try:
                return await self._network.connect_tcp(str(address), port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or OSError("no address was tried")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is the library's
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        del path, timeout, socket_options
        raise ForbiddenAddressError

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)


class HttpSender:
    """Each request on a connection of its own, so that each is checked. `loopback` only under `replenish dev`."""

    def __init__(
        self,
        *,
        loopback: bool,
        lookup: Resolve = resolve,
        total_seconds: float = TOTAL_SECONDS,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._network = _CheckedNetwork(lookup=lookup, loopback=loopback)
        self._total_seconds = total_seconds
        self._tls = tls or ssl.create_default_context()

    async def post(self, *, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Never raises for what the other side does. Any status is an answer, also a redirect: it is not followed."""
        heard: list[Reply] = []
        failure = f"no answer within {self._total_seconds:g} seconds"
        try:
            async with asyncio.timeout(self._total_seconds):
                await self._post(url, headers, body, heard)
        except TimeoutError:
            pass
        except httpcore.TimeoutException:
            failure = f"no connection within {CONNECT_SECONDS:g} seconds"
        except ForbiddenAddressError:
            failure = "the address is not on the public internet"
        except (OSError, UnicodeError):
            failure = "the name cannot be resolved, or nobody listens there"
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
            failure = f"the connection failed: {type(error).__name__}"
        except httpx.InvalidURL:
            failure = "the address cannot be read"
        # A status that came counts, even if its body never ended: sending again would tell the same thing twice.
        return heard[0] if heard else Reply(None, failure)

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes, heard: list[Reply]) -> None:
        read = httpx.URL(url)
        if read.port is not None and read.port > _PORT_MAX:
            raise httpx.InvalidURL("no such port")
        address = httpcore.URL(scheme=read.raw_scheme, host=read.raw_host, port=read.port, target=read.raw_path)
        timeouts = {"connect": CONNECT_SECONDS, "read": self._total_seconds, "write": self._total_seconds}
        pool = httpcore.AsyncConnectionPool(
            ssl_context=self._tls, network_backend=self._network, max_keepalive_connections=0
        )
        named = {"Host": read.netloc.decode(), "Accept": "*/*", **headers, "Content-Length": str(len(body))}
        sent = [(name.encode(), value.encode()) for name, value in named.items()]
        async with (
            pool,
            pool.stream("POST", address, headers=sent, content=body, extensions={"timeout": timeouts}) as answer,
        ):
            heard.append(Reply(answer.status, f"answered {answer.status}"))
            # Read a little, so that the other side can finish writing; never all of it: it may be endless.
            size = 0
            async for chunk in answer.aiter_stream():
                size += len(chunk)
                if size > _ANSWER_MAX_BYTES:
                    break
