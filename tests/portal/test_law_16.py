"""Law 16: one customer's session with another's ids, on every route, finds nothing; no session sees nothing."""

import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute
from tests.portal.shop import VISA, Shop

from replenish.core.ids import CURRENCY, LOT, PAYMENT_METHOD, TOP_UP
from replenish.flows.manage_currencies import create_currency
from replenish.flows.manage_workspaces import create_workspace
from replenish.flows.open_checkout import create_checkout_session
from replenish.payments import queries as payments
from replenish.topups import queries as topups
from replenish.wallets import queries as wallets

pytestmark = pytest.mark.anyio
# Whoever holds the address may see these: nothing of a session, nor of a customer, stands on them.
OPEN = {"/portal/enter/{token}", "/portal/signed-out", "/portal/returned", "/portal/confirm/{attempt_id}/{signature}"}


def routes(app: Litestar) -> list[tuple[str, str]]:
    """Every method and path of the portal, as the program serves them."""
    found = [
        (method, route.path_format)
        for route in app.routes
        if isinstance(route, HTTPRoute) and route.path.startswith("/portal")
        for method in route.methods & {"GET", "POST"}
    ]
    assert len(found) > 20
    return sorted(found)


async def bens(shop: Shop) -> dict[str, str]:
    """What Ben has of everything that an address can name."""
    method_id = await shop.card_of(shop.ben)
    ben = await shop.entered(shop.ben)
    await ben.go("/portal/buy")
    await ben.send(says="Pay 10 USDC")
    await ben.go("/portal/buy")
    await ben.send(says="Pay 10 USDC", method="new")
    await ben.type_card(VISA)
    top_up = (await topups.top_ups(shop.db, workspace_id=shop.workspace_id, customer_id=shop.ben))[0]
    session_id, _ = await create_checkout_session(
        db=shop.db, workspace_id=shop.workspace_id, mode="setup", customer_id=shop.ben
    )
    session = await payments.session(shop.db, workspace_id=shop.workspace_id, session_id=session_id)
    (lot, *_) = await wallets.lots(shop.db, workspace_id=shop.workspace_id, customer_id=shop.ben)
    return {
        "top_up_id": TOP_UP.text(top_up.id),
        "method_id": PAYMENT_METHOD.text(method_id),
        "slug": session.slug,
        "lot": LOT.text(lot.id),
    }


async def test_law_16_bens_ids_in_anns_session(shop: Shop) -> None:
    theirs = await bens(shop)
    ann = await shop.entered(shop.ann)
    token = ann.token()
    named = [(method, path) for method, path in routes(shop.app) if "{" in path and path not in OPEN]
    assert len(named) >= 6
    for method, path in named:
        address = path.format(**theirs)
        answer = await (ann.http.get(address) if method == "GET" else ann.post(address, {"csrf_token": token}))
        assert answer.status_code == 404, f"{method} {path}"
    (card,) = await payments.methods(shop.db, workspace_id=shop.workspace_id, customer_id=shop.ben)
    assert card.detached_at is None


async def test_law_16_lists_and_forms_show_and_take_only_anns(shop: Shop) -> None:
    theirs = await bens(shop)
    ann = await shop.entered(shop.ann)
    for path in ("/portal", "/portal/history", "/portal/credit-grants?closed=yes", "/portal/payment-methods"):
        await ann.go(path)
        assert ann.status == 200
        for found in (*theirs.values(), "200,000", "4242", "Ben"):
            assert found not in ann.html, path
    answer = await ann.http.get("/portal/history.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.text.count("\n") == 1
    await ann.go("/portal/buy")
    (form,) = [one for one in ann.forms() if one.method == "post" and one.action == "/portal/buy"]
    answer = await ann.post("/portal/buy", form.fields | {"method": theirs["method_id"]})
    assert answer.status_code in {404, 422}
    await ann.go("/portal/credit-grants?cursor=" + theirs["lot"])
    assert "200,000" not in ann.html
    assert await topups.top_ups(shop.db, workspace_id=shop.workspace_id, customer_id=shop.ann) == []


async def test_law_16_another_workspaces_currency_is_not_found(shop: Shop) -> None:
    other = await create_workspace(db=shop.db, name="Other")
    theirs = CURRENCY.text(await create_currency(db=shop.db, workspace_id=other.test, name="gold"))
    ann = await shop.entered(shop.ann)
    for path in (
        "/portal/buy",
        "/portal/history",
        "/portal/history.csv",
        "/portal/credit-grants",
        "/portal/auto-recharge",
    ):
        await ann.go(f"{path}?currency={theirs}")
        assert ann.status == 404, path


async def test_law_17_no_page_without_a_session_and_no_form_without_a_token(shop: Shop) -> None:
    stranger, ann = shop.visitor(), await shop.entered(shop.ann)
    some = {
        "top_up_id": "top_x",
        "method_id": "pm_x",
        "slug": "x",
        "token": "x",
        "attempt_id": "ra_x",
        "signature": "x",
    }
    for method, path in routes(shop.app):
        address = path.format(**some)
        if method == "GET" and path not in OPEN:
            assert (await stranger.http.get(address)).status_code == 401, path
        if method == "POST":
            assert (await ann.post(address, {})).status_code == 403, path


async def test_law_17_pages_are_kept_by_nobody_and_carry_the_policy(shop: Shop) -> None:
    ann = await shop.entered(shop.ann)
    for path in ("/portal", "/portal/buy", "/portal/history", "/portal/history.csv"):
        headers = (await ann.http.get(path)).headers
        assert "no-store" in headers["cache-control"], path
        assert "default-src" in headers["content-security-policy"], path
        assert headers["referrer-policy"] == "no-referrer", path
