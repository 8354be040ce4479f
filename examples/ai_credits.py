"""Credits for an AI product: a rate card, a monthly allowance, a budget for each user, and holds while an answer streams.

    REPLENISH_API_KEY=rk_test_… .venv/bin/python examples/ai_credits.py        (make run prints the key)

Against a running `make run`. Everything is made anew under names of this run, so it can be repeated.
"""

import os
import secrets
import sys

from replenish_client import BudgetExceededError, Replenish

BASE_URL = os.environ.get("REPLENISH_BASE_URL", "http://127.0.0.1:8700")
RUN = secrets.token_hex(3)
NORTHWIND = f"northwind-{RUN}"
TOKENS = f"tokens_{RUN}"


def main() -> None:
    key = os.environ.get("REPLENISH_API_KEY") or sys.exit("Set REPLENISH_API_KEY to the key that `make run` printed.")
    with Replenish(api_key=key, base_url=BASE_URL) as client:
        currency = set_up(client)
        stream_an_answer(client, currency)
        embed(client)
        reach_the_budget(client, currency)
        for day in client.usage_days.list(customer_id=NORTHWIND):
            print(f"{day.day}: {day.events} events took {day.debit} credits")


def set_up(client: Replenish) -> str:
    """Tokens cost by model and kind; a model that the card does not know is refused, not charged at a guess."""
    per_thousand = {"type": "package", "package_size": 1000}
    meter = client.meters.create(
        name="Tokens",
        event_name=TOKENS,
        unit="token",
        rate_card=[
            {
                "properties": {"model": "large", "kind": "output"},
                "rate": {"type": "flat", "credits_per_unit": "0.06"},
            },
            {"properties": {"model": "large"}, "rate": {"type": "flat", "credits_per_unit": "0.015"}},
            {"properties": {"model": ["small", "tiny"]}, "rate": {**per_thousand, "credits_per_package": 2}},
        ],
        unmatched="reject",
    )
    client.customers.create(external_id=NORTHWIND, name="Northwind")
    plan = client.grant_schedules.create(
        customer_id=NORTHWIND,
        currency_id=meter.currency_id,
        cadence="monthly",
        amount=1000,
        rollover_amount_max=200,
        name="Monthly allowance",
    )
    client.budgets.create(
        customer_id=NORTHWIND,
        currency_id=meter.currency_id,
        limit=100,
        window="day",
        label_property="user",
        name="100 a day for each user",
    )
    balance = client.customers.balance(NORTHWIND, meter.currency_id).balance
    print(f"{plan.name}: {balance} credits, and 1000 more each month")
    return meter.currency_id


def stream_an_answer(client: Replenish, currency: str) -> None:
    """Its cost is known at the end: reserve what it may cost at most, then take what it did cost."""
    what = {"model": "large", "kind": "output", "user": "ann"}
    hold = client.holds.create(customer_id=NORTHWIND, meter_id=TOKENS, value=1000, properties=what)
    print(f"Reserved {hold.amount}, {client.customers.balance(NORTHWIND, currency).available} to spend meanwhile")
    done = client.holds.capture(hold.id, value=412)
    print(f"The answer had 412 tokens and took {done.event.debit}, {done.event.balance_after} left")


def embed(client: Replenish) -> None:
    """Many small ones in one request; each stands alone."""
    models = ["small", "small", "tiny", "unheard-of"]
    results = client.usage.record_many(
        [
            {
                "customer_id": NORTHWIND,
                "meter_id": TOKENS,
                "idempotency_key": f"{RUN}-embedding-{number}",
                "value": 1500,
                "properties": {"model": model, "user": "ben"},
            }
            for number, model in enumerate(models)
        ]
    )
    for model, result in zip(models, results, strict=True):
        told = result.refusal.detail if result.refusal is not None else result.event and f"{result.event.debit} credits"
        print(f"  {model}: {result.status}, {told}")


def reach_the_budget(client: Replenish, currency: str) -> None:
    """Ann's day allows 100, of which the answer took 24.72."""
    asked = {"customer_id": NORTHWIND, "meter_id": TOKENS, "properties": {"model": "large", "user": "ann"}}
    check = client.usage.check(**asked, value=6000)
    print(f"May Ann use 6000 more? {check.allowed}: {check.required} are required")
    try:
        client.usage.record(**asked, value=6000, idempotency_key=f"{RUN}-too-much")
    except BudgetExceededError as error:
        print(f"409: {error.detail}")
    else:
        sys.exit("Ann spent more than her budget.")
    used = client.usage.record(**asked, value=5000, idempotency_key=f"{RUN}-fits")
    print(f"5000 fit: {used.event.debit} credits, {client.customers.balance(NORTHWIND, currency).balance} left")


if __name__ == "__main__":
    main()
