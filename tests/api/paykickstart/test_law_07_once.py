"""One key, one effect: sent again, sent with something else, sent twenty times at once (law 7)."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from support.addons import EMAIL, Store, make_addon, open_store

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    async with open_store(database_url) as opened:
        yield opened
        await opened.assert_books_agree()


@pytest.mark.parametrize("units", ["-15", "15"])
async def test_law_07_a_key_sent_again_answers_the_same(store: Store, units: str) -> None:
    body = {"email": EMAIL, "units": units, "notes": "report #88", "idempotency_key": "job-88"}
    first = await store.send("usage/add", body)
    await store.use(-1)
    again = await store.send("usage/add", body)
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json()["data"].pop("replayed") is True
    assert again.json()["data"] | {"replayed": False} == first.json()["data"]
    assert again.json()["balance"] == first.json()["balance"]
    assert await store.balance() == str(111 + int(units))


@pytest.mark.parametrize("units", ["-15", "15"])
@pytest.mark.parametrize(
    "change",
    [
        {"units": "-16"},
        {"units": "16"},
        {"units": "sign"},
        {"notes": "another report"},
        {"notes": ""},
        {"occurred_at": "moved"},
        {"product_id": 2},
    ],
    ids=str,
)
async def test_law_07_a_key_sent_with_something_else_is_refused(
    store: Store, units: str, change: dict[str, object]
) -> None:
    await make_addon(store.world, workspace_id=store.workspace_id, name="other credits")
    body = {"email": EMAIL, "product_id": 1, "units": units, "notes": "report #88", "idempotency_key": "job-88"}
    await store.ok("usage/add", body)
    if change.get("units") == "sign":
        change = {"units": units[1:] if units.startswith("-") else f"-{units}"}
    if change.get("occurred_at") == "moved":
        change = {"occurred_at": (await store.ok("usage", email=EMAIL, product_id=1))["data"]["as_of"]}
    error = await store.refused(409, "usage/add", {**body, **change})
    assert error == {"type": "idempotency_mismatch", "field": "idempotency_key"}
    assert await store.balance() == str(112 + int(units))


async def test_law_07_the_header_is_the_same_key(store: Store) -> None:
    fields = {"auth_token": store.token, "email": EMAIL, "units": "-5"}
    header = {"Idempotency-Key": "job-1"}
    first = await store.http.post("/buyer-addon/usage/add", data=fields, headers=header)
    again = await store.http.post("/buyer-addon/usage/add", data=fields | {"idempotency_key": "job-1"})
    third = await store.http.post("/buyer-addon/usage/add", json=fields | {"reference_id": "job-1"}, headers=header)
    assert [answer.json()["data"]["replayed"] for answer in (first, again, third)] == [False, True, True]
    assert await store.balance() == "107"
    fields["idempotency_key"] = "job-2"
    answer = await store.http.post("/buyer-addon/usage/add", data=fields, headers=header)
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, "idempotency_key")


async def test_law_07_other_digits_are_the_same_body(store: Store) -> None:
    await store.use("-15", idempotency_key="job-1")
    again = await store.use("-015.0", idempotency_key="job-1")
    assert again["data"]["replayed"] is True


async def test_law_07_a_refused_key_may_be_tried_again(store: Store) -> None:
    body = {"email": EMAIL, "units": "-200", "idempotency_key": "job-1"}
    await store.refused(402, "usage/add", body)
    await store.use(100)
    assert (await store.ok("usage/add", body))["balance"] == "12"


async def test_law_07_without_a_key_each_call_counts(store: Store) -> None:
    for _ in range(3):
        assert (await store.use(-2))["data"]["replayed"] is False
    await store.use(1)
    await store.use(1)
    assert await store.balance() == "108"


@pytest.mark.parametrize("units", ["-5", "5"])
async def test_law_07_twenty_at_once_are_one(store: Store, units: str) -> None:
    body = {"email": EMAIL, "product_id": 1, "units": units, "idempotency_key": "job-1"}
    answers = await asyncio.gather(*(store.ok("usage/add", body) for _ in range(20)))
    assert sorted(answer["data"]["replayed"] for answer in answers) == [False] + [True] * 19
    assert len({answer["data"]["entry_id"] for answer in answers}) == 1
    assert await store.balance() == str(112 + int(units))


async def test_law_07_both_signs_of_one_key_at_once_have_one_effect(store: Store) -> None:
    bodies = [{"email": EMAIL, "units": units, "idempotency_key": "job-1"} for units in ("-5", "5") * 10]
    answers = await asyncio.gather(*(store.send("usage/add", body) for body in bodies))
    done = [answer for answer in answers if answer.status_code == 200]
    assert [answer.status_code for answer in answers].count(409) == 10
    assert len({answer.json()["data"]["entry_id"] for answer in done}) == 1
    assert await store.balance() in {"107", "117"}


async def test_two_hundred_at_once_never_take_more_than_there_is(store: Store) -> None:
    answers = await asyncio.gather(*(store.send("usage/add", email=EMAIL, units=-1) for _ in range(200)))
    assert [answer.status_code for answer in answers].count(200) == 112
    assert [answer.status_code for answer in answers].count(402) == 88
    assert await store.balance() == "0"
