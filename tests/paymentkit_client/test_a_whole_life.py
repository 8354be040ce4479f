"""A whole life through PaymentKit's own client: a meter, a gift, usage, debt, a purchase by a payment link, auto-recharge."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from support.visitor import Visitor
from support.waiting import wait_until

from .conftest import Client

pytestmark = pytest.mark.timeout(600)  # the first run installs the client

ANN = "ann@renders.example"  # the demo's own customer has another address
VISA = {"number": "4242 4242 4242 4242", "expires": "12/70", "cvc": "123"}


async def _buy(url: str, email: str) -> str:
    async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
        visitor = Visitor(http)
        await visitor.open(url)
        button = next(each for form in visitor.page.forms for each in form.buttons if each.startswith("Pay"))
        await visitor.press(button, email=email)
        return await _type_card(visitor)


async def _save_card(url: str) -> str:
    async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
        visitor = Visitor(http)
        await visitor.open(url)
        await visitor.press("Continue")
        return await _type_card(visitor)


async def _type_card(visitor: Visitor) -> str:
    """By way of the page that takes the buyer to the provider, and back."""
    await visitor.follow("Continue")
    form = next(form for form in visitor.page.forms if "number" in form.fields)
    await visitor.press(form.buttons[0], **VISA)
    await visitor.follow("Back to")
    return visitor.text


def use(payment: Client, identifier: str, value: str) -> Any:
    payload = {"customer_id": ANN, "value": value}
    return payment("meterEvents.create", {"event_name": "renders", "payload": payload, "identifier": identifier})


def test_a_whole_life(payment: Client) -> None:
    credit = begin(payment)
    spend(payment, credit)
    owing = run_dry(payment, credit)
    buy(payment, credit, owing)
    recharge(payment, credit)


def begin(payment: Client) -> str:
    """Ann's application begins: a meter makes its credit currency with it, and Ann is made by being looked up."""
    meter = payment("meters.create", {"name": "Renders", "event_name": "renders", "unit": "render", "decimal": 2})
    credit = meter["currency_id"]
    assert meter["paymentCurrency"] == {
        "id": credit,
        "name": "Renders",
        "symbol": "render",
        "decimal": 2,
        "type": "credit",
    }
    assert payment.refused("customers.retrieve", ANN).status == 404
    ann = payment("customers.retrieve", ANN, {"create": True})
    assert ann["did"] == ANN
    assert payment("customers.retrieve", ann["id"])["id"] == ann["id"]

    # A welcome gift of 3 credits: "3" in, "300" out.
    gift = payment(
        "creditGrants.create",
        {"customer_id": ANN, "currency_id": credit, "amount": "3", "category": "promotional", "name": "Welcome"},
    )
    assert (gift["amount"], gift["remaining_amount"], gift["status"]) == ("300", "300", "granted")
    return credit


def spend(payment: Client, credit: str) -> None:
    """Usage takes credits at once; the same identifier again is the same event."""
    first = use(payment, "job-1", "1.25")
    assert (first["status"], first["credit_consumed"], first["credit_pending"]) == ("completed", "125", "0")
    assert use(payment, "job-1", "1.25")["id"] == first["id"]
    assert payment.refused("meterEvents.create", _other_value()).status == 409
    summary = payment("creditGrants.summary", {"customer_id": ANN})
    assert (summary[credit]["totalAmount"], summary[credit]["remainingAmount"]) == ("300", "175")


def run_dry(payment: Client, credit: str) -> str:
    """More than she has: never refused, the rest is debt."""
    second = use(payment, "job-2", "5")
    assert (second["status"], second["credit_consumed"], second["credit_pending"]) == ("requires_capture", "175", "325")
    assert payment("meterEvents.pendingAmount", {"customer_id": ANN}) == {credit: "325"}
    outlook = payment("creditGrants.verifyAvailability", {"customer_id": ANN, "currency_id": credit})
    assert outlook["can_continue"] is False
    rows = payment("creditTransactions.list", {"customer_id": ANN})
    assert [(row["type"], row["amount"], row["credit_amount"], row["running_balance"]) for row in rows["list"]] == [
        ("consumption", "-175", "175", "0"),
        ("consumption", "-125", "125", "175"),
    ]
    assert payment("creditTransactions.retrieve", rows["list"][0]["id"])["source"] == second["id"]
    assert payment("creditTransactions.summary", {"customer_id": ANN, "currency_id": credit})[
        "total_credit_amount"
    ] == ("300")
    return second["id"]


