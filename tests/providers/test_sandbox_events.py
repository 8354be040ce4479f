"""The sandbox's messages: signed, verified, retried until accepted."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import httpx
import msgspec
import pytest

from replenish.core.db import Database
from replenish.payments.provider import EventIgnored, EventRejected, OutsideEvent
from replenish.providers.sandbox.events import Message, Pump, read, sign
from support.shop import SECRET

ACCOUNT = "ws_northwind"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
STAMP = int(NOW.timestamp())


def message(*, kind: str = "payment.settled", account: str = ACCOUNT) -> bytes:
    return msgspec.json.encode(Message(id="sbe_1", kind=kind, account=account, object_id="sbi_1", created_at=NOW))


def signed(body: bytes, *, account: str = ACCOUNT, secret: str = SECRET, stamp: int = STAMP) -> dict[str, str]:
    return {
        "webhook-id": "sbe_1",
        "webhook-timestamp": str(stamp),
        "webhook-signature": sign(secret=secret, account=account, message_id="sbe_1", timestamp=stamp, body=body),
    }


BODY = message()
GOOD = signed(BODY)

#    headers                                             body                    secret   answer
MESSAGES: list[tuple[dict[str, str], bytes, str, type[object]]] = [
    (GOOD, BODY, SECRET, OutsideEvent),
    ({**GOOD, "webhook-signature": f"v1,bad {GOOD['webhook-signature']}"}, BODY, SECRET, OutsideEvent),
    (signed(BODY, stamp=STAMP - 299), BODY, SECRET, OutsideEvent),
    (signed(message(kind="payment.created")), message(kind="payment.created"), SECRET, EventIgnored),
    # Without a secret nothing is believed, not even what was signed with none.
    (signed(BODY, secret=""), BODY, "", EventRejected),
    (signed(BODY, secret=""), BODY, SECRET, EventRejected),
    (signed(BODY, secret="another secret of somebody else's"), BODY, SECRET, EventRejected),
    (signed(BODY, account="ws_other"), BODY, SECRET, EventRejected),
    (signed(BODY, stamp=STAMP - 301), BODY, SECRET, EventRejected),
    (signed(BODY, stamp=STAMP + 301), BODY, SECRET, EventRejected),
    ({**GOOD, "webhook-timestamp": str(STAMP + 1)}, BODY, SECRET, EventRejected),
    ({**GOOD, "webhook-timestamp": "now"}, BODY, SECRET, EventRejected),
    ({**GOOD, "webhook-timestamp": "9" * 400}, BODY, SECRET, EventRejected),
    ({**GOOD, "webhook-id": "sbe_2"}, BODY, SECRET, EventRejected),
    ({**GOOD, "webhook-signature": "é"}, BODY, SECRET, EventRejected),
    (GOOD, BODY + b" ", SECRET, EventRejected),
    ({}, BODY, SECRET, EventRejected),
    (signed(b"{"), b"{", SECRET, EventRejected),
    (signed(b"\xff"), b"\xff", SECRET, EventRejected),
    (signed(message(account="ws_other")), message(account="ws_other"), SECRET, EventRejected),
]


@pytest.mark.parametrize(("headers", "body", "secret", "answer"), MESSAGES)
def test_verifying(headers: dict[str, str], body: bytes, secret: str, answer: type[object]) -> None:
    assert type(read(secret=secret, account=ACCOUNT, headers=headers, body=body, now=NOW)) is answer


@pytest.mark.anyio
async def test_an_event_is_sent_again_until_it_is_accepted(db: Database) -> None:
    await db.pool.execute(
        "insert into sandbox.events (id, account, object_id, kind) values ('sbe_1', $1, 'sbi_1', 'payment.settled')",
        ACCOUNT,
    )
    answers: list[int | Exception] = [500, httpx.ConnectError("down"), 404, 202]
    seen: list[str] = []

    async def send(url: str, headers: Mapping[str, str], body: bytes) -> int:
        assert url == f"https://shop.example/webhooks/sandbox/{ACCOUNT}"
        found = read(secret=SECRET, account=ACCOUNT, headers=headers, body=body)
        assert isinstance(found, OutsideEvent)
        seen.append(headers["webhook-id"])
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    pump = Pump(pool=db.pool, secret=SECRET, base_url="https://shop.example", send=send)
    for accepted in (0, 0, 0, 1, 0):
        assert await pump.run_once() == accepted
        later = await db.fetchval("select due_at > now() from sandbox.events")
        assert later is (None if accepted or not answers else True)
        await db.pool.execute("update sandbox.events set due_at = now() where due_at is not null")
    assert seen == ["sbe_1"] * 4


@pytest.mark.anyio
async def test_an_event_that_nobody_takes_is_given_up(db: Database) -> None:
    await db.pool.execute(
        "insert into sandbox.events (id, account, object_id, kind, tries)"
        " values ('sbe_1', $1, 'sbi_1', 'payment.settled', 14)",
        ACCOUNT,
    )

    async def send(_: str, _headers: Mapping[str, str], _body: bytes) -> int:
        return 500

    pump = Pump(pool=db.pool, secret=SECRET, base_url="https://shop.example", send=send)
    assert await pump.run_once() == 0
    assert await db.fetchval("select due_at is null and delivered_at is null from sandbox.events") is True


def test_clocks_may_differ_by_the_tolerance() -> None:
    assert isinstance(
        read(secret=SECRET, account=ACCOUNT, headers=GOOD, body=BODY, now=NOW + timedelta(minutes=4)), OutsideEvent
    )
