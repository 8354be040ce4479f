"""How the client speaks: what it tries again and what not, what it raises, what it refuses to send."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import pytest

from replenish_client import (
    ApiError,
    AsyncReplenish,
    AuthenticationError,
    BadRequestError,
    BudgetExceededError,
    ConflictError,
    ForbiddenError,
    GoneError,
    IdempotencyMismatchError,
    InsufficientCreditsError,
    NetworkError,
    NetworkTimeoutError,
    NotFoundError,
    PaymentRequiredError,
    RateLimitedError,
    Replenish,
    ReplenishError,
    RequestInProgressError,
    ServerError,
    UnavailableError,
    UnexpectedAnswerError,
    ValidationError,
    new_idempotency_key,
)
from support.sdk_contract import client_of

CAMPAIGN = {
    "id": "cmp_1",
    "number": 1,
    "name": "Spring",
    "metadata": {},
    "created_at": "2026-11-23T10:00:00.123456Z",
    "archived_at": None,
}


def problem(status: int, code: str = "refused", **more: object) -> httpx.Response:
    body = {"type": f"urn:replenish:problem:{code}", "title": "No", "status": status, "detail": "Not so.", "code": code}
    headers = {"Content-Type": "application/problem+json", "X-Request-Id": "req_1"}
    return httpx.Response(status, content=msgspec.json.encode({**body, **more}), headers=headers)


def waiting(status: int, seconds: str) -> httpx.Response:
    answer = problem(status)
    answer.headers["Retry-After"] = seconds
    return answer


def done() -> httpx.Response:
    return httpx.Response(200, json=CAMPAIGN)


class Server:
    """Answers one after the other; an exception is a connection that fails."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the client wanted to sleep."""
    taken: list[float] = []
    monkeypatch.setattr("time.sleep", taken.append)
    return taken


def create(client: Replenish) -> object:
    return client.campaigns.create(name="Spring")


def retrieve(client: Replenish) -> object:
    return client.campaigns.retrieve(1)


def update(client: Replenish) -> object:
    return client.campaigns.update("cmp_1", name="Summer")


# What happens first                        call      tried again
RETRIES: list[tuple[httpx.Response | Exception, Callable[[Replenish], object], bool]] = [
    (httpx.ConnectError("refused"),           create,   True),
    (httpx.ConnectTimeout("slow"),            create,   True),
    (httpx.ReadError("reset"),                create,   True),
    (httpx.RemoteProtocolError("hung up"),    create,   True),
    (httpx.ReadTimeout("slow"),               create,   True),
    (httpx.ReadError("reset"),                retrieve, True),
    (httpx.ReadError("reset"),                update,   True),
    (problem(429),                            create,   True),
    (waiting(429, "2"),                       retrieve, True),
    (waiting(429, "3600"),                    retrieve, False),
    (problem(409, "in_progress"),             create,   True),
    (problem(500, "internal_error"),          create,   True),
    (problem(500, "internal_error"),          retrieve, False),
    (httpx.Response(502, text="<html>"),      retrieve, True),
    (problem(503, "unavailable"),             update,   True),
    (httpx.Response(504, text="<html>"),      create,   True),
    (problem(400, "malformed_request"),       create,   False),
    (problem(402, "insufficient_credits"),    create,   False),
    (problem(404),                            retrieve, False),
    (problem(409, "already_exists"),          create,   False),
    (problem(409, "idempotency_mismatch"),    create,   False),
    (problem(422),                            create,   False),
    (httpx.Response(200, text="<html>"),      retrieve, False),
    (httpx.Response(302, headers={"Location": "https://elsewhere.test"}), create, False),
]  # fmt: skip


@pytest.mark.parametrize(("first", "call", "again"), RETRIES, ids=map(str, range(len(RETRIES))))
def test_law_07_tries_again_what_has_no_second_effect(first, call, again, naps):
    server = Server(first, done())
    client = client_of(server, retries=3)
    if again:
        call(client)
    else:
        with pytest.raises(ReplenishError):
            call(client)
    assert len(naps) == len(server.requests) - 1 == (1 if again else 0)
    # The second is the first again: same key, same body.
    assert len({request.headers.get("Idempotency-Key") for request in server.requests}) == 1
    assert len({request.content for request in server.requests}) == 1


