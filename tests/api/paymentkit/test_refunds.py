"""Refunds as the original's clients ask for them: by payment intent or invoice, token units in, base units out."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.paymentkit.conftest import Kit, sold

from replenish.core.ids import CHECKOUT_SESSION
from replenish.flows.save_method import finish_saving, open_method_page
from replenish.payments.next_step import Done, Visit
from replenish.reports.verify import verify
from support.world import World

pytestmark = pytest.mark.anyio
BACK = "https://a.example/back"


async def bought(kit: Kit, world: World) -> Any:
    """Ann's paid invoice: 10 USDC for 200,000 credits."""
    _, product = await sold(kit)
    await kit.ok("GET", "/customers/ann", create="true")
    setup = await world.api.post("/checkout_sessions", {"mode": "setup", "customer_id": "ann"})
    session_id = CHECKOUT_SESSION.parse(setup["id"])
    context = world.context
    step = await open_method_page(
        db=world.db,
        providers=context.providers,
        session_id=session_id,
        workspace_id=world.test,
        return_url=BACK,
        cancel_url=BACK,
    )
    assert isinstance(step, Visit)
    card = {"number": "4242424242424242", "expires": "12/40", "cvc": "123"}
    assert (await world.http.post(step.url, data=card, follow_redirects=False)).status_code < 400
    assert await finish_saving(db=world.db, providers=context.providers, session_id=session_id) == Done()
    price_id = product["prices"][0]["id"]
    made = await world.api.post("/topups", {"customer_id": "ann", "price_id": price_id})
    return await kit.ok("GET", f"/invoices/{made['id']}")


async def test_refunds_by_intent_and_by_invoice(kit: Kit, world: World) -> None:
    invoice = await bought(kit, world)
    intent = f"/payment-intents/{invoice['payment_intent_id']}"
    body = {"amount": "2.5", "reason": "requested_by_customer", "description": "Half was enough"}
    part = await kit.ok("PUT", f"{intent}/refund", body)
    assert (part["status"], part["amount"], part["type"]) == ("succeeded", "2500000", "refund")
    assert (part["reason"], part["description"]) == ("requested_by_customer", "Half was enough")
    assert (part["payment_intent_id"], part["invoice_id"]) == (invoice["payment_intent_id"], invoice["id"])
    # Sent again because the answer was lost: the same refund.
    assert (await kit.ok("PUT", f"{intent}/refund", body))["id"] == part["id"]
    assert (await kit.ok("GET", intent))["amount_refunded"] == "2500000"
    status, code, text = await kit.refused("POST", "/refunds", {"invoice_id": invoice["id"], "amount": 8})
    assert (status, code) == (409, "REFUND_TOO_LARGE")
    assert "7.5 USDC of 10 USDC" in text
    rest = await kit.ok("POST", "/refunds", {"invoice_id": invoice["id"], "metadata": {"case": {"n": 7}}})
    assert (rest["amount"], rest["reason"], rest["metadata"]) == ("7500000", "requested_by_admin", {"case": {"n": 7}})
    by_intent = {"payment_intent_id": invoice["payment_intent_id"], "amount": "1"}
    assert (await kit.refused("POST", "/refunds", by_intent))[:2] == (409, "ALREADY_REFUNDED")
    assert (await kit.ok("GET", f"/refunds/{part['id']}")) == part
    (grant,) = (await kit.ok("GET", f"/invoices/{invoice['id']}"))["relatedCreditGrants"]
    assert (grant["id"], grant["remaining_amount"]) == (part["credit_grant_id"], "0")
    assert (await verify(world.db)).clean


async def test_refunds_are_listed_and_told(kit: Kit, world: World) -> None:
    invoice = await bought(kit, world)
    made = [
        (await kit.ok("POST", "/refunds", {"invoice_id": invoice["id"], "amount": amount, "metadata": {"n": amount}}))[
            "id"
        ]
        for amount in ("1", "2", "3")
    ]
    listed = await kit.ok("GET", "/refunds", customer_id="ann", invoice_id=invoice["id"], status="succeeded,pending")
    assert (listed["count"], [each["id"] for each in listed["list"]]) == (3, made[::-1])
    assert (await kit.ok("GET", "/refunds", status="failed"))["count"] == 0
    found = await kit.ok("GET", "/refunds/search", **{"metadata.n": "2"})
    assert [each["id"] for each in found["list"]] == [made[1]]
    rows = (await kit.ok("GET", "/credit-transactions", customer_id="ann"))["list"]
    assert [(row["type"], row["amount"]) for row in rows] == [
        ("adjustment", "-6000000"),
        ("adjustment", "-4000000"),
        ("adjustment", "-2000000"),
    ]


async def test_what_was_never_paid_is_not_given_back(kit: Kit, world: World) -> None:
    invoice = await bought(kit, world)
    await world.db.pool.execute("update payments set state = 'cancelled'")
    intent = f"/payment-intents/{invoice['payment_intent_id']}"
    assert (await kit.refused("PUT", f"{intent}/refund", {}))[:2] == (409, "PAYMENT_NOT_SETTLED")
    assert (await kit.refused("POST", "/refunds", {"invoice_id": invoice["id"]}))[:2] == (409, "INVOICE_NOT_PAID")
    for amount in ("0", "-1", "x", True, "0.0000001"):
        await world.db.pool.execute("update payments set state = 'settled'")
        assert (await kit.refused("PUT", f"{intent}/refund", {"amount": amount}))[0] == 400
