"""The story of first credits, played by several customers at once, each answer written down."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import Any

import msgspec
from tests.crash.line import Api, Customer, Line, Unanswered

PACK = 200_000
THRESHOLDS = ("50000", "60000")
# No event is larger than the lowest threshold. A balance between the two would be too little for the event and not below the
# line: no charge is due, and whoever sends the event again waits for ever. All four did, and no cap was ever reached.
USED = (2_000_000, 5_000_000)
# Written on the sandbox's page; what each does stands there.
VISA, REPLY_LOST, LATE, VANISHES = "4242424242424242", "4000000000011116", "4000000000033334", "4000000000022220"


class Said(msgspec.Struct):
    """Everything that was answered, by the key that it was asked with."""

    customers: dict[str, str] = msgspec.field(default_factory=dict)
    usage: dict[tuple[str, str], dict[str, Any]] = msgspec.field(default_factory=dict)
    sent_usage: dict[tuple[str, str], dict[str, Any]] = msgspec.field(default_factory=dict)
    topups: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    sent_topups: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    grants: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    rules: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    # Addresses of checkouts that said "Thank you": slug and who paid.
    paid: list[str] = msgspec.field(default_factory=list)
    refused: int = 0


class Story:
    """Who plays, until `over`."""

    def __init__(self, line: Line, api: Api, seed: int) -> None:
        self.line = line
        self.api = api
        self.seed = seed
        self.said = Said()
        self.over = False

    def dice(self, name: str) -> random.Random:
        return random.Random(f"{self.seed} {name}")

    async def play(self) -> None:
        async with asyncio.TaskGroup() as everybody:
            everybody.create_task(self.consume("ann", VISA, {"month_amount_max": "20"}))
            everybody.create_task(self.consume("ben", REPLY_LOST, {"day_amount_max": "300", "day_count_max": 25}))
            everybody.create_task(self.consume("cleo", LATE, {"charge_amount_max": "20", "month_amount_max": "150"}))
            everybody.create_task(self.consume("dora", VANISHES, {"day_count_max": 12}))
            everybody.create_task(self.walk_in("eve", [VISA, LATE]))

    # ── a merchant's customer who uses, is topped up automatically, and buys by hand when that is refused ──

    async def consume(self, name: str, card: str, caps: dict[str, object]) -> None:
        dice, said = self.dice(name), self.said
        body = {"external_id": name, "email": f"{name}@example.com"}
        made = await self.api.must("POST", "/customers", body, key=f"customer {name}")
        said.customers[name] = made["id"]
        method = await self.save_card(name, card)
        await self.buy(name, method, 1, key=f"{name} first")
        await self.set_rule(name, method, caps, version=0)
        number = 0
        while not self.over:
            number += 1
            event = {"customer_id": name, "meter_id": "api_calls", "idempotency_key": f"{name} {number}"}
            event["value"] = f"{dice.randrange(*USED) / 100:.2f}"
            await self.use(name, method, event, number=number)
            if dice.random() < 0.1:
                await self.buy(name, method, dice.randrange(1, 3), key=f"{name} more {number}")
            if dice.random() < 0.1:
                await self.give(name, dice.randrange(1, 5000), key=f"{name} gift {number}")
            if dice.random() < 0.1:
                await self.set_rule(name, method, caps, version=number)
            await asyncio.sleep(dice.uniform(0, 0.2))

    async def use(self, name: str, method: str, event: dict[str, Any], *, number: int) -> None:
        """A refused event keeps its key: it is sent again when there are credits."""
        tries = 0
        while not self.over or tries == 0:
            tries += 1
            answer = await self.api.ask("POST", "/usage", event)
            if answer.status == 201:
                self.said.sent_usage[name, event["idempotency_key"]] = event
                self.said.usage[name, event["idempotency_key"]] = answer.body["event"]
                return
            assert (answer.status, answer.body["code"]) == (402, "insufficient_credits"), answer
            assert answer.body["top_up_url"]
            self.said.refused += 1
            rule = await self.api.must("GET", f"/recharge_rules/{self.said.rules[name]['id']}")
            if str(rule["reason"]).startswith("cap_"):
                await self.buy(name, method, 1, key=f"{name} capped {number} {tries}")
            await asyncio.sleep(0.2)

    async def buy(self, name: str, method: str, quantity: int, *, key: str) -> None:
        body = {"customer_id": name, "price_id": "price_xxxx", "quantity": quantity, "payment_method_id": method}
        body["metadata"] = {"key": key}
        self.said.sent_topups[key] = body
        self.said.topups[key] = await self.api.must("POST", "/topups", body, key=key)

    async def give(self, name: str, amount: int, *, key: str) -> None:
        body = {"customer_id": name, "currency_id": "pc_credit_xxxx", "amount": str(amount), "name": key}
        self.said.grants[key] = await self.api.must("POST", "/credit_grants", body, key=key)

    async def set_rule(self, name: str, method: str, caps: dict[str, object], *, version: int) -> None:
        body = {"customer_id": name, "credit_currency_id": "pc_credit_xxxx", "enabled": True, **caps}
        body |= {"threshold": THRESHOLDS[version % 2], "packs": 1, "payment_method_id": method}
        body["consent"] = {"wording": f"{name} allows Acme to charge the saved card, version {version}."}
        saved = await self.api.must("PUT", "/recharge_rules", body, key=f"{name} rule {version}")
        self.said.rules[name] = saved["rule"]

    async def save_card(self, name: str, card: str) -> str:
        body = {"mode": "setup", "customer_id": name}
        session = await self.api.must("POST", "/checkout_sessions", body, key=f"{name} setup")
        async with self.line.client() as http:
            browser, saved = Customer(http), False
            while not saved:
                with contextlib.suppress(Unanswered):
                    await browser.open(session["url"])
                    if "Your card is saved" not in browser.text:
                        await browser.press("Continue")
                        await browser.type_card(card, button="Save card")
                    saved = "Your card is saved" in browser.text
                    assert saved, browser.text
        found = await self.api.must("GET", f"/checkout_sessions/{session['id']}")
        assert found["state"] == "complete"
        return str(found["payment_method_id"])

    # ── a stranger with a payment link ──

    async def walk_in(self, name: str, cards: list[str]) -> None:
        dice, number = self.dice(name), 0
        body = {"price_id": "price_xxxx", "quantity": 1}
        link = await self.api.must("POST", "/payment_links", body, key="link")
        while not self.over:
            number += 1
            email, card = f"{name}{number % 3}@example.com", dice.choice(cards)
            # Who sees an error goes away, and perhaps comes back: nothing was promised to them.
            with contextlib.suppress(Unanswered):
                async with self.line.client() as http:
                    await self.pay(Customer(http), link["url"], email=email, card=card)
            await asyncio.sleep(dice.uniform(0.5, 1.5))

    async def pay(self, browser: Customer, url: str, *, email: str, card: str) -> None:
        await browser.open(url)
        button = browser.offers("Pay ")
        assert button is not None, browser.text
        await browser.press(button, email=email)
        await browser.type_card(card, button="Pay ")
        back = browser.url
        while "is being confirmed" in browser.text and not self.over:
            await asyncio.sleep(1)
            await browser.open(back)
        if "Thank you" in browser.text:
            self.said.paid.append(back.split("/checkout/")[1].split("/")[0])
