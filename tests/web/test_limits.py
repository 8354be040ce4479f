"""The token bucket, under a clock of ours, and its key."""

from itertools import repeat

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from replenish.web.limits import Buckets, address_of


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_then_one_at_a_time() -> None:
    clock = Clock()
    buckets = Buckets(per_minute=6, burst=3, clock=clock)
    assert [buckets.take("ann") for _ in range(4)] == [0, 0, 0, 10]
    assert buckets.take("ben") == 0, "Ben does not wait for Ann"
    clock.now += 9
    assert buckets.take("ann") == 1
    clock.now += 1
    assert [buckets.take("ann") for _ in range(2)] == [0, 10]
    clock.now += 3600
    assert [buckets.take("ann") for _ in range(4)] == [0, 0, 0, 10], "a pause fills the bucket, not more"


def test_a_flood_of_addresses_does_not_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("replenish.web.limits._ADDRESSES_MAX", 100)
    buckets = Buckets(per_minute=1, burst=1)
    for number in range(1000):
        buckets.take(str(number))
    assert len(buckets._left) == 100
    assert buckets.take("999") > 0, "the newest are the ones that are kept"


class Somebody:
    """The part of a connection that counts."""

    def __init__(self, host: str | None) -> None:
        self.client = None if host is None else type("Address", (), {"host": host})()


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("testclient", "testclient"),
        (None, ""),
    ],
)
def test_whom_is_counted(host: str | None, key: str) -> None:
    assert address_of(Somebody(host)) == key  # pyright: ignore[reportArgumentType] # all of a request that is looked at


def test_the_page_says_when_to_come_back(client: TestClient[Litestar]) -> None:
    answers = [client.get("/portal/limited", follow_redirects=False) for _ in repeat(None, 3)]
    assert [answer.status_code for answer in answers] == [303, 303, 429]
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 60
    assert "Too many requests" in answers[2].text
