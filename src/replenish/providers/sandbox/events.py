"""The sandbox's messages: signed when sent, verified when received, delivered until they are accepted.

Form and signature are those of Standard Webhooks: `webhook-id`, `webhook-timestamp`, and `webhook-signature` = `v1,` and
the base64 of HMAC-SHA256 over `id.timestamp.body`.
"""

import base64
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

import httpx
import msgspec
import structlog
from asyncpg import Record
from asyncpg.pool import Pool

from replenish.core.clock import utc_now
from replenish.payments.provider import EventIgnored, EventRejected, OutsideEvent
from replenish.providers.sandbox import store

KINDS: Final = frozenset({"payment.settled", "payment.declined", "payment.cancelled", "method_page.completed"})
# How far a message's clock may be from ours: bounds how long a recorded one can be replayed.
TOLERANCE: Final = timedelta(minutes=5)
TRIES_MAX: Final = 15
_LEASE_SECONDS: Final = 30
_BACKOFF_MAX_SECONDS: Final = 3600

log = structlog.stdlib.get_logger(__name__)


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a message."""

    id: str
    kind: str
    account: str
    object_id: str
    created_at: datetime


def account_secret(secret: str, account: str) -> bytes:
    """Each account has its own, so that one account's messages prove nothing to another."""
    return hmac.digest(secret.encode(), b"sandbox webhook " + account.encode(), "sha256") if secret else b""


def sign(*, secret: str, account: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The `webhook-signature` header."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(account_secret(secret, account), signed, hashlib.sha256)).decode()


def read(
    *, secret: str, account: str, headers: Mapping[str, str], body: bytes, now: datetime | None = None
) -> OutsideEvent | EventIgnored | EventRejected:
    """Verify one message. Closed when there is no secret."""
    if not secret:
        return EventRejected("the sandbox has no secret")
    message_id = headers.get("webhook-id", "")
    stamp = headers.get("webhook-timestamp", "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        return EventRejected("webhook-timestamp is missing or not a number")
    expected = sign(secret=secret, account=account, message_id=message_id, timestamp=int(stamp), body=body)
    given = headers.get("webhook-signature", "").split(" ")
    if not any(hmac.compare_digest(expected.encode(), one.encode()) for one in given):
        return EventRejected("the signature does not match")
    if abs((now or utc_now()).timestamp() - int(stamp)) > TOLERANCE.total_seconds():
        return EventRejected("the message is too old")
    try:
        message = msgspec.json.decode(body, type=Message)
    except msgspec.DecodeError as unreadable:
        return EventRejected(str(unreadable))
    if message.account != account:
        return EventRejected("the message is for another account")
    if message.kind not in KINDS:
        return EventIgnored()
    return OutsideEvent(
        outside_id=message.object_id, kind=message.kind, body={"id": message.id, "created_at": str(message.created_at)}
    )


Send = Callable[[str, Mapping[str, str], bytes], Awaitable[int]]
"""POST a body to a URL; returns the status. Raises httpx.HTTPError or OSError when nobody answers."""


def http_sender(client: httpx.AsyncClient) -> Send:
    async def send(url: str, headers: Mapping[str, str], body: bytes) -> int:
        response = await client.post(url, headers=dict(headers), content=body, timeout=10)
        return response.status_code

    return send


class Pump:
    """The sandbox's side of delivery: the worker runs `run_once` every second or so."""

    def __init__(self, *, pool: "Pool[Record]", secret: str, base_url: str, send: Send) -> None:
        self._pool = pool
        self._secret = secret
        self._base_url = base_url
        self._send = send

    async def run_once(self, *, limit: int = 50) -> int:
        """Deliver what is due, retrying with growing pauses; returns how many were accepted."""
        async with self._pool.acquire() as connection:
            due = await store.claim_events(connection, limit=limit, lease_seconds=_LEASE_SECONDS)
        accepted = 0
        for event in due:
            delivered = await self._deliver(event)
            accepted += delivered
            again = None if delivered or event.tries >= TRIES_MAX else min(1 << event.tries, _BACKOFF_MAX_SECONDS)
            async with self._pool.acquire() as connection:
                await store.finish_event(connection, event.id, delivered=delivered, again_in_seconds=again)
        return accepted

    async def _deliver(self, event: store.DueEvent) -> bool:
        message = Message(
            id=event.id,
            kind=event.kind,
            account=event.account,
            object_id=event.object_id,
            created_at=event.created_at,
        )
        body = msgspec.json.encode(message)
        timestamp = int(utc_now().timestamp())
        headers = {
            "content-type": "application/json",
            "webhook-id": event.id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(
                secret=self._secret, account=event.account, message_id=event.id, timestamp=timestamp, body=body
            ),
        }
        url = f"{self._base_url}/webhooks/sandbox/{event.account}"
        try:
            status = await self._send(url, headers, body)
        except (httpx.HTTPError, OSError) as failed:
            log.info("sandbox event not delivered", event_id=event.id, tries=event.tries, failure=str(failed))
            return False
        if not 200 <= status < 300:
            log.info("sandbox event not accepted", event_id=event.id, tries=event.tries, status=status)
            return False
        return True
