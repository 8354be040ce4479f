"""A day is a date or its text; anything else is refused by name, before it is sent."""

from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from support.sdk_contract import client_of

asked: list[httpx.URL] = []


def answer(request: httpx.Request) -> httpx.Response:
    asked.append(request.url)
    return httpx.Response(200, json={"data": [], "next_cursor": None})


@pytest.mark.parametrize("day", ["2026-11-01", date(2026, 11, 1)])
def test_a_day_is_a_date_or_its_text(day: Any) -> None:
    asked.clear()
    assert list(client_of(answer).usage_days.list(customer_id="ann", since=day, until=day)) == []
    assert [(url.params["since"], url.params["until"]) for url in asked] == [("2026-11-01", "2026-11-01")]


@pytest.mark.parametrize("day", [20261101, True, datetime(2026, 11, 1, tzinfo=UTC)])
@pytest.mark.parametrize("field", ["since", "until"])
def test_what_names_no_day_is_refused(field: str, day: Any) -> None:
    asked.clear()
    with pytest.raises(TypeError, match=f"{field} must be a date or text such as '2026-11-23'"):
        list(client_of(answer).usage_days.list(customer_id="ann", **{field: day}))
    assert asked == []
