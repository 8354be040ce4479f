"""Automatic top-up as the buyer's app sees it: switched on with a consent, what a deduction leads to, buying by hand."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from replenish.core.ids import PAYMENT_METHOD, PaymentMethodId
from replenish.recharge import queries as recharge
from support.addons import EMAIL, Store, make_addon, open_store, save_card, work

pytestmark = pytest.mark.anyio
WORDS = "Whenever my balance falls below 100 you may charge my card 19.00 USD for 500 credits."
ON = {"enabled": 1, "threshold": 100, "monthly_cap": "100", "consent": WORDS, "consent_ip": "203.0.113.9"}


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    async with open_store(database_url) as opened:
        yield opened
        await opened.assert_books_agree()


async def test_it_is_off_until_it_is_agreed_to(store: Store) -> None:
    method = await save_card(store)
    off = (await store.ok("auto-topup", email=EMAIL))["data"]["auto_topup"]
    assert (off["enabled"], off["state"], off["threshold"]) == (False, "off", None)
    without = {name: value for name, value in ON.items() if not name.startswith("consent")}
    error = await store.refused(422, "auto-topup", without, email=EMAIL)
    assert error == {"type": "consent_required", "field": "consent"}
    body = await store.ok("auto-topup", ON, email=EMAIL)
    assert body["data"]["charges_now"] is False
    assert body["data"]["auto_topup"] == {
        "allowed": True,
        "enabled": True,
        "threshold": "100",
        "trigger": "below",
        "mode": "pack",
        "credits": "500",
        "price": "19.00",
        "currency": "USD",
        "state": "armed",
        "last_topup_at": None,
        "spent_this_month": "0.00",
        "monthly_cap": "100.00",
        "failures": 0,
        "payment_method": {"brand": "visa", "last4": "4242"},
    }
    (rule,) = await recharge.rules(store.world.db, workspace_id=store.workspace_id)
    (consent,) = await recharge.consents(store.world.db, customer_id=store.ann, rule_id=rule.id)
    assert (consent.wording, consent.ip, consent.actor[:4]) == (WORDS, "203.0.113.9", "key_")
    assert PAYMENT_METHOD.text(PaymentMethodId(rule.payment_method_id)) == method


async def test_crossing_the_threshold_buys_a_pack_once(store: Store) -> None:
    await save_card(store)
    await store.ok("auto-topup", ON, email=EMAIL)
    above = (await store.use(-12))["data"]
    assert (above["balance"], above["threshold_crossed"]) == ("100", False)
    assert above["auto_topup"] == {"triggered": False, "status": "skipped", "skip_reason": "not_low"}
    below = (await store.use(-1, idempotency_key="job-1"))["data"]
    assert (below["balance"], below["threshold_crossed"]) == ("99", True)
    assert below["auto_topup"] == {
        "triggered": True,
        "status": "pending",
        "credits": "500",
        "amount": "19.00",
        "currency": "USD",
    }
    await work(store)
    again = (await store.use(-1, idempotency_key="job-1"))["data"]
    assert again["replayed"] is True
    assert again["balance"] == "99"
    assert again["auto_topup"].pop("topup_id").startswith("top_")
    assert again["auto_topup"] == below["auto_topup"] | {"status": "succeeded"}
    read = (await store.ok("usage", email=EMAIL))["data"]
    assert (read["balance"], read["credits_purchased"]) == ("599", "600")
    assert read["auto_topup"]["spent_this_month"] == "19.00"
    assert read["auto_topup"]["last_topup_at"] is not None
    assert read["addon"]["invoice_id"].startswith("PK-")
    by_invoice = await store.ok("usage", invoice_id=read["addon"]["invoice_id"].lower())
    assert by_invoice["balance"] == "599"
    later = (await store.use(-1))["data"]
    assert later["auto_topup"] == {"triggered": False, "status": "skipped", "skip_reason": "not_low"}


@pytest.mark.parametrize(
    ("card", "settings", "status", "reason", "state"),
    [
        ("4242424242424242", {"enabled": 0}, "skipped", "not_enabled", "off"),
        ("4242424242424242", {"monthly_cap": "19"}, "skipped", "monthly_cap", "capped"),
        ("4000000000000002", {}, "skipped", "cooldown", "retrying"),
        ("4000000000009987", {}, "skipped", "disabled_after_failures", "disabled"),
        ("4000002500003155", {}, "skipped", "in_flight", "action_required"),
    ],
    ids=["off", "capped", "declined", "lost card", "bank asks"],
)
async def test_why_nothing_is_bought(
    store: Store, card: str, settings: dict[str, Any], status: str, reason: str, state: str
) -> None:
    await save_card(store, card)
    await store.ok("auto-topup", ON | settings | {"enabled": 1}, email=EMAIL)
    await store.use(-100)
    await work(store)
    if card == "4242424242424242":
        await store.ok("usage/add", email=EMAIL, units=-500)
        await work(store)
    if "enabled" in settings:
        await store.ok("auto-topup", settings, email=EMAIL)
    after = (await store.use(-1))["data"]["auto_topup"]
    assert (after["triggered"], after["status"], after["skip_reason"]) == (False, status, reason)
    assert (await store.ok("auto-topup", email=EMAIL))["data"]["auto_topup"]["state"] == state


async def test_a_decline_is_told_to_the_change_that_led_to_it(store: Store) -> None:
    await save_card(store, "4000000000000002")
    await store.ok("auto-topup", ON, email=EMAIL)
    await store.use(-100, idempotency_key="job-1")
    await work(store)
    again = (await store.use(-100, idempotency_key="job-1"))["data"]["auto_topup"]
    assert (again["triggered"], again["status"]) == (True, "failed")


async def test_what_is_set_stays_and_what_is_not_sent_too(store: Store) -> None:
    await save_card(store)
    await store.ok("auto-topup", ON, email=EMAIL)
    lower = (await store.ok("auto-topup", email=EMAIL, threshold=50))["data"]["auto_topup"]
    assert (lower["enabled"], lower["threshold"], lower["monthly_cap"]) == (True, "50", "100.00")
    await store.refused(422, "auto-topup", email=EMAIL, threshold=60)
    await store.refused(422, "auto-topup", email=EMAIL, monthly_cap="none")
    refill = await store.ok("auto-topup", email=EMAIL, mode="refill_to_full", consent=WORDS)
    assert refill["data"]["auto_topup"]["mode"] == "refill_to_full"
    uncapped = await store.ok("auto-topup", email=EMAIL, monthly_cap="none", consent=WORDS)
    assert uncapped["data"]["auto_topup"]["monthly_cap"] is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"threshold": "-1"}, "threshold"),
        ({"threshold": "0.5"}, "threshold"),
        ({"threshold": "1e2"}, "threshold"),
        ({"threshold": None}, "threshold"),
        ({"monthly_cap": "18.99"}, None),
        ({"monthly_cap": "20.001"}, "monthly_cap"),
        ({"mode": "both"}, "mode"),
        ({"mode": "refill_to_full", "threshold": "500"}, None),
        ({"enabled": "perhaps"}, "enabled"),
        ({"payment_method_id": "pm_x"}, "payment_method_id"),
        ({"payment_method_id": "pm_00000000000000000000000000"}, "payment_method_id"),
        ({"consent": "ok"}, "consent"),
    ],
    ids=str,
)
async def test_bad_settings(store: Store, change: dict[str, object], field: str | None) -> None:
    await save_card(store)
    error = await store.refused(422, "auto-topup", ON | change, email=EMAIL)
    assert field in {None, error["field"]}
    assert (await store.ok("auto-topup", email=EMAIL))["data"]["auto_topup"]["enabled"] is False


async def test_a_get_changes_nothing(store: Store) -> None:
    await save_card(store)
    answer = await store.http.get("/buyer-addon/auto-topup", params={"auth_token": store.token, "email": EMAIL, **ON})
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, "enabled")


async def test_buying_now(store: Store) -> None:
    await save_card(store)
    asked = {"email": EMAIL, "quantity": 2, "idempotency_key": "buy-1"}
    first = await store.send("topup", asked)
    data = first.json()["data"]
    assert data.pop("topup_id").startswith("top_")
    assert data.pop("invoice_id").startswith("PK-")
    assert data == {
        "status": "succeeded",
        "packs": 2,
        "credits": "1000",
        "amount": "38.00",
        "currency": "USD",
        "balance": "1112",
        "replayed": False,
    }
    again = await store.send("topup", asked)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json()["data"]["topup_id"] == first.json()["data"]["topup_id"]
    assert (await store.refused(409, "topup", asked | {"quantity": 3}))["type"] == "idempotency_mismatch"
    assert await store.balance() == "1112"


@pytest.mark.parametrize(
    ("card", "fields", "status", "kind"),
    [
        (None, {}, 422, "no_payment_method"),
        ("4000000000000002", {}, 402, "payment_declined"),
        ("4242424242424242", {"packs": 0}, 422, "validation_error"),
        ("4242424242424242", {"packs": "1.5"}, 422, "validation_error"),
        ("4242424242424242", {"packs": 10_000}, 422, "validation_error"),
        ("4242424242424242", {"credits": 500}, 422, "validation_error"),
        ("4242424242424242", {"payment_method_id": "pm_00000000000000000000000000"}, 404, "payment_method_not_found"),
    ],
)
async def test_purchases_that_do_not_happen(
    store: Store, card: str | None, fields: dict[str, object], status: int, kind: str
) -> None:
    if card is not None:
        await save_card(store, card)
    assert (await store.refused(status, "topup", fields, email=EMAIL))["type"] == kind
    assert await store.balance() == "112"


async def test_a_bank_that_asks_says_where(store: Store) -> None:
    await save_card(store, "4000002500003155")
    data = (await store.ok("topup", email=EMAIL))["data"]
    assert data["status"] == "requires_action"
    assert data["action_url"].startswith("http")
    assert data["balance"] == "112"


@pytest.mark.parametrize("scope", ["read", "usage:write", "credits:write"])
async def test_money_needs_its_own_scope(store: Store, scope: str) -> None:
    token = await store.key(scope)
    for path in ("topup", "auto-topup"):
        await store.refused(403, path, ON, auth_token=token, email=EMAIL)


async def test_another_addons_rule_is_its_own(store: Store) -> None:
    other = await make_addon(store.world, workspace_id=store.workspace_id, name="minutes")
    await save_card(store)
    await store.ok("auto-topup", ON, email=EMAIL, product_id=other.number)
    own = await store.ok("auto-topup", email=EMAIL, product_id=store.pack.number)
    assert own["data"]["auto_topup"]["enabled"] is False
