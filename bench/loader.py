"""Asks a server over HTTP/1.1 keep-alive connections, as cheaply as Python can: the loader shares the machine with the server."""

import asyncio
import random
import sys
import time

import msgspec
import uvloop

from bench.timing import WARM_SECONDS, sample


class Order(msgspec.Struct):
    port: int
    path: str
    key: str
    callers: int
    seconds: float
    batch: int
    customers: list[str]


class Caller(asyncio.Protocol):
    """One connection: sends, waits for the whole answer, sends again. An answer that is not 2xx ends the run."""

    def __init__(self, order: Order, begin: float, end: float, taken: list[float], done: asyncio.Future) -> None:
        self.order, self.begin, self.end, self.taken, self.done = order, begin, end, taken, done
        self.head = (
            f"POST {order.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {order.key}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        ).encode()
        self.buffer = b""
        self.left = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.ask()

    def event(self) -> bytes:
        customer = random.choice(self.order.customers)
        # By chance, as clients make keys: counted ones would all stand side by side in the index.
        key = f"{random.getrandbits(128):032x}"
        return f'{{"customer_id":"{customer}","meter_id":"calls","idempotency_key":"{key}","value":"1"}}'.encode()

    def ask(self) -> None:
        self.at = time.perf_counter()
        if self.at >= self.end:
            self.transport.close()
            self.done.done() or self.done.set_result(None)
            return
        if self.order.batch == 1:
            body = self.event()
        else:
            body = b'{"events":[' + b",".join(self.event() for _ in range(self.order.batch)) + b"]}"
        self.transport.write(self.head + str(len(body)).encode() + b"\r\n\r\n" + body)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if self.left < 0:
            cut = self.buffer.find(b"\r\n\r\n")
            if cut < 0:
                return
            head = self.buffer[:cut].lower()
            if not head.startswith(b"http/1.1 2"):
                self.done.done() or self.done.set_exception(RuntimeError(self.buffer[:600].decode()))
                self.transport.close()
                return
            at = head.index(b"content-length:") + 15
            self.left = int(head[at : head.find(b"\r", at) if b"\r" in head[at:] else None]) + cut + 4
        if len(self.buffer) < self.left:
            return
        self.buffer, self.left = b"", -1
        if self.at >= self.begin:
            self.taken.append(time.perf_counter() - self.at)
        self.ask()


async def main() -> None:
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    begin = time.perf_counter() + WARM_SECONDS
    end = begin + order.seconds
    taken: list[float] = []
    loop = asyncio.get_running_loop()
    waiting = [loop.create_future() for _ in range(order.callers)]
    for future in waiting:
        await loop.create_connection(
            lambda future=future: Caller(order, begin, end, taken, future), "127.0.0.1", order.port
        )
    await asyncio.gather(*waiting)
    result = sample(taken, seconds=order.seconds, events_per_ask=order.batch)
    sys.stdout.buffer.write(msgspec.json.encode(result))


if __name__ == "__main__":
    uvloop.run(main())
