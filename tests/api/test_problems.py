"""Errors are problem documents (RFC 9457), from whatever depth they come."""

from unittest.mock import AsyncMock

import asyncpg
import pytest

from replenish.api.v1.bodies import BODY_MAX_BYTES
from replenish.core.errors import (
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    PaymentRequired,
    Refusal,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from support.api_shop import Client, Shop

# what is raised, status, code
RAISED = [
    (Invalid("events[3].value", "is wrong"), 422, "invalid"),
    (Unauthenticated("Who?"), 401, "unauthenticated"),
    (Forbidden("No."), 403, "forbidden"),
    (NotFound("credit grant"), 404, "credit_grant_not_found"),
    (Conflict("Stands already.", code="already_exists"), 409, "already_exists"),
    (Gone("Ended."), 410, "gone"),
    (PaymentRequired("Missing.", code="insufficient_credits", numbers={"balance": "1", "required": "2"}), 402, None),
    (TooMany("Slow down.", retry_after_seconds=7), 429, "too_many_requests"),
    (Unavailable("Not now.", retry_after_seconds=3), 503, "unavailable"),
    (Refusal("No."), 400, "refused"),
    (asyncpg.DeadlockDetectedError("x"), 503, "unavailable"),
    (asyncpg.ConnectionDoesNotExistError("x"), 503, "unavailable"),
    (ConnectionRefusedError("x"), 503, "unavailable"),
    (TimeoutError(), 503, "unavailable"),
    (asyncpg.NumericValueOutOfRangeError("x"), 422, "invalid"),
    (asyncpg.UniqueViolationError("x"), 409, "already_exists"),
    (asyncpg.ForeignKeyViolationError("x"), 500, "internal_error"),
    (KeyError("x"), 500, "internal_error"),
]


async def test_each_error_has_its_status(ann: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    for error, status, code in RAISED:
        monkeypatch.setattr("replenish.catalog.queries.campaigns", AsyncMock(side_effect=error))
        answer = await ann.call("GET", "/v1/campaigns")
        problem = answer.json()
        assert (answer.status_code, problem["status"]) == (status, status), repr(error)
        assert answer.headers["content-type"] == "application/problem+json"
        assert problem["code"] == (code or "insufficient_credits"), repr(error)
        assert problem["type"] == f"urn:replenish:problem:{problem['code']}"
        assert problem["title"]
        assert problem["detail"]
        if isinstance(error, Invalid):
            assert problem["errors"] == [{"field": "events[3].value", "detail": "is wrong"}]
        if isinstance(error, PaymentRequired):
            assert (problem["balance"], problem["required"]) == ("1", "2")
        if isinstance(error, TooMany):
            assert answer.headers["retry-after"] == "7"
        if status == 503:
            assert answer.headers["retry-after"]


async def test_a_number_never_passes_for_the_problem_itself(ann: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    error = Conflict("No.", numbers={"status": 200, "code": "fine", "field": "name"})
    monkeypatch.setattr("replenish.catalog.queries.campaigns", AsyncMock(side_effect=error))
    problem = (await ann.call("GET", "/v1/campaigns")).json()
    assert (problem["status"], problem["code"], problem["field"]) == (409, "conflict", "name")


# method, path, headers, content, status, code
OUTSIDE = [
    ("GET", "/v1/nothing", {}, None, 404, "no_such_route"),
    ("GET", "/v1", {}, None, 404, "no_such_route"),
    ("DELETE", "/v1/products", {}, None, 405, "method_not_allowed"),
    ("POST", "/v1/products", {"Content-Type": "text/plain"}, b"{}", 415, "unsupported_media_type"),
    ("POST", "/v1/products", {"Content-Type": "multipart/form-data"}, b"{}", 415, "unsupported_media_type"),
    ("POST", "/v1/products", {"Content-Type": "application/json; charset=utf-8"}, b'{"name":"x"}', 201, None),
    ("POST", "/v1/products", {"Content-Type": "application/merge-patch+json"}, b'{"name":"x"}', 201, None),
    ("POST", "/v1/products", {}, b'{"name":"x"}', 201, None),
    ("POST", "/v1/products", {}, b'{"name":"' + b"x" * BODY_MAX_BYTES + b'"}', 413, "body_too_large"),
]


async def test_what_never_reaches_a_handler(ann: Shop) -> None:
    for method, path, headers, content, status, code in OUTSIDE:
        answer = await ann.call(method, path, content=content, headers=headers)
        assert answer.status_code == status, f"{method} {path} {headers}: {answer.text}"
        if code is not None:
            assert answer.json()["code"] == code
            assert answer.headers["content-type"] == "application/problem+json"
        if status == 405:
            assert set(answer.headers["allow"].split(", ")) >= {"GET", "POST"}


async def test_each_answer_names_its_request(ann: Shop) -> None:
    for path in ("/v1/products", "/v1/nothing", "/healthz"):
        given = await ann.call("GET", path, headers={"X-Request-Id": "mine-1"})
        assert given.headers["x-request-id"] == "mine-1"
        made = await ann.call("GET", path)
        assert made.headers["x-request-id"].startswith("req_")
    strange = await ann.call("GET", "/healthz", headers={"X-Request-Id": "x" * 65})
    assert strange.headers["x-request-id"].startswith("req_")


async def test_a_person_sees_a_page(client: Client) -> None:
    page = await client.get("/nothing-here", headers={"Accept": "text/html"})
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")


async def test_one_key_cannot_starve_the_others(ann: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("replenish.web.limits.Buckets.take", lambda _, key: 3 if key else 0)
    answer = await ann.call("GET", "/v1/products")
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "3"
