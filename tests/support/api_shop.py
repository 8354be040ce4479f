"""A merchant with a catalog and a customer, spoken to over the real API; `trade.py` adds what money leaves behind.

`open_shop` makes a workspace with its twin and a key that may do everything; `stock` fills it, each object through its own
route. A resource that is added to the API is added here, and the tests that drive every route find it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from litestar import Litestar

from replenish.core.db import Database
from replenish.core.ids import WorkspaceId
from replenish.core.settings import Settings
from replenish.flows import manage_api_keys, manage_workspaces
from replenish.main.app import create_app
from replenish.web.context import KEY, Context
from support.openapi import Route

SECRET_KEY = "a-secret-key-of-the-tests-only-0123456789"
BASE_URL = "http://127.0.0.1:8700"


class Client(httpx.AsyncClient):
    """Speaks to the application in this process."""

    def __init__(self, app: Litestar, **more: Any) -> None:
        super().__init__(**more)
        self.app = app

    @property
    def context(self) -> Context:
        found: Context = self.app.state[KEY]
        return found


@dataclass
class Shop:
    """One merchant's test workspace, and what it has: ids by resource, as the API shows them."""

    name: str
    client: Client
    live: WorkspaceId
    test: WorkspaceId
    key: str
    live_key: str
    made: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> httpx.Response:
        """One request with this shop's key (or another)."""
        all_headers = {"Authorization": f"Bearer {key or self.key}", **(headers or {})}
        if content is not None:
            return await self.client.request(method, path, content=content, headers=all_headers)
        if body is None:
            return await self.client.request(method, path, headers=all_headers)
        return await self.client.request(method, path, json=body, headers=all_headers)

    async def ok(self, method: str, path: str, body: object = None, **more: Any) -> dict[str, Any]:
        """As `call`, and it must succeed. Answers the parsed body."""
        answer = await self.call(method, path, body, **more)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return {} if answer.status_code == 204 else answer.json()

    async def stock(self) -> Shop:
        """Make one of everything."""
        self.made["workspace"] = await self.ok("GET", "/v1/workspace")
        for resource in CREATED:
            self.made[resource] = await self.ok("POST", f"/v1/{resource}", self.body(resource))
            if resource == "prices":
                currency = f"/v1/payment_currencies/{self.credits}"
                await self.ok("PUT", f"{currency}/recharge_config", {"base_price_id": self.id("prices")})
                self.made["payment_currencies"] = await self.ok("GET", currency)
        self.made["events"] = await self._first_event()
        return self

    async def _first_event(self) -> dict[str, Any]:
        """The feed waits for transactions that still run, those of other tests' databases on this server too (law 15)."""
        for _ in range(1000):
            if found := (await self.ok("GET", "/v1/events"))["data"]:
                return found[0]
            await asyncio.sleep(0.01)
        raise AssertionError("the customer's event never came into the feed")

    def body(self, resource: str, mark: str = "") -> dict[str, Any]:
        """What makes one of `resource`; it may name what was made before. `mark` tells several apart."""
        match resource:
            case "campaigns":
                return {"name": f"Spring{mark}"}
            case "meters":
                return {"name": "API calls", "event_name": f"api_call{mark}", "unit": "calls"}
            case "products":
                return {"name": f"Pack{mark}", "type": "credit", "campaign_id": self.id("campaigns")}
            case "prices":
                return {
                    "product_id": self.id("products"),
                    "currency_id": "USDC",
                    "unit_amount": "10",
                    "currency_options": [{"currency_id": "USD", "unit_amount": "10.50"}],
                    "meter_id": self.id("meters"),
                    "credit_config": {
                        "priority": 50,
                        "valid_duration_value": 0,
                        "valid_duration_unit": "days",
                        "currency_id": self.credits,
                        "credit_amount": "200000",
                    },
                    "nickname": f"Pack{mark}",
                }
            case "payment_currencies":
                return {"name": f"Minutes{mark}", "type": "credit"}
            case "payment_links":
                return {"price_id": self.id("prices"), "name": f"Pack{mark}"}
            case "customers":
                return {"external_id": f"ann{mark}", "email": "ann@example.com", "name": "Ann"}
            case "portal_sessions":
                return {"customer_id": self.id("customers"), "return_url": f"https://shop.example/{mark}"}
            case "api_keys":
                return {"name": f"Reporting{mark}", "scopes": ["read"]}
            case _:
                return self._credit_body(resource, mark) or self._money_body(resource, mark)

    def _credit_body(self, resource: str, mark: str) -> dict[str, Any] | None:
        """What is made of Ann's credits; None for another resource."""
        terms: dict[str, dict[str, Any]] = {
            "credit_grants": {"amount": "5", "name": f"Gift{mark}"},
            "grant_schedules": {"cadence": "monthly", "amount": "5", "name": f"Plan{mark}"},
            "budgets": {"limit": "9000000", "window": "day", "name": mark},
            "adjustments": {"amount": "5", "reason": f"Sorry{mark}"},
        }
        found = terms.get(resource)
        return None if found is None else {"customer_id": "ann", "currency_id": self.credits, **found}

    def _money_body(self, resource: str, mark: str) -> dict[str, Any]:
        match resource:
            case "usage":
                return {"customer_id": "ann", "meter_id": "api_call", "idempotency_key": f"job{mark}", "value": "1"}
            case "holds":
                return {"customer_id": "ann", "meter_id": "api_call", "value": "1", "metadata": {"mark": mark}}
            case "checkout_sessions":
                return {"customer_id": "ann", "price_id": self.id("prices"), "success_url": f"https://x.example/{mark}"}
            case "topups":
                return {"customer_id": "ann", "price_id": self.id("prices"), "metadata": {"mark": mark}}
            case "refunds":
                return {"topup_id": self.id("topups"), "amount": "0.01", "reason": f"Sorry{mark}"}
            case "recharge_rules":
                return {
                    "customer_id": "ann",
                    "credit_currency_id": self.credits,
                    "enabled": True,
                    "threshold": "150000",
                    "payment_method_id": self.id("payment_methods"),
                    "consent": {
                        "wording": "Whenever my balance falls below 150,000 you may charge my card for a pack."
                    },
                }
            case _:
                raise LookupError(f"tests/support/api_shop.py does not know yet how to make one of {resource}")

    @property
    def credits(self) -> str:
        """The credit currency of everything here."""
        return str(self.made["meters"]["currency_id"])

    def path(self, route: Route) -> str:
        """A route's path, leading to what this shop has."""
        assert route.resource in self.made, f"{route}: teach tests/support to make one of these"
        return route.filled(self.id(route.resource), currency_key=self.credits)

    def references(self) -> dict[str, str]:
        """Fields that name another object, with one of this shop's."""
        return {
            "campaign_id": self.id("campaigns"),
            "product_id": self.id("products"),
            "price_id": self.id("prices"),
            "base_price_id": self.id("prices"),
            "payment_link_id": self.id("payment_links"),
            "customer_id": self.id("customers"),
            "meter_id": self.id("meters"),
            "currency_id": "USDC",
            **({"topup_id": self.id("topups")} if "topups" in self.made else {}),
        }

    def id(self, resource: str) -> str:
        return str(self.made[resource]["id"])


# In an order in which each finds what it needs.
CREATED = (
    "campaigns",
    "meters",
    "products",
    "prices",
    "payment_links",
    "customers",
    "portal_sessions",
    "api_keys",
)


async def open_shop(db: Database, client: Client, name: str) -> Shop:
    """A workspace with its twin; `key` may do everything in the test one."""
    twins = await manage_workspaces.create_workspace(db=db, name=name)
    keys = [
        (await manage_api_keys.create_api_key(db=db, workspace_id=workspace_id, name="All", scopes=["*"])).secret
        for workspace_id in (twins.test, twins.live)
    ]
    assert keys[0]
    assert keys[1]
    return Shop(name=name, client=client, live=twins.live, test=twins.test, key=keys[0], live_key=keys[1])


def settings_for(database_url: str) -> Settings:
    return Settings(database_url=database_url, secret_key=SECRET_KEY, base_url=BASE_URL, dev=True)


@asynccontextmanager
async def serving(database_url: str) -> AsyncIterator[Client]:
    """The real application on the test's database, in the test's own loop. Its faults become answers, as in production."""
    app = create_app(settings_for(database_url))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with app.lifespan(), Client(app, transport=transport, base_url=BASE_URL) as client:
        yield client
