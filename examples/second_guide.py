"""The add-on guide: a product is set up in the admin, bought at its checkout, and used through the two endpoints.

    REPLENISH_ADMIN_LINK=http://…/admin/enter/… REPLENISH_API_KEY=rk_test_… .venv/bin/python examples/second_guide.py

`make run` prints both. The link works once: `.venv/bin/replenish operators link owner@acme.example` makes another one. The
key is the test workspace's, so that is where the product is made.
"""

import asyncio
import os
import re
import secrets
import sys

import httpx
from visitor import Visitor

BASE_URL = os.environ.get("REPLENISH_BASE_URL", "http://127.0.0.1:8700")
LINK = os.environ.get("REPLENISH_ADMIN_LINK") or sys.exit(
    "Set REPLENISH_ADMIN_LINK to the link that `make run` printed."
)
KEY = os.environ.get("REPLENISH_API_KEY") or sys.exit("Set REPLENISH_API_KEY to the key that `make run` printed.")
RUN = secrets.token_hex(3)
BUYER = f"ann-{RUN}@example.com"


async def main() -> None:
    async with httpx.AsyncClient(trust_env=False, base_url=BASE_URL) as http:
        checkout = await set_up(Visitor(http))
        print(f"The add-on is on sale at {checkout}")
        number = await buy(Visitor(http), checkout)
        print(f"{number}")
        await use(http)


async def set_up(operator: Visitor) -> str:
    """Campaigns > the campaign's Product menu > Edit > Pricing > Payment Type "Add on" > Save. Returns the checkout link."""
    await operator.open(LINK)
    await operator.press("Sign in")
    if any("Switch to test" in form.buttons for form in operator.page.forms):
        await operator.press("Switch to test")
    await operator.follow("Campaigns")
    await operator.follow("New campaign")
    await operator.press("Save", name=f"Reports {RUN}")
    await operator.press("Save", name=f"Report pack {RUN}")
    await operator.follow("Campaigns")
    await operator.follow(f"Edit Report pack {RUN}")
    await operator.follow("Pricing")
    await operator.press(
        "Save",
        payment_type="add_on",
        price="19",
        credit_amount="500",
        unit=f"report credits {RUN}",
        auto_top_up="yes",
        threshold_default="100",
        threshold_min="50",
        threshold_max="400",
        mode="pack",
    )
    found = re.search(rf"{re.escape(BASE_URL)}/checkout/pay/\w+", operator.text)
    return found[0] if found else sys.exit(f"No checkout link after saving: {operator.text}")


async def buy(buyer: Visitor, checkout: str) -> str:
    await buyer.open(checkout)
    pay = next(button for form in buyer.page.forms for button in form.buttons if button.startswith("Pay "))
    await buyer.press(pay, email=BUYER)
    await buyer.follow("Continue")
    pay = next(button for form in buyer.page.forms for button in form.buttons if button.startswith("Pay "))
    await buyer.press(pay, number="4242 4242 4242 4242", expires="12/70", cvc="123")
    await buyer.follow("Back to")
    if "were added" not in buyer.text:
        sys.exit(f"Not bought: {buyer.text}")
    return f"{BUYER} has bought one pack"


async def use(http: httpx.AsyncClient) -> None:
    """Check Balance, Record Usage (a negative value), add credits (a positive one)."""
    for path, fields in [
        ("/buyer-addon/usage", {}),
        ("/buyer-addon/usage/add", {"units": "-15", "notes": "report 88", "idempotency_key": f"{RUN}-88"}),
        ("/buyer-addon/usage/add", {"units": "20", "notes": "sorry for the wait", "idempotency_key": f"{RUN}-89"}),
    ]:
        answer = await http.post(path, data={"auth_token": KEY, "email": BUYER, **fields})
        body = answer.json()
        if answer.status_code != httpx.codes.OK:
            sys.exit(f"{path}: {body}")
        print(f"POST {path} {fields.get('units', '')}: balance {body['balance']}")


if __name__ == "__main__":
    asyncio.run(main())
