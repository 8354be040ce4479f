"""The page helpers over HTTP: headers, flashes, leaving, errors, fragments, static files."""

import gzip
import html
import re

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from replenish.web import csp, pages

STRICT = {"script-src 'self'", "style-src 'self'", "default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"}


def token_on(page: str) -> str:
    found = re.search(r'name="csrf-token" content="([^"]+)"', page)
    assert found
    return found[1]


@pytest.mark.parametrize(
    ("path", "status"),
    [("/portal", 200), ("/portal/fail/404", 404), ("/nowhere", 404), ("/portal/fail/500", 500), ("/reference", 200)],
)
def test_law_17_every_page_carries_the_strict_policy(client: TestClient[Litestar], path: str, status: int) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    policy = answer.headers["content-security-policy"]
    assert set(policy.split("; ")) >= STRICT
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(("path", "status"), [("/v1/things", 200), ("/v1/nothing", 404), ("/schema/openapi.json", 200)])
def test_law_17_data_may_do_nothing(client: TestClient[Litestar], path: str, status: int) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "json" in answer.headers["content-type"]


@pytest.mark.parametrize("accept", ["*/*", "application/json"])
def test_programs_get_no_pages(client: TestClient[Litestar], accept: str) -> None:
    answer = client.get("/portal/fail/404", headers={"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize(
    ("status", "said", "unsaid"),
    [
        (403, "Ann may not see Ben's history.", ""),
        (404, "No such customer.", ""),
        (410, "This link was used already.", ""),
        (422, "is <b>missing</b>", "<b>"),
        (500, "recorded", "hunter2"),
    ],
)
def test_errors_are_readable_and_tell_no_secrets(
    client: TestClient[Litestar], status: int, said: str, unsaid: str
) -> None:
    answer = client.get(f"/portal/fail/{status}")
    assert answer.status_code == status
    assert said in html.unescape(answer.text)
    assert not unsaid or unsaid not in answer.text


def test_a_flash_is_shown_once_and_escaped(client: TestClient[Litestar]) -> None:
    token = token_on(client.get("/portal").text)
    next_page = client.post("/portal/pay", data={"name": "<script>Ann", "csrf_token": token})
    assert "Thank you, &lt;script&gt;Ann." in next_page.text
    assert "Thank you" not in client.get("/portal").text


@pytest.mark.parametrize("value", ["x", "WyJzdWNjZXNzIiwiaGkiXQ.aaaaaa.bbbbbb", ""])
def test_a_flash_that_we_did_not_sign_is_not_shown(client: TestClient[Litestar], value: str) -> None:
    answer = client.get("/portal", headers={"Cookie": f"replenish_flash={value}"})
    assert answer.status_code == 200
    assert "flashes" not in answer.text


def test_a_bad_field_comes_back_with_its_error(client: TestClient[Litestar]) -> None:
    token = token_on(client.get("/portal/buy").text)
    answer = client.post("/portal/pay", data={"name": "", "csrf_token": token})
    assert answer.status_code == 422
    assert '<a href="#name">Name on card</a>: is missing' in answer.text
    field = re.search(r'<input [^>]*id="name"[^>]*>', answer.text)
    assert field
    assert 'aria-invalid="true"' in field[0]
    assert 'aria-describedby="name-hint name-error"' in field[0]


def test_leaving_goes_by_a_page_of_ours(client: TestClient[Litestar]) -> None:
    token = token_on(client.get("/portal/buy").text)
    answer = client.post("/portal/pay", data={"name": "stripe", "csrf_token": token}, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/leave?to=")
    last = client.get(answer.headers["location"])
    assert 'content="0;url=https://pay.example/c/session_1?x=1&amp;y=2"' in last.text


@pytest.mark.parametrize("to", ["", "https://evil.example", "Imh0dHBzOi8vZXZpbC5leGFtcGxlIg.aaaaaa.bbbb"])
def test_leaving_is_no_open_door(client: TestClient[Litestar], to: str) -> None:
    answer = client.get("/leave", params={"to": to})
    assert answer.status_code == 410
    assert "evil.example" not in answer.text


@pytest.mark.parametrize("path", ["https://evil.example", "//evil.example", "/\\evil.example", "portal", "/a\r\nX: y"])
def test_redirects_stay_at_home(path: str) -> None:
    with pytest.raises(ValueError, match="not a path of ours"):
        pages.redirect(None, path)  # pyright: ignore[reportArgumentType] - refused before the request is looked at


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://", "shop.example", "https://a.example;script-src *"])
def test_origins_are_only_origins(url: str) -> None:
    with pytest.raises(ValueError, match=r"is not an|no browser"):
        csp.origin_of(url)


def test_embedders_are_named() -> None:
    policy = csp.page_policy(frame_ancestors=["https://shop.example/account?x=1"])
    assert policy.endswith("frame-ancestors https://shop.example")


def test_a_script_gets_the_part_it_asked_for(client: TestClient[Litestar]) -> None:
    token = token_on(client.get("/portal/keys").text)
    headers = {"X-CSRF-Token": token, "HX-Request": "true"}
    part = client.post("/portal/count", headers=headers | {"HX-Request-Type": "partial"}).text
    assert "<html" not in part
    assert 'id="count">1<' in part
    assert "<html" in client.post("/portal/count", headers=headers | {"HX-Request-Type": "full"}).text


def test_a_script_is_told_to_go_on(client: TestClient[Litestar]) -> None:
    token = token_on(client.get("/portal").text)
    answer = client.post("/portal/pay", data={"name": "Ann", "csrf_token": token}, headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (200, "/portal")


def test_static_files_are_kept_for_ever_and_compressed(client: TestClient[Litestar]) -> None:
    page = client.get("/portal").text
    found = re.search(r'src="(/static/app-[^"]+\.js)"', page)
    assert found
    zipped = client.get(found[1], headers={"Accept-Encoding": "gzip"})
    assert zipped.headers["content-encoding"] == "gzip"
    assert zipped.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert zipped.headers["content-type"].startswith("text/javascript")
    plain = client.get(found[1], headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == zipped.content
    assert len(gzip.compress(plain.content)) < len(plain.content) / 2


@pytest.mark.parametrize("name", ["nothing.js", "manifest.json", ".stamp", "..%2fcsrf.py", "%2e%2e%2fpages.py"])
def test_static_serves_only_the_bundle(client: TestClient[Litestar], name: str) -> None:
    assert client.get(f"/static/{name}").status_code == 404


@pytest.mark.parametrize(
    "cookie", ["replenish_visit=short", "replenish_visit=" + "é" * 30, "replenish_visit=" + "a" * 5000]
)
def test_a_visit_of_a_wrong_shape_is_replaced(client: TestClient[Litestar], cookie: str) -> None:
    answer = client.get("/portal", headers={"Cookie": cookie.encode()})
    assert "replenish_visit=" in answer.headers["set-cookie"]
