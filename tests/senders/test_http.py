"""Outgoing requests: what is sent, what counts as an answer, and which addresses are never reached (law 17)."""

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import msgspec
import pytest

from replenish.notifications.outgoing import Reply
from replenish.senders.addresses import Address, is_loopback, is_public
from replenish.senders.http import HttpSender

pytestmark = pytest.mark.anyio
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK"


class Receiver(msgspec.Struct):
    port: int
    heard: list[bytes]

    def url(self, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}/ipn?from=replenish"


@asynccontextmanager
async def receiving(answer: bytes = OK, *, then: Serve | None = None) -> AsyncIterator[Receiver]:
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (int(line[15:]) for line in head.split(b"\r\n") if line.lower()[:15] == b"content-length:"), 0
            )
            heard.append(head + await reader.readexactly(length))
            writer.write(answer)
            await writer.drain()
            if then is not None:
                await then(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield Receiver(server.sockets[0].getsockname()[1], heard)
    finally:
        server.close()


def names(*addresses: str) -> Callable[[str, int], Awaitable[Sequence[Address]]]:
    async def lookup(_: str, __: int) -> Sequence[Address]:
        return [ipaddress.ip_address(address) for address in addresses]

    return lookup


async def post(sender: HttpSender, url: str) -> Reply:
    return await sender.post(url=url, headers={"Content-Type": "text/plain"}, body=b"event=sales")


async def test_a_post_arrives_whole() -> None:
    async with receiving() as receiver:
        assert await post(HttpSender(loopback=True), receiver.url()) == Reply(200, "answered 200")
    (request,) = receiver.heard
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /ipn?from=replenish HTTP/1.1\r\n")
    assert f"Host: 127.0.0.1:{receiver.port}".encode() in head
    assert body == b"event=sales"


@pytest.mark.parametrize(("status", "accepted"), [(204, True), (299, True), (301, False), (404, False), (500, False)])
async def test_statuses_and_no_redirect_is_followed(status: int, accepted: bool) -> None:
    async with receiving() as elsewhere:
        answer = f"HTTP/1.1 {status} X\r\nLocation: {elsewhere.url()}\r\nContent-Length: 0\r\n\r\n".encode()
        async with receiving(answer) as receiver:
            reply = await post(HttpSender(loopback=True), receiver.url())
        assert (reply.status, reply.accepted) == (status, accepted)
        assert elsewhere.heard == []


async def test_law_17_loopback_only_where_it_is_allowed() -> None:
    async with receiving() as receiver:
        for host in ("127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "[::ffff:127.0.0.1]"):
            reply = await post(HttpSender(loopback=False), receiver.url(host))
            assert reply == Reply(None, "the address is not on the public internet"), host
        assert receiver.heard == []


@pytest.mark.parametrize("private", ["10.0.0.1", "169.254.169.254", "fd00::1", "::ffff:10.0.0.1"])
@pytest.mark.parametrize("loopback", [True, False])
async def test_law_17_one_private_address_among_public_ones_is_enough(private: str, loopback: bool) -> None:
    sender = HttpSender(loopback=loopback, lookup=names("93.184.215.14", private))
    reply = await post(sender, "http://rebound.example/")
    assert reply == Reply(None, "the address is not on the public internet")


async def test_law_17_a_name_is_asked_once_and_the_checked_address_is_the_one_used() -> None:
    asked: list[str] = []

    async def changes_its_mind(host: str, _: int) -> Sequence[Address]:
        asked.append(host)
        return [ipaddress.ip_address("127.0.0.1" if len(asked) == 1 else "10.0.0.1")]

    async with receiving() as receiver:
        sender = HttpSender(loopback=True, lookup=changes_its_mind)
        assert (await post(sender, receiver.url("merchant.example"))).status == 200
        assert asked == ["merchant.example"]
        # The next request is a new connection, checked again.
        assert (await post(sender, receiver.url("merchant.example"))).status is None
    assert f"Host: merchant.example:{receiver.port}".encode() in receiver.heard[0]


async def test_nobody_there_and_no_such_name() -> None:
    async with receiving() as receiver:
        pass
    assert (await post(HttpSender(loopback=True), receiver.url())).status is None

    async def unknown(_: str, __: int) -> Sequence[Address]:
        raise OSError("no such name")

    reply = await post(HttpSender(loopback=True, lookup=unknown), "http://gone.example/")
    assert reply == Reply(None, "the name cannot be resolved, or nobody listens there")
    assert (await post(HttpSender(loopback=True, lookup=names()), "http://gone.example/")).status is None


@pytest.mark.parametrize("url", ["ftp://merchant.example/", "http://", "http://[::1", "http://a b/", "http://x:99999/"])
async def test_addresses_that_are_none(url: str) -> None:
    assert (await post(HttpSender(loopback=True, lookup=names("127.0.0.1")), url)).status is None


async def test_a_silent_receiver_is_given_up() -> None:
    async def wait(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with receiving(b"", then=wait) as receiver:
        reply = await post(HttpSender(loopback=True, total_seconds=0.2), receiver.url())
    assert reply == Reply(None, "no answer within 0.2 seconds")


async def test_a_status_counts_though_its_body_never_ends() -> None:
    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()

    async def stuck(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    head = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"
    for then in (endless, stuck):
        async with receiving(head, then=then) as receiver:
            assert (await post(HttpSender(loopback=True, total_seconds=0.5), receiver.url())).status == 200


async def test_what_is_no_http_is_no_answer() -> None:
    async with receiving(b"SSH-2.0-OpenSSH\r\n\r\n") as receiver:
        assert (await post(HttpSender(loopback=True), receiver.url())).status is None


@pytest.mark.parametrize(
    "text",
    [
        *("0.0.0.1", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1", "192.0.0.1", "192.0.2.1"),
        *("192.168.1.1", "198.18.0.1", "203.0.113.9", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "::127.0.0.1", "fe80::1", "fc00::1", "fd00::1", "ff02::1", "2001:db8::1", "::ffff:10.0.0.1"),
        *(
            "::ffff:169.254.169.254",
            "64:ff9b::a00:1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2002:a00:1::",
            "2002:7f00:1::1",
        ),
    ],
)
def test_law_17_addresses_that_are_not_public(text: str) -> None:
    assert not is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "text", ["1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_addresses_that_are_public(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


def test_loopback_in_each_of_its_clothes() -> None:
    for text in ("127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"):
        assert is_loopback(ipaddress.ip_address(text))
    assert not is_loopback(ipaddress.ip_address("10.0.0.1"))
