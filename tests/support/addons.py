"""Northwind sells packs of 500 credits for 19 USD as an add-on; its app speaks PayKickstart's dialect."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec

from replenish.catalog import queries as catalog
from replenish.catalog.model import CreditTerms, OverdraftPolicy
from replenish.core.ids import PAYMENT_METHOD, CurrencyId, CustomerId, PriceId, ProductId, WorkspaceId
from replenish.core.money import Credits
from replenish.flows import manage_api_keys, manage_catalog, manage_currencies, manage_customers
from replenish.flows.auto_recharge import recharge_due_wallet
from replenish.flows.grant_credits import grant_credits
from replenish.flows.open_checkout import create_checkout_session
from replenish.flows.save_method import finish_saving, open_method_page
from replenish.payments import queries as payments
from replenish.payments.next_step import Done, Visit
from replenish.reports.verify import verify
from replenish.wallets.book import NewLot
from replenish.wallets.model import WalletRef
from support.world import World, open_world

EMAIL = "ann@example.test"


class Addon(msgspec.Struct):
    """A product of the story, as the wire and as the books know it."""

    number: int
    product_id: ProductId
    price_id: PriceId
    currency_id: CurrencyId


class Store(msgspec.Struct):
    """`pack` is the add-on, `ann` its buyer with 112 credits: 100 bought, 12 given."""

    world: World
    token: str
    campaign: int
    pack: Addon
    ann: CustomerId

    @property
    def http(self) -> httpx.AsyncClient:
        return self.world.http

    @property
    def workspace_id(self) -> WorkspaceId:
        return self.world.test

    async def send(self, path: str, fields: Mapping[str, object] | None = None, **more: object) -> httpx.Response:
        """As JSON, with the store's token."""
        body = {"auth_token": self.token, **(fields or {}), **more}
        return await self.http.post(f"/api/buyer-addon/{path}", json=body)

    async def ok(self, path: str, fields: Mapping[str, object] | None = None, **more: object) -> Any:
        answer = await self.send(path, fields, **more)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert (body["code"], body["status"], body["success"]) == (200, True, 1)
        assert "error" not in body
        assert "errors" not in body
        return body

    async def refused(self, status: int, path: str, fields: Mapping[str, object] | None = None, **more: object) -> Any:
        answer = await self.send(path, fields, **more)
        assert answer.status_code == status, answer.text
        body = answer.json()
        assert (body["code"], body["status"], body["success"]) == (status, False, 0)
        return body["error"]

    async def balance(self, **more: object) -> str:
        read = await self.ok("usage", email=EMAIL, product_id=self.pack.number, **more)
        return read["balance"]

    async def use(self, units: object, **more: object) -> Any:
        return await self.ok("usage/add", email=EMAIL, product_id=self.pack.number, units=units, **more)

    async def give(self, amount: int, *, paid: bool, addon: Addon | None = None, to: CustomerId | None = None) -> None:
        ref = WalletRef(self.workspace_id, to or self.ann, (addon or self.pack).currency_id)
        new = NewLot(amount=Credits(amount), category="paid" if paid else "promotional", source="api")
        await grant_credits(self.world.db, ref=ref, new=new)

    async def customer(self, external_id: str, email: str | None = None) -> CustomerId:
        return await manage_customers.create_customer(
            db=self.world.db, workspace_id=self.workspace_id, external_id=external_id, email=email
        )

    async def key(self, *scopes: str) -> str:
        made = await manage_api_keys.create_api_key(
            db=self.world.db, workspace_id=self.workspace_id, name="narrow", scopes=scopes
        )
        return made.secret

    async def assert_books_agree(self) -> None:
        verdict = await verify(self.world.db)
        assert verdict.clean, verdict.differences


async def make_addon(
    world: World,
    *,
    workspace_id: WorkspaceId,
    name: str = "500 credits",
    decimals: int = 0,
    policy: OverdraftPolicy = "none",
    limit: str | None = None,
    campaign_id: Any = None,
) -> Addon:
    where = {"db": world.db, "workspace_id": workspace_id}
    currency_id = await manage_currencies.create_currency(
        **where, name=name, decimals=decimals, overdraft_policy=policy, overdraft_limit=limit
    )
    product_id = await manage_catalog.create_product(**where, name=name, type_="credit", campaign_id=campaign_id)
    usd = await catalog.find_currency(world.db, workspace_id=workspace_id, key="USD")
    terms = CreditTerms(currency_id=currency_id, amount="500")
    price_id = await manage_catalog.create_price(
        **where, product_id=product_id, currency_id=usd.id, unit_amount="19.00", credit_terms=terms
    )
    product = await catalog.product(world.db, workspace_id=workspace_id, product_id=product_id)
    return Addon(product.number, product_id, price_id, currency_id)


@asynccontextmanager
async def open_store(database_url: str, **options: Any) -> AsyncIterator[Store]:
    async with open_world(database_url, **options) as world:
        campaign_id = await manage_catalog.create_campaign(db=world.db, workspace_id=world.test, name="Spring")
        campaign = await catalog.campaign(world.db, workspace_id=world.test, campaign_id=campaign_id)
        pack = await make_addon(world, workspace_id=world.test, campaign_id=campaign_id)
        store = Store(
            world=world, token=world.api.key, campaign=campaign.number, pack=pack, ann=CustomerId(campaign_id)
        )
        store.ann = await store.customer("ann", EMAIL)
        await store.give(100, paid=True)
        await store.give(12, paid=False)
        yield store


async def save_card(store: Store, number: str = "4242424242424242") -> str:
    """Ann saves a card on the sandbox's own page; returns the method's id as the wire shows it."""
    context = store.world.context
    session_id, _ = await create_checkout_session(
        db=store.world.db, workspace_id=store.workspace_id, mode="setup", customer_id=store.ann
    )
    step = await open_method_page(
        db=store.world.db,
        providers=context.providers,
        session_id=session_id,
        workspace_id=store.workspace_id,
        return_url="https://shop.example/back",
        cancel_url="https://shop.example/cancel",
    )
    assert isinstance(step, Visit)
    card = {"number": number, "expires": "12/40", "cvc": "123"}
    typed = await store.http.post(step.url, data=card, follow_redirects=False)
    assert typed.status_code in {200, 302, 303}, typed.text
    assert await finish_saving(db=store.world.db, providers=context.providers, session_id=session_id) == Done()
    session = await payments.session(store.world.db, workspace_id=store.workspace_id, session_id=session_id)
    assert session.payment_method_id is not None
    return PAYMENT_METHOD.text(session.payment_method_id)


async def work(store: Store) -> None:
    """What the worker would do for wallets that are due."""
    context = store.world.context
    while await recharge_due_wallet(db=store.world.db, providers=context.providers, return_url="https://shop.example/"):
        pass
