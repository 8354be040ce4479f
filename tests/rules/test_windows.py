"""Days, weeks and months begin at local midnight, also where clocks change."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from replenish.core.windows import window


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


# The span and zone, now, and the window that it lies in, all in UTC.
WINDOWS = [
    ("day", "UTC", "2027-01-31T00:00:00Z", "2027-01-31T00:00:00Z", "2027-02-01T00:00:00Z"),
    ("day", "UTC", "2027-01-30T23:59:59.999999Z", "2027-01-30T00:00:00Z", "2027-01-31T00:00:00Z"),
    ("day", "Asia/Kolkata", "2027-01-31T18:30:00Z", "2027-01-31T18:30:00Z", "2027-02-01T18:30:00Z"),
    ("day", "Asia/Kolkata", "2027-01-31T18:29:59Z", "2027-01-30T18:30:00Z", "2027-01-31T18:30:00Z"),
    # Berlin, the last Sunday of March has 23 hours, that of October 25.
    ("day", "Europe/Berlin", "2027-03-28T12:00:00Z", "2027-03-27T23:00:00Z", "2027-03-28T22:00:00Z"),
    ("day", "Europe/Berlin", "2027-10-31T12:00:00Z", "2027-10-30T22:00:00Z", "2027-10-31T23:00:00Z"),
    # Cairo's clocks jump at midnight, so that its last Friday of April begins at one o'clock.
    ("day", "Africa/Cairo", "2026-04-24T12:00:00Z", "2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z"),
    # Havana's midnight comes twice when summer ends; the day begins at the first.
    ("day", "America/Havana", "2026-11-01T04:30:00Z", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"),
    ("day", "America/Havana", "2026-11-01T05:30:00Z", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"),
    # Samoa had no 30 December 2011.
    ("day", "Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z"),
    # Weeks begin on Monday; 2027-01-01 is a Friday in the last week of 2026.
    ("week", "UTC", "2027-01-01T12:00:00Z", "2026-12-28T00:00:00Z", "2027-01-04T00:00:00Z"),
    ("week", "UTC", "2027-01-03T23:59:59Z", "2026-12-28T00:00:00Z", "2027-01-04T00:00:00Z"),
    ("week", "UTC", "2027-01-04T00:00:00Z", "2027-01-04T00:00:00Z", "2027-01-11T00:00:00Z"),
    ("week", "America/New_York", "2027-03-14T12:00:00Z", "2027-03-08T05:00:00Z", "2027-03-15T04:00:00Z"),
    ("month", "UTC", "2028-02-29T23:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"),
    ("month", "UTC", "2027-12-31T23:59:59Z", "2027-12-01T00:00:00Z", "2028-01-01T00:00:00Z"),
    ("month", "Europe/Berlin", "2027-03-31T22:00:00Z", "2027-03-31T22:00:00Z", "2027-04-30T22:00:00Z"),
    ("month", "Europe/Berlin", "2027-03-31T21:59:59Z", "2027-02-28T23:00:00Z", "2027-03-31T22:00:00Z"),
    ("month", "Pacific/Kiritimati", "2027-01-31T10:00:00Z", "2027-01-31T10:00:00Z", "2027-02-28T10:00:00Z"),
]


@pytest.mark.parametrize(("span", "zone", "now", "start", "end"), WINDOWS)
def test_the_window_of_an_instant(span, zone, now, start, end):
    assert window(span, at(now), zone=zone) == (at(start), at(end))


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Havana", "Africa/Cairo", "Asia/Kathmandu"])
@pytest.mark.parametrize("span", ["day", "week", "month"])
def test_windows_follow_one_another_without_gap_through_a_year(span, zone):
    start, end = window(span, at("2026-01-01T12:00:00Z"), zone=zone)
    while end < at("2027-01-01T12:00:00Z"):
        assert start < end
        assert window(span, start, zone=zone) == (start, end)
        start, before = end, end
        start, end = window(span, start, zone=zone)
        assert start == before