def test_waits_longer_each_time_and_gives_up_with_the_last_error(naps):
    server = Server(*[problem(503) for _ in range(5)])
    with pytest.raises(UnavailableError):
        create(client_of(server, retries=4))
    assert len(server.requests) == 5
    assert all(low <= nap <= 2 * low for nap, low in zip(naps, (0.125, 0.25, 0.5, 1), strict=True))


def test_waits_as_long_as_the_server_asks(naps):
    create(client_of(Server(waiting(429, "7"), done()), retries=1))
    assert 7 < naps[0] < 7.5


def test_each_post_has_a_key_of_its_own_and_the_callers_goes_first():
    server = Server(*[done() for _ in range(3)])
    client = client_of(server)
    create(client)
    create(client)
    client.campaigns.create(name="Spring", idempotency_key="spring-1")
    keys = [request.headers["Idempotency-Key"] for request in server.requests]
    assert len(set(keys)) == 3
    assert keys[2] == "spring-1"
    assert new_idempotency_key() != new_idempotency_key()


ERRORS: list[tuple[int, str, type[ApiError]]] = [
    (400, "malformed_request", BadRequestError),
    (401, "unauthenticated", AuthenticationError),
    (402, "payment_required", PaymentRequiredError),
    (402, "insufficient_credits", InsufficientCreditsError),
    (403, "scope_missing", ForbiddenError),
    (404, "customer_not_found", NotFoundError),
    (405, "method_not_allowed", BadRequestError),
    (409, "already_exists", ConflictError),
    (409, "budget_exceeded", BudgetExceededError),
    (409, "idempotency_mismatch", IdempotencyMismatchError),
    (409, "in_progress", RequestInProgressError),
    (410, "gone", GoneError),
    (413, "body_too_large", BadRequestError),
    (422, "invalid", ValidationError),
    (429, "too_many_requests", RateLimitedError),
    (500, "internal_error", ServerError),
    (503, "unavailable", UnavailableError),
    # A newer server's: its status's family.
    (418, "teapot", BadRequestError),
    (599, "strange", ServerError),
    (404, "insufficient_credits", NotFoundError),
]


@pytest.mark.parametrize(("status", "code", "kind"), ERRORS)
def test_errors_by_status_and_code(status, code, kind):
    with pytest.raises(ApiError) as raised:
        retrieve(client_of(Server(problem(status, code))))
    error = raised.value
    assert type(error) is kind
    assert (error.status, error.code, error.detail, error.request_id) == (status, code, "Not so.", "req_1")
    assert str(error) == f"Not so. ({status} {code})"


def test_errors_carry_their_numbers():
    numbers = {"required": "3", "available": "1.5", "balance": "-2.5", "owed": "4", "top_up_url": "http://x/pay"}
    with pytest.raises(InsufficientCreditsError) as short:
        create(client_of(Server(problem(402, "insufficient_credits", **numbers))))
    error = short.value
    assert (error.required, error.available) == (Decimal(3), Decimal("1.5"))
    assert (error.balance, error.owed, error.top_up_url) == (Decimal("-2.5"), Decimal(4), "http://x/pay")

    fields = [{"field": "name", "detail": "is required"}, {"field": "metadata", "detail": "is too large"}]
    with pytest.raises(ValidationError) as wrong:
        create(client_of(Server(problem(422, "invalid", errors=fields))))
    assert [(each.field, each.detail) for each in wrong.value.errors] == [
        ("name", "is required"),
        ("metadata", "is too large"),
    ]

    with pytest.raises(RateLimitedError) as many:
        create(client_of(Server(waiting(429, "9"))))
    assert many.value.retry_after == 9

    with pytest.raises(ServerError) as fault:
        create(client_of(Server(problem(500, "internal_error", incident="inc_1"))))
    assert fault.value.incident == "inc_1"


