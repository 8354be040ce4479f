"""The first credits: sell a pack, use it, be topped up automatically, and be told why not. Against a running `make run`.

    REPLENISH_API_KEY=rk_test_… .venv/bin/python examples/first_credits.py        (make run prints the key)

The merchant's part goes through the Python client, the customer's through the pages a browser would show, with a card of the
sandbox. Everything is made anew under names of this run, so it can be repeated.
"""

import asyncio
import os
import secrets
import sys
from collections.abc import Awaitable, Callable

import httpx
from visitor import Visitor

from replenish_client import AsyncReplenish, InsufficientCreditsError

BASE_URL = os.environ.get("REPLENISH_BASE_URL", "http://127.0.0.1:8700")
RUN = secrets.token_hex(3)
ANN = f"ann-{RUN}"
CALLS = f"api_calls_{RUN}"


async def main() -> None:
    key = os.environ.get("REPLENISH_API_KEY") or sys.exit("Set REPLENISH_API_KEY to the key that `make run` printed.")
    async with AsyncReplenish(api_key=key, base_url=BASE_URL) as client, httpx.AsyncClient(trust_env=False) as http:
        currency = await set_up(client)
        ann = Visitor(http)
        await buy_a_pack(client, ann, currency)
        print(f"Ann bought a pack and has {await balance(client, currency)} credits")
        await switch_automatic_top_up_on(ann, currency)
        print("Ann switched automatic top-up on: below 50,000, one pack, at most 20 USDC a month")
        await use_them(client, currency)


async def set_up(client: AsyncReplenish) -> str:
    """The guide's calls. Returns the credit currency that the meter made."""
    meter = await client.meters.create(name="API calls", event_name=CALLS, unit="call")
    product = await client.products.create(
        name="200,000 Credits Pack",
        description="A package containing 200,000 credits for your account.",
        type="credit",
    )
    price = await client.prices.create(
        product_id=product.id,
        unit_amount="10",
        currency_id="USDC",
        meter_id=meter.id,
        credit_config={
            "priority": 50,
            "valid_duration_value": 0,
            "valid_duration_unit": "days",
            "currency_id": meter.currency_id,
            "credit_amount": "200000",
        },
    )
    print(f"Created top-up product {product.id} with price {price.id}")
    updated = await client.payment_currencies.update_recharge_config(meter.currency_id, base_price_id=price.id)
    print(f"Recharge config updated successfully for: {updated.id}")
    await client.customers.create(external_id=ANN, email=f"{ANN}@example.com", name="Ann")
    return meter.currency_id


async def buy_a_pack(client: AsyncReplenish, ann: Visitor, currency: str) -> None:
    session = await client.portal_sessions.create(customer_id=ANN)
    await ann.open(session.url or sys.exit("The portal link was used up already."))
    await ann.press("Open billing page")
    await ann.open(f"/portal/buy?currency={currency}")
    await ann.press("Pay 10 USDC", save="yes")
    await ann.follow("Continue")
    await ann.press("Pay 10.00 USDC", number="4242 4242 4242 4242", expires="12/70", cvc="123")
    await ann.follow("Back to")


async def switch_automatic_top_up_on(ann: Visitor, currency: str) -> None:
    await ann.open(f"/portal/auto-recharge?currency={currency}")
    await ann.press("Continue", threshold="50000", month_amount_max="20")
    await ann.press("Agree and switch on", consent="yes")


async def balance(client: AsyncReplenish, currency: str) -> int:
    return int((await client.customers.balance(ANN, currency)).balance)


async def use_them(client: AsyncReplenish, currency: str) -> None:
    """Three times below the line: two charges, then the cap. Then more than is left."""
    for number, (value, expected) in enumerate([(150_001, 249_999), (220_000, 229_999), (200_000, 29_999)], start=1):
        used = await client.usage.record(
            customer_id=ANN, meter_id=CALLS, idempotency_key=f"{RUN}-job-{number}", value=value
        )
        print(f"Used {value}: {used.balance} left", end="", flush=True)
        await until(lambda goal=expected: reached(client, currency, goal))
        print(f", then {await balance(client, currency)}")
    await until(lambda: refused(client))
    async for attempt in client.recharge_attempts.list(customer_id=ANN):
        print(f"  {attempt.state}: {attempt.detail}")
    try:
        await client.usage.record(customer_id=ANN, meter_id=CALLS, idempotency_key=f"{RUN}-too-much", value=30_000)
    except InsufficientCreditsError as error:
        print(f"402: {error.required} required, {error.balance} there. Top up at {error.top_up_url}")
    else:
        sys.exit("More was spent than was there.")


async def reached(client: AsyncReplenish, currency: str, goal: int) -> bool:
    return await balance(client, currency) == goal


async def refused(client: AsyncReplenish) -> bool:
    newest = await client.recharge_attempts.list(customer_id=ANN).first()
    return newest is not None and newest.reason == "cap_month"


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """The worker charges within a quarter of a second; a slow machine gets a minute."""
    for _ in range(600):
        if await condition():
            return
        await asyncio.sleep(0.1)
    sys.exit("It did not happen within a minute.")


if __name__ == "__main__":
    asyncio.run(main())