def buy(payment: Client, credit: str, owing: str) -> None:
    """A pack of 10 credits for 2 USDC, bought on the link that the recharge config makes; the debt is repaid first."""
    product = payment(
        "products.create",
        {
            "name": "10 renders",
            "type": "credit",
            "prices": [
                {
                    "type": "one_time",
                    "unit_amount": "2",
                    "currency_id": "pc_usdc_xxxxxxxx",
                    "metadata": {
                        "meter_id": "renders",
                        "credit_config": {"priority": 50, "currency_id": credit, "credit_amount": "10"},
                    },
                }
            ],
        },
    )
    price = product["prices"][0]
    assert price["unit_amount"] == "2000000"
    payment("paymentCurrencies.updateRechargeConfig", credit, {"base_price_id": price["id"]})
    config = payment("paymentCurrencies.getRechargeConfig", credit)["recharge_config"]
    assert payment("paymentLinks.retrieve", config["payment_link_id"])["url"] == config["checkout_url"]
    assert "were added" in asyncio.run(_buy(config["checkout_url"], ANN))
    assert payment("meterEvents.pendingAmount", {"customer_id": ANN}) == {}
    assert payment("meterEvents.retrieve", owing)["status"] == "completed"
    assert payment("creditGrants.summary", {"customer_id": ANN})[credit]["remainingAmount"] == "675"
    (invoice,) = payment("invoices.list", {"customer_id": ANN})["list"]
    assert (invoice["status"], invoice["amount_paid"], invoice["billing_reason"]) == ("paid", "2000000", "manual")
    (grant,) = payment("invoices.retrieve", invoice["id"])["relatedCreditGrants"]
    assert (grant["category"], grant["metadata"]["invoice_id"]) == ("paid", invoice["id"])
    assert payment("paymentIntents.retrieve", invoice["payment_intent_id"])["status"] == "succeeded"
    assert payment("checkout.sessions.retrieve", invoice["checkout_session_id"])["payment_status"] == "paid"


def recharge(payment: Client, credit: str) -> None:
    """Automatic top-up: off by default, needs a card, then charges by itself."""
    assert payment("autoRechargeConfigs.getForCustomer", ANN, {"currency_id": credit})["enabled"] is False
    wish = {"customer_id": ANN, "currency_id": credit, "enabled": True, "threshold": 5, "quantity": 1}
    without_card = payment("autoRechargeConfigs.submit", wish)
    assert without_card["enabled"] is False
    assert "Your card is saved" in asyncio.run(_save_card(without_card["balanceResult"]["setup_url"]))
    saved = payment("autoRechargeConfigs.submit", wish | {"daily_limits": {"max_attempts": 3, "max_amount": 50}})
    assert (saved["enabled"], saved["threshold"], saved["balanceResult"]["sufficient"]) == (True, "5", True)
    assert saved["daily_limits"] == {"max_attempts": 3, "max_amount": "50"}
    assert payment("autoRechargeConfigs.retrieve", saved["id"])["enabled"] is True
    use(payment, "job-3", "2")

    def recharged() -> bool:
        return payment("creditGrants.summary", {"customer_id": ANN})[credit]["remainingAmount"] == "1475"

    wait_until(recharged, what="the automatic top-up")
    latest = payment("invoices.list", {"customer_id": ANN})["list"][0]
    assert (latest["status"], latest["billing_reason"]) == ("paid", "auto_recharge")
    assert payment("refunds.list", {"customer_id": ANN})["count"] == 0
    today = payment("autoRechargeConfigs.getForCustomer", ANN, {"currency_id": credit})
    assert today["daily_stats"] == {"attempt_count": 1, "total_amount": "2"}
    assert payment("autoRechargeConfigs.submit", wish | {"enabled": False})["enabled"] is False
    give_back(payment, credit, latest["payment_intent_id"])


def give_back(payment: Client, credit: str, intent: str) -> None:
    """Half of the last pack, then the rest: the credits it bought go with it."""
    before = int(payment("creditGrants.summary", {"customer_id": ANN})[credit]["remainingAmount"])
    half = payment("paymentIntents.refund", intent, {"amount": "1", "reason": "requested_by_customer"})
    assert (half["status"], half["amount"], half["payment_intent_id"]) == ("succeeded", "1000000", intent)
    assert payment("creditGrants.summary", {"customer_id": ANN})[credit]["remainingAmount"] == str(before - 500)
    rest = payment("refunds.create", {"payment_intent_id": intent, "description": "All of it"})
    assert payment("refunds.retrieve", rest["id"])["description"] == "All of it"
    listed = payment("refunds.list", {"customer_id": ANN})
    assert [each["id"] for each in listed["list"]] == [rest["id"], half["id"]]
    assert payment("paymentIntents.retrieve", intent)["amount_refunded"] == "2000000"


def _other_value() -> dict[str, object]:
    return {"event_name": "renders", "payload": {"customer_id": ANN, "value": "9"}, "identifier": "job-1"}


def test_what_is_not_there_says_so(payment: Client) -> None:
    assert payment("settings.retrieve", "notification") in (None, "")
    made = payment(
        "settings.create",
        {
            "type": "notification",
            "mountLocation": "notification",
            "description": "Mails",
            "settings": {"self_handle": True, "include_events": ["customer.credit.insufficient"]},
        },
    )
    assert payment("settings.retrieve", "notification")["id"] == made["id"]
    assert payment("settings.del", "notification")["message"]
    assert payment("settings.retrieve", "notification") in (None, "")
    assert payment.refused("meters.retrieve", "nothing").status == 404
    refused = payment.refused("subscriptions.list", {})
    assert (refused.status, refused.answer["code"]) == (501, "NOT_SUPPORTED")
    assert isinstance(payment("paymentMethods.list", {}), list)
    codes = {each["symbol"] for each in payment("paymentCurrencies.list", {})}
    assert {"USD", "USDC"} <= codes