STRANGE: list[tuple[httpx.Response | Exception, type[ReplenishError]]] = [
    (httpx.ConnectError("refused"), NetworkError),
    (httpx.ReadTimeout("slow"), NetworkTimeoutError),
    (httpx.DecodingError("bad gzip"), NetworkError),
    (httpx.InvalidURL("no"), NetworkError),
    (httpx.TooManyRedirects("round and round"), NetworkError),
    (httpx.Response(200, text="<html>welcome</html>"), UnexpectedAnswerError),
    (httpx.Response(200, content=b"\xff\xfe"), UnexpectedAnswerError),
    (httpx.Response(200, json={**CAMPAIGN, "number": "one"}), UnexpectedAnswerError),
    (httpx.Response(200, json=[]), UnexpectedAnswerError),
    (httpx.Response(204), UnexpectedAnswerError),
    (httpx.Response(404, text="<html>nginx</html>"), UnexpectedAnswerError),
    (httpx.Response(404, json={"error": "not here"}), UnexpectedAnswerError),
    (httpx.Response(307, headers={"Location": "https://elsewhere.test"}), UnexpectedAnswerError),
    (httpx.Response(502, text="<html>"), ServerError),
    (httpx.Response(503, text="<html>"), UnavailableError),
    (httpx.Response(429, text="<html>"), RateLimitedError),
]


@pytest.mark.parametrize(("answer", "kind"), STRANGE, ids=map(str, range(len(STRANGE))))
def test_nothing_of_httpx_leaks(answer, kind):
    with pytest.raises(ReplenishError) as raised:
        retrieve(client_of(Server(answer)))
    assert type(raised.value) is kind


def test_a_closed_client_and_a_lost_server_are_our_errors():
    client = Replenish("rk_test_x", "http://127.0.0.1:9", retries=0)
    with pytest.raises(NetworkError):
        retrieve(client)
    client.close()
    with pytest.raises(ReplenishError):
        retrieve(client)


def test_unknown_fields_of_a_newer_server_are_ignored():
    campaign = client_of(Server(httpx.Response(200, json={**CAMPAIGN, "mood": "sunny"}))).campaigns.retrieve(1)
    assert campaign.name == "Spring"
    assert campaign.created_at.utcoffset() is not None
    with pytest.raises(AttributeError):
        campaign.name = "Summer"


def test_a_list_goes_through_all_pages():
    pages = [
        httpx.Response(200, json={"data": [{**CAMPAIGN, "number": n} for n in numbers], "next_cursor": cursor})
        for numbers, cursor in (([5, 4], "c1"), ([3, 2], "c2"), ([1], None))
    ]
    server = Server(*pages, pages[0])
    listed = client_of(server).campaigns.list(limit=2)
    assert server.requests == []
    assert [campaign.number for campaign in listed] == [5, 4, 3, 2, 1]
    assert [dict(request.url.params) for request in server.requests] == [
        {"limit": "2"},
        {"limit": "2", "cursor": "c1"},
        {"limit": "2", "cursor": "c2"},
    ]
    page = listed.page()
    assert ([campaign.number for campaign in page.data], page.next_cursor) == ([5, 4], "c1")


def test_a_followed_feed_ends_where_it_is_empty():
    server = Server(
        httpx.Response(200, json={"data": [], "next_cursor": "c1"}),
    )
    assert list(client_of(server).events.list(order="oldest", cursor="c1")) == []


