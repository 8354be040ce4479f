"""Coming in by a one-time link, and going."""

import pytest
from tests.portal.shop import Shop

pytestmark = pytest.mark.anyio


async def test_opening_the_link_spends_nothing_the_button_does(shop: Shop) -> None:
    """Mail filters open every link they see."""
    link = await shop.link(shop.ann)
    for _ in range(3):
        scanner = shop.visitor()
        await scanner.go(link)
        assert "replenish_portal" not in scanner.http.cookies
    ann = shop.visitor()
    await ann.enter(link)
    assert (ann.status, ann.at) == (200, f"{shop.base_url}/portal")
    assert "Ann Lee" in ann.text


@pytest.mark.parametrize("how", ["used", "unknown", "long"])
async def test_a_link_that_has_ended_says_so_kindly(shop: Shop, how: str) -> None:
    link = await shop.link(shop.ann)
    if how == "used":
        await shop.visitor().enter(link)
    elif how == "unknown":
        link = f"{shop.base_url}/portal/enter/nothing-like-a-token"
    else:
        link = f"{shop.base_url}/portal/enter/{'x' * 3000}"
    late = shop.visitor()
    says = await late.enter(link)
    assert late.status == 410
    assert "This link has ended" in says
    assert "replenish_portal" not in late.http.cookies


async def test_law_17_the_session_cookie_is_for_the_portal_only(shop: Shop) -> None:
    ann = shop.visitor()
    await ann.go(await shop.link(shop.ann))
    response = await ann.post(ann.at, {"csrf_token": ann.token()})
    (cookie,) = [one for one in response.headers.get_list("set-cookie") if one.startswith("replenish_portal=")]
    assert {"HttpOnly", "Path=/portal", "SameSite=lax"} <= set(cookie.split("; "))
    assert "Max-Age=3" in cookie


async def test_law_17_signing_out_ends_the_session_everywhere(shop: Shop) -> None:
    ann = await shop.entered(shop.ann)
    stolen = dict(ann.http.cookies)
    await ann.send(to="sign-out")
    assert "You are signed out" in ann.text
    thief = shop.visitor()
    thief.http.cookies.update(stolen)
    await thief.go("/portal")
    assert thief.status == 401
    assert "Your session has ended" in thief.text


@pytest.mark.parametrize("path", ["/portal/enter/abc", "/portal/sign-out", "/portal/buy", "/portal/payment-methods"])
async def test_law_17_forms_from_elsewhere_are_refused(shop: Shop, path: str) -> None:
    ann = await shop.entered(shop.ann)
    refused = await ann.post(path, {"price": "x"})
    assert refused.status_code == 403


async def test_without_a_session_the_page_says_how_to_come_in(shop: Shop) -> None:
    cat = shop.visitor()
    await cat.go("/portal")
    assert (cat.status, "Please open your billing page from the link you were given." in cat.text) == (401, True)
