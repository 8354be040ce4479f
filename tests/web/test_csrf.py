"""Law 17: forms carry tokens that only this browser's own pages have."""

import re
from collections.abc import Callable, Iterator

import pytest
from litestar import Litestar
from litestar.testing import TestClient

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def token_on(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found
    return found[1]


@pytest.fixture
def ben(make_shop: Callable[[str], Litestar]) -> Iterator[TestClient[Litestar]]:
    with TestClient(make_shop("http://127.0.0.1"), base_url="http://127.0.0.1") as client:
        client.headers["Accept"] = "text/html"
        yield client


def test_law_17_a_form_from_our_own_page_passes(client: TestClient[Litestar]) -> None:
    token = token_on(client.get("/portal/buy").text)
    answer = client.post("/portal/pay", data={"name": "Ann", "csrf_token": token}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/portal")


def test_law_17_a_token_is_new_each_time_and_all_of_them_are_good(client: TestClient[Litestar]) -> None:
    tokens = {token_on(client.get("/portal/buy").text) for _ in range(3)}
    assert len(tokens) == 3
    for token in tokens:
        assert client.post("/portal/pay", data={"name": "Ann", "csrf_token": token}).status_code == 200


@pytest.mark.parametrize(
    ("case", "token"),
    [
        ("none", None),
        ("empty", ""),
        ("made up", "abcdefabcdef.c2lnbmF0dXJl"),
        ("not ascii", "ключ.подпись"),
        ("long", "x" * 100_000),
    ],
)
def test_law_17_a_bad_token_gets_a_readable_403(client: TestClient[Litestar], case: str, token: str | None) -> None:
    client.get("/portal/buy")
    data = {"name": "Ann"} | ({} if token is None else {"csrf_token": token})
    answer = client.post("/portal/pay", data=data)
    assert answer.status_code == 403, case
    assert "This form is no longer valid" in answer.text
    assert answer.headers["content-type"].startswith("text/html")


def test_law_17_another_browsers_token_is_worthless(client: TestClient[Litestar], ben: TestClient[Litestar]) -> None:
    # The attack of login CSRF: Ben's own page, Ben's own good token, sent by Ann's browser.
    token = token_on(ben.get("/portal/buy").text)
    client.get("/portal/buy")
    assert client.post("/portal/sign-in", data={"csrf_token": token}).status_code == 403
    assert ben.post("/portal/sign-in", data={"csrf_token": token}).status_code == 200


def test_law_17_a_token_from_before_the_sign_in_ends_with_it(client: TestClient[Litestar]) -> None:
    before = token_on(client.get("/portal/buy").text)
    client.post("/portal/sign-in", data={"csrf_token": before})
    assert client.post("/portal/pay", data={"name": "Ann", "csrf_token": before}).status_code == 403
    after = token_on(client.get("/portal/buy").text)
    assert client.post("/portal/pay", data={"name": "Ann", "csrf_token": after}).status_code == 200


def test_law_17_without_a_visit_there_is_no_token(client: TestClient[Litestar]) -> None:
    token = token_on(client.get("/portal/buy").text)
    client.cookies.clear()
    assert client.post("/portal/pay", data={"name": "Ann", "csrf_token": token}).status_code == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://127.0.0.1"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        # What browsers send from our own pages, because these tell nobody their address.
        ({"Origin": "null"}, 200),
        ({"Origin": "null", "Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_law_17_what_the_browser_says_of_the_origin_counts_too(
    client: TestClient[Litestar], headers: dict[str, str], status: int
) -> None:
    token = token_on(client.get("/portal/buy").text)
    answer = client.post("/portal/pay", data={"name": "Ann", "csrf_token": token}, headers=headers)
    assert answer.status_code == status


def test_law_17_scripts_send_the_token_as_a_header(client: TestClient[Litestar]) -> None:
    token = token_on(client.get("/portal/buy").text)
    assert client.post("/portal/count", headers={"X-CSRF-Token": token}).status_code == 200
    assert client.post("/portal/count").status_code == 403
    # A JSON body is no form: nothing in it is a token.
    assert client.post("/portal/count", json={"csrf_token": token}).status_code == 403


def test_law_17_a_broken_multipart_body_is_refused_like_a_missing_token(client: TestClient[Litestar]) -> None:
    client.get("/portal/buy")
    answer = client.post("/portal/count", content=b"x", headers={"Content-Type": "multipart/form-data"})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("base_url", "names"),
    [
        ("http://127.0.0.1", {"replenish_visit", "replenish_portal"}),
        ("https://pay.northwind.example", {"__Host-replenish_visit", "__Secure-replenish_portal"}),
    ],
)
def test_law_17_cookies_are_closed_to_scripts_and_other_sites(
    make_shop: Callable[[str], Litestar], base_url: str, names: set[str]
) -> None:
    with TestClient(make_shop(base_url), base_url=base_url) as client:
        first = client.get("/portal/buy")
        second = client.post("/portal/sign-in", data={"csrf_token": token_on(first.text)}, follow_redirects=False)
    cookies = [*first.headers.get_list("set-cookie"), *second.headers.get_list("set-cookie")]
    assert {cookie.partition("=")[0] for cookie in cookies} == names
    for cookie in cookies:
        parts = {part.strip().lower() for part in cookie.split(";")}
        assert {"httponly", "samesite=lax"} <= parts
        assert ("secure" in parts) == base_url.startswith("https")
        assert ("path=/portal" if "portal=" in cookie else "path=/") in parts
