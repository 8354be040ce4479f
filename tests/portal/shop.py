"""Northwind sells packs of 200,000 API calls for 10 USDC (or 9 EUR). Ann and Ben are its customers.

The pages run as the program runs them, with the sandbox's own pages beside them; `Visitor` is a browser without scripts.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import unescape
from html.parser import HTMLParser
from typing import Any, Final, cast
from urllib.parse import urljoin

import httpx
import msgspec
from litestar import Litestar

from replenish.access import queries as access
from replenish.catalog import queries as catalog
from replenish.catalog.model import PaymentCurrency
from replenish.catalog.operations.prices import CreditTerms
from replenish.core.db import Database
from replenish.core.ids import CustomerId, PaymentMethodId, PriceId, WorkspaceId
from replenish.core.money import Credits
from replenish.flows.auto_recharge import recharge_due_wallet
from replenish.flows.grant_credits import grant_credits
from replenish.flows.manage_catalog import create_price, create_product
from replenish.flows.manage_currencies import create_currency, update_recharge_config
from replenish.flows.manage_customers import create_customer
from replenish.flows.manage_portal_sessions import create_portal_session
from replenish.flows.manage_workspaces import change_workspace, create_workspace, move_test_clock
from replenish.flows.record_usage import NewUsage, Recorded, record_usage
from replenish.payments import queries as payments
from replenish.payments.provider import Provider
from replenish.providers.sandbox.sandbox import Sandbox
from replenish.wallets.book import NewLot
from replenish.wallets.model import WalletRef

SECRET: Final = "a secret that only the tests know, long enough"
START: Final = datetime(2031, 11, 24, 9, 30, tzinfo=UTC)
VISA, MASTERCARD = "4242424242424242", "5555555555554444"
DECLINES, ASKS, LATE = "4000000000000002", "4000002760003184", "4000000000033334"
ASKS_LATER = "4000002500003155"


class Form(msgspec.Struct):
    """A form as a page shows it: where it goes, what it would send, which button sends it."""

    action: str
    method: str
    fields: dict[str, str]
    text: str = ""
    named: set[str] = msgspec.field(default_factory=set)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._open: Form | None = None
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = Form(action=named.get("action", ""), method=named.get("method", "get"), fields={})
            self.found.append(self._open)
        form = self._open
        if form is None:
            return
        name = named.get("name", "")
        form.named.add(name)
        if tag == "input":
            kind = named.get("type", "text")
            if kind in {"checkbox", "radio"} and "checked" not in named:
                return
            form.fields[name] = named.get("value", "")
        elif tag == "select":
            self._select = name
        elif tag == "option" and (self._select not in form.fields or "selected" in named):
            form.fields[self._select] = named.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self._open.text += data


class Visitor:
    """Somebody with a browser that runs no scripts: follows links, fills forms, keeps cookies."""

    def __init__(self, app: Litestar, base_url: str) -> None:
        transport = httpx.ASGITransport(cast("Any", app))  # litestar and httpx each type ASGI in their own way
        self.http = httpx.AsyncClient(transport=transport, base_url=base_url, headers={"Accept": "text/html"})
        self.at = base_url
        self.html = ""
        self.status = 0

    async def go(self, address: str) -> str:
        return await self._take(await self.http.get(urljoin(self.at, address)))

    async def send(self, *, to: str = "", says: str = "", **fields: str) -> str:
        """The form whose action contains `to` and whose text contains `says`, filled in."""
        forms = [one for one in self.forms() if to in one.action and says in one.text]
        assert forms, f"no form to {to!r} that says {says!r} on {self.at}: {self.text}"
        form = forms[0]
        assert set(fields) <= form.named, f"{set(fields) - form.named} not in {form.named}"
        sent = {name: value for name, value in (form.fields | fields).items() if name}
        address = urljoin(self.at, form.action) if form.action else self.at
        if form.method == "get":
            return await self._take(await self.http.get(address.partition("?")[0], params=sent))
        return await self._take(await self.http.post(address, data=sent))

    async def post(self, address: str, data: Mapping[str, str]) -> httpx.Response:
        return await self.http.post(address, data=dict(data))

    def forms(self) -> list[Form]:
        parser = _Forms()
        parser.feed(self.html)
        return parser.found

    @property
    def text(self) -> str:
        """What can be read on the page."""
        body = re.sub(r"<head.*?</head>|<svg.*?</svg>|<noscript>.*?</noscript>", " ", self.html, flags=re.DOTALL)
        return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body))).strip()

    def token(self) -> str:
        return next(one.fields["csrf_token"] for one in self.forms() if "csrf_token" in one.fields)

    async def _take(self, response: httpx.Response) -> str:
        for _ in range(10):
            self.at = str(response.url)
            onward = response.headers.get("location") or self._moves_on(response.text)
            if onward is None:
                break
            response = await self.http.get(urljoin(self.at, onward))
        self.html, self.status = response.text, response.status_code
        return self.text

    @staticmethod
    def _moves_on(html: str) -> str | None:
        """A page that forwards at once; one that waits some seconds is not followed."""
        found = re.search(r'<meta http-equiv="refresh" content="0;url=([^"]+)"', html)
        return None if found is None else unescape(found[1])

    # What people do

    async def enter(self, link: str) -> str:
        await self.go(link)
        return await self.send(says="Open billing page")

    async def type_card(self, number: str) -> str:
        """On the provider's page; it sends back to ours by a link or by itself."""
        assert "/providers/sandbox/" in self.at, f"not on a provider's page: {self.at}: {self.text}"
        await self.send(number=number, expires="12/70", cvc="123")
        return await self.follow_home()

    async def approve(self) -> str:
        """Yes, says the card holder to the bank: that is me."""
        await self._take(await self.http.post(f"{self.at}/authentication", data={"answer": "approve"}))
        return await self.follow_home()

    async def follow_home(self) -> str:
        if "/providers/sandbox/" in self.at:
            found = re.search(r'href="(http[^"]*/(?:portal|checkout)[^"]*)"', self.html)
            if found is not None:
                return await self.go(unescape(found[1]))
        return self.text


