"""Law 7 with the real client: it sends a POST again when the answer is lost or a 5xx, and nothing happens twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import httpx
import pytest

from .conftest import Client, Serving

pytestmark = pytest.mark.timeout(600)  # the first run installs the client


class BadLine(ThreadingHTTPServer):
    """Between client and server: every request arrives, the first answer to each POST does not."""

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Relay)
        self.target = target
        self.spoiled: list[str] = []
        self.posts: list[str] = []


class _Relay(BaseHTTPRequestHandler):
    server: BadLine
    kept_out: ClassVar[set[str]] = {"transfer-encoding", "connection", "content-length", "date", "server"}

    def relay(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length) if length else None
        answer = httpx.request(
            self.command, self.server.target + self.path, content=body, headers=dict(self.headers), trust_env=False
        )
        if self.command == "POST":
            name = self.path.partition("?")[0]
            self.server.posts.append(name)
            if name not in self.server.spoiled:
                self.server.spoiled.append(name)
                if len(self.server.spoiled) % 2:
                    self.close_connection = True
                    self.connection.close()
                    return
                answer = httpx.Response(502, text="bad gateway")
        self.send_response(answer.status_code)
        for header, text in answer.headers.items():
            if header not in self.kept_out:
                self.send_header(header, text)
        self.send_header("content-length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    do_GET = do_POST = do_PUT = do_DELETE = relay  # noqa: N815 - the names that the base class looks for

    def log_message(self, *_: Any) -> None:
        """Not on the tests' terminal."""


@pytest.fixture
def bad_line(serving: Serving) -> Iterator[BadLine]:
    line = BadLine(serving.url)
    thread = threading.Thread(target=line.serve_forever, daemon=True)
    thread.start()
    yield line
    line.shutdown()
    line.server_close()
    thread.join(timeout=10)


def test_law_07_everything_is_done_once_over_a_bad_line(serving: Serving, bad_line: BadLine) -> None:
    payment = Client(Serving(bad_line.server_address[1], serving.client))
    meter = payment("meters.create", {"name": "Renders", "event_name": "renders", "unit": "render"})
    credit = meter["currency_id"]
    grant = {"customer_id": "ann", "currency_id": credit, "amount": "3", "category": "paid"}
    made = payment("creditGrants.create", grant)
    payload = {"customer_id": "ann", "value": "1"}
    payment("meterEvents.create", {"event_name": "renders", "payload": payload, "identifier": "job-1"})
    price = {
        "unit_amount": "1",
        "currency_id": "USDC",
        "metadata": {"credit_config": {"currency_id": credit, "credit_amount": "5"}},
    }
    product = payment("products.create", {"name": "Five renders", "type": "credit", "prices": [price]})
    link = payment("paymentLinks.create", {"line_items": [{"price_id": product["prices"][0]["id"]}]})
    session = payment("checkout.sessions.create", {"line_items": [{"price_id": product["prices"][0]["id"]}]})
    payment("webhookEndpoints.create", {"url": "https://a.example/hook"})
    sent_twice = {name for name in bad_line.posts if bad_line.posts.count(name) > 1}
    assert sent_twice == set(bad_line.spoiled), "the line was as bad as it should be"
    assert len(sent_twice) == 7
    assert [each["id"] for each in payment("creditGrants.list", {"customer_id": "ann"})["list"]] == [made["id"]]
    assert payment("creditGrants.summary", {"customer_id": "ann"})[credit]["remainingAmount"] == "200"
    assert payment("products.list", {"name": "Five renders"})["count"] == 1
    assert [each["id"] for each in payment("checkout.sessions.list", {})["list"]] == [session["id"]]
    assert link["id"] in {each["id"] for each in payment("paymentLinks.list", {})["list"]}
    assert payment("webhookEndpoints.list", {})["count"] == 1
    payment.close()
