"""Ann's customer buys, spends and is charged automatically, so that there is one of everything that money leaves behind."""

from replenish.core.ids import CHECKOUT_SESSION
from replenish.flows.auto_recharge import recharge_due_wallet
from replenish.flows.save_method import finish_saving, open_method_page
from replenish.payments.next_step import Done, Visit
from support.api_shop import Shop

RETURN_URL = "https://shop.example/back"


async def trade(shop: Shop) -> Shop:
    """Fill a stocked shop with grants, usage, purchases, a rule and an attempt."""
    for resource in (
        "budgets",
        "credit_grants",
        "grant_schedules",
        "adjustments",
        "usage",
        "holds",
        "checkout_sessions",
    ):
        shop.made[resource] = await shop.ok("POST", f"/v1/{resource}", shop.body(resource))
    shop.made["usage_events"] = shop.made.pop("usage")["event"]
    await _save_card(shop)
    shop.made["payment_methods"] = (await shop.ok("GET", "/v1/payment_methods"))["data"][0]
    shop.made["topups"] = await shop.ok("POST", "/v1/topups", shop.body("topups"))
    await shop.ok("PUT", "/v1/recharge_rules", shop.body("recharge_rules"))
    await shop.ok("POST", "/v1/usage", {**shop.body("usage", "-much"), "value": "150000"})
    context = shop.client.context
    assert await recharge_due_wallet(db=context.db, providers=context.providers, return_url=RETURN_URL)
    for resource in ("recharge_rules", "payments", "recharge_attempts"):
        found = await shop.ok("GET", f"/v1/{resource}")
        shop.made[resource] = found["data"][0]
    shop.made["refunds"] = await shop.ok("POST", "/v1/refunds", shop.body("refunds"))
    return shop


async def _save_card(shop: Shop) -> None:
    context = shop.client.context
    setup = await shop.ok("POST", "/v1/checkout_sessions", {"mode": "setup", "customer_id": "ann"})
    session_id = CHECKOUT_SESSION.parse(setup["id"])
    step = await open_method_page(
        db=context.db,
        providers=context.providers,
        session_id=session_id,
        workspace_id=shop.test,
        return_url=RETURN_URL,
        cancel_url=RETURN_URL,
    )
    assert isinstance(step, Visit)
    card = {"number": "4242424242424242", "expires": "12/40", "cvc": "123"}
    typed = await shop.client.post(step.url, data=card, follow_redirects=False)
    assert typed.status_code < 400, typed.text
    assert await finish_saving(db=context.db, providers=context.providers, session_id=session_id) == Done()
