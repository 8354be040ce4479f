"""PaymentKit's routes on the real application in this process, spoken to as the client does: signed, by its own forms."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from replenish.core.ids import ClientKeyId
from replenish.flows import manage_clients
from support.world import World, open_world


class Kit:
    """A signing client of Acme's. Its canonical JSON is Python's own, so that ours is not its own judge."""

    def __init__(self, world: World, secret: Ed25519PrivateKey, *, livemode: bool = False) -> None:
        self.world = world
        self.secret = secret
        self.livemode = livemode
        self.key_id: ClientKeyId | None = None

    @property
    def public_key(self) -> str:
        return self.secret.public_key().public_bytes_raw().hex()

    def headers(
        self, method: str, path: str, query: str, body: object, *, issued: int | None = None, life: int = 300
    ) -> dict[str, str]:
        iat = int(time.time()) if issued is None else issued
        covered = {
            "body": {} if body is None else body,
            "exp": iat + life,
            "iat": iat,
            "method": method.lower(),
            "query": dict(parse_qsl(query, keep_blank_values=True)),
            "url": path,
        }
        text = json.dumps(covered, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        signature = self.secret.sign(hashlib.sha3_256(text.encode()).digest())
        return {
            "x-component-did": "z8iaClient",
            "x-component-sig": f"0x{signature.hex()}",
            "x-component-sig-iat": str(iat),
            "x-component-sig-exp": str(iat + life),
            "x-component-sig-version": "1",
        }

    async def send(
        self, method: str, path: str, body: object = None, *, headers: dict[str, str] | None = None, **query: object
    ) -> httpx.Response:
        """Signed, unless `headers` say something else."""
        text = urlencode({name: str(each) for name, each in ({"livemode": str(self.livemode).lower()} | query).items()})
        path = f"/api{path}"
        given = self.headers(method, path, text, body) if headers is None else headers
        content = None if body is None else json.dumps(body).encode()
        if content is not None:
            given = given | {"Content-Type": "application/json"}
        return await self.world.http.request(method, f"{path}?{text}", content=content, headers=given)

    async def ok(self, method: str, path: str, body: object = None, **query: object) -> Any:
        answer = await self.send(method, path, body, **query)
        assert answer.status_code == 200, (method, path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    async def refused(self, method: str, path: str, body: object = None, **query: object) -> tuple[int, str, str]:
        """(status, code, error)."""
        answer = await self.send(method, path, body, **query)
        told = answer.json()
        assert {"error", "code"} <= told.keys(), told
        return answer.status_code, told["code"], told["error"]

    async def meter(self, event_name: str = "renders", **fields: object) -> Any:
        body = {"name": event_name.title(), "event_name": event_name, "unit": "render"} | fields
        return await self.ok("POST", "/meters", body)

    async def grant(self, currency_id: str, amount: object, **fields: object) -> Any:
        body = {"customer_id": "ann", "currency_id": currency_id, "amount": amount, "category": "paid"} | fields
        return await self.ok("POST", "/credit-grants", body)

    async def use(self, identifier: str, value: object, *, event_name: str = "renders", **fields: object) -> Any:
        payload = {"customer_id": "ann", "value": value}
        body = {"event_name": event_name, "payload": payload, "identifier": identifier} | fields
        return await self.ok("POST", "/meter-events", body)

    async def pack(self, currency_id: str, **fields: object) -> Any:
        """A product with one price: 10 USDC for 200,000 credits."""
        config = {"currency_id": currency_id, "credit_amount": "200000"}
        price = {"type": "one_time", "unit_amount": "10", "currency_id": "USDC", "metadata": {"credit_config": config}}
        return await self.ok("POST", "/products", {"name": "Pack", "type": "credit", "prices": [price]} | fields)


async def kit_of(world: World, *, livemode: bool = False) -> Kit:
    kit = Kit(world, Ed25519PrivateKey.generate(), livemode=livemode)
    kit.key_id = await manage_clients.add_client_key(
        db=world.db, workspace_id=world.live, name="story", public_key=kit.public_key
    )
    return kit


async def sold(kit: Kit, **fields: object) -> tuple[str, Any]:
    """A credit currency, and a pack of it."""
    credit = (await kit.meter())["currency_id"]
    return credit, await kit.pack(credit, **fields)


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with open_world(database_url) as made:
        yield made


@pytest.fixture
async def kit(world: World) -> Kit:
    """In test mode."""
    return await kit_of(world)