class Shop(msgspec.Struct):
    db: Database
    sandbox: Sandbox
    app: Litestar
    base_url: str
    workspace_id: WorkspaceId
    currency: PaymentCurrency
    usdc: PaymentCurrency
    eur: PaymentCurrency
    price_id: PriceId
    ann: CustomerId
    ben: CustomerId
    providers: dict[str, Provider]
    spent: int = 0

    def visitor(self) -> Visitor:
        return Visitor(self.app, self.base_url)

    async def link(self, customer_id: CustomerId, return_url: str | None = None) -> str:
        session_id = await create_portal_session(
            db=self.db,
            secret_key=SECRET,
            workspace_id=self.workspace_id,
            customer_id=customer_id,
            return_url=return_url,
        )
        token = await access.portal_link_token(
            self.db, workspace_id=self.workspace_id, session_id=session_id, secret_key=SECRET
        )
        return f"{self.base_url}/portal/enter/{token}"

    async def entered(self, customer_id: CustomerId) -> Visitor:
        visitor = self.visitor()
        await visitor.enter(await self.link(customer_id))
        assert visitor.at == f"{self.base_url}/portal", visitor.text
        return visitor

    async def give(self, customer_id: CustomerId, amount: int, **fields: Any) -> None:
        new = NewLot(amount=Credits(amount), category="promotional", source="api", **fields)
        await grant_credits(self.db, ref=WalletRef(self.workspace_id, customer_id, self.currency.id), new=new)

    async def use(self, customer_id: CustomerId, amount: int) -> None:
        self.spent += 1
        event = NewUsage(
            workspace_id=self.workspace_id,
            customer_id=customer_id,
            currency=self.currency,
            meter=None,
            key=f"u{self.spent}",
            value=Decimal(amount),
        )
        (outcome,) = await record_usage(self.db, events=[event])
        assert isinstance(outcome, Recorded), outcome

    async def work(self) -> None:
        """What the worker would do about automatic top-up now."""
        url = f"{self.base_url}/portal/returned"
        while await recharge_due_wallet(db=self.db, providers=self.providers, return_url=url):
            pass

    async def wait(self, **span: int) -> None:
        at = await self.db.pool.fetchval("select test_clock from workspaces where id = $1", self.workspace_id)
        await move_test_clock(db=self.db, workspace_id=self.workspace_id, to=at + timedelta(**span))

    async def card_of(self, customer_id: CustomerId, number: str = VISA) -> PaymentMethodId:
        """Saved by its owner on the pages."""
        visitor = await self.entered(customer_id)
        await visitor.go("/portal/payment-methods")
        await visitor.send(says="Add a card")
        await visitor.type_card(number)
        found = await payments.methods(self.db, workspace_id=self.workspace_id, customer_id=customer_id)
        return max(one.id for one in found)


async def open_shop(db: Database, sandbox: Sandbox, app: Litestar, base_url: str) -> Shop:
    twins = await create_workspace(db=db, name="Northwind Maps")
    workspace_id = twins.test
    await change_workspace(db=db, workspace_id=workspace_id, time_zone="Europe/Berlin")
    await move_test_clock(db=db, workspace_id=workspace_id, to=START)
    credit_id = await create_currency(
        db=db, workspace_id=workspace_id, name="API calls", decimals=0, overdraft_policy="unlimited"
    )
    usdc = await catalog.find_currency(db, workspace_id=workspace_id, key="USDC")
    eur = await catalog.find_currency(db, workspace_id=workspace_id, key="EUR")
    product_id = await create_product(
        db=db, workspace_id=workspace_id, name="API pack", type_="credit", description="200,000 calls, any endpoint."
    )
    price_id = await create_price(
        db=db,
        workspace_id=workspace_id,
        product_id=product_id,
        currency_id=usdc.id,
        unit_amount="10",
        options=[(eur.id, "9.00")],
        credit_terms=CreditTerms(currency_id=credit_id, amount="200000"),
        quantity_max=50,
    )
    await update_recharge_config(db=db, workspace_id=workspace_id, currency_id=credit_id, base_price_id=price_id)
    providers: dict[str, Provider] = {"sandbox": sandbox.provider}
    return Shop(
        db=db,
        sandbox=sandbox,
        app=app,
        base_url=base_url,
        workspace_id=workspace_id,
        currency=await catalog.currency(db, workspace_id=workspace_id, currency_id=credit_id),
        usdc=usdc,
        eur=eur,
        price_id=price_id,
        ann=await create_customer(
            db=db, workspace_id=workspace_id, external_id="ann", name="Ann Lee", email="ann@example.com"
        ),
        ben=await create_customer(
            db=db, workspace_id=workspace_id, external_id="ben", name="Ben Oduya", email="ben@example.com"
        ),
        providers=providers,
    )