REFUSED: list[tuple[Callable[[Any], object], type[Exception], str]] = [
    (lambda c: c.prices.create(product_id="p", currency_id="USD", unit_amount=12.5), TypeError, "unit_amount.*float"),
    (lambda c: c.prices.create(product_id="p", currency_id="USD", unit_amount=True), TypeError, "unit_amount.*bool"),
    (lambda c: c.prices.create(product_id="p", currency_id="USD", unit_amount="ten"), ValueError, "unit_amount"),
    (lambda c: c.prices.create(product_id="p", currency_id="USD", unit_amount="NaN"), ValueError, "unit_amount"),
    (lambda c: c.prices.create(product_id="p", currency_id="USD", unit_amount="1e999999"), ValueError, "unit_amount"),
    (
        lambda c: c.prices.create(
            product_id="p", currency_id="USD", unit_amount=1, credit_config={"currency_id": "c", "credit_amount": 0.1}
        ),
        TypeError,
        "credit_config.credit_amount",
    ),
    (lambda c: c.usage.record(customer_id="a", meter_id="m", idempotency_key="", value=1), ValueError, "idempotency"),
    (lambda c: c.usage.record(customer_id="a", meter_id="m", idempotency_key="ü", value=1), ValueError, "idempotency"),
    (lambda c: c.usage.record(customer_id="a", meter_id="m", idempotency_key="k", value=0.1), TypeError, "value"),
    (
        lambda c: c.usage.record_many([{"customer_id": "a", "meter_id": "m", "idempotency_key": "k", "value": 0.1}]),
        TypeError,
        r"events\[0\].value",
    ),
    (lambda c: c.test_clock.move(datetime(2026, 1, 1)), ValueError, "now.*time zone"),  # noqa: DTZ001 - what is refused
    (lambda c: c.campaigns.create(name="x", metadata={"a": float("nan")}), ValueError, "metadata"),
    (lambda c: c.campaigns.create(name="x", idempotency_key="a\nb"), ValueError, "idempotency_key"),
    (lambda c: c.customers.retrieve(""), ValueError, "customer"),
    (lambda c: c.customers.retrieve("a/balances"), ValueError, "customer"),
    (lambda c: c.customers.retrieve(".."), ValueError, "customer"),
    (lambda c: c.customers.retrieve(None), TypeError, "customer"),
]


@pytest.mark.parametrize(("call", "kind", "words"), REFUSED, ids=map(str, range(len(REFUSED))))
def test_wrong_arguments_are_refused_before_anything_is_sent(call, kind, words):
    server = Server()
    with pytest.raises(kind, match=words):
        call(client_of(server))
    assert server.requests == []


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("10.0", "10.0"),
        (10, "10"),
        (Decimal("0.50"), "0.50"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1E-18"), f"0.{'0' * 17}1"),
    ],
)
def test_amounts_are_sent_as_they_are_written(given, sent):
    server = Server(problem(404))
    with pytest.raises(NotFoundError):
        client_of(server).adjustments.create(customer_id="ann", currency_id="c", amount=given, reason="x")
    assert msgspec.json.decode(server.requests[0].content)["amount"] == sent


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"base_url": "http://x"}, "REPLENISH_API_KEY"),
        ({"api_key": "rk_test_x"}, "REPLENISH_BASE_URL"),
        ({"api_key": "rk_test_x\n", "base_url": "http://x"}, "api_key"),
        ({"api_key": "rk_test_x", "base_url": "x:8700"}, "base_url"),
        ({"api_key": "rk_test_x", "base_url": "http://x", "timeout_seconds": 0}, "timeout_seconds"),
        ({"api_key": "rk_test_x", "base_url": "http://x", "retries": -1}, "retries"),
    ],
)
def test_wrong_options_are_named(options, words, monkeypatch):
    monkeypatch.delenv("REPLENISH_API_KEY", raising=False)
    monkeypatch.delenv("REPLENISH_BASE_URL", raising=False)
    with pytest.raises(ValueError, match=words):
        Replenish(**options)


def test_law_17_the_key_goes_to_no_log_and_to_no_other_server(caplog, naps):
    caplog.set_level("DEBUG")
    server = Server(problem(503), httpx.Response(307, headers={"Location": "https://elsewhere.test/v1"}))
    client = client_of(server, retries=1)
    with pytest.raises(UnexpectedAnswerError):
        create(client)
    assert len(naps) == 1
    assert {request.url.host for request in server.requests} == {"replenish.test"}
    assert "rk_test_x" not in caplog.text
    assert "rk_test_x" not in repr(client) + repr(client._options)


@pytest.mark.anyio
async def test_the_asynchronous_client_tries_again_too(monkeypatch):
    taken: list[float] = []

    async def nap(seconds: float) -> None:
        taken.append(seconds)

    monkeypatch.setattr("anyio.sleep", nap)
    server = Server(httpx.ReadError("reset"), done())
    async with (
        httpx.AsyncClient(transport=httpx.MockTransport(server)) as http,
        AsyncReplenish("rk_test_x", "http://replenish.test/v1/", http_client=http) as client,
    ):
        assert (await client.campaigns.create(name="Spring")).number == 1
    assert len(taken) == 1
    assert str(server.requests[0].url) == "http://replenish.test/v1/campaigns"
    assert http.is_closed
