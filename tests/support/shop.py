"""Northwind, a merchant with one pack for sale, and its customers: real flows on PostgreSQL, the sandbox as the provider."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Final, Literal, cast

import httpx
from asyncpg import Pool, Record
from litestar import Litestar

from replenish.catalog import queries as catalog
from replenish.catalog.operations.prices import CreditTerms
from replenish.core import transaction as transactions
from replenish.core.clock import utc_now
from replenish.core.db import Database
from replenish.core.ids import CurrencyId, CustomerId, PaymentMethodId, PriceId, ProductId, WorkspaceId
from replenish.core.money import Credits
from replenish.flows.manage_catalog import create_price, create_product
from replenish.flows.manage_currencies import create_currency
from replenish.flows.manage_customers import create_customer
from replenish.flows.manage_workspaces import create_workspace
from replenish.flows.open_checkout import create_checkout_session
from replenish.flows.receive_event import act_on_events, receive_event
from replenish.flows.reconcile_payments import reconcile_payments
from replenish.flows.save_method import finish_saving, open_method_page
from replenish.payments import queries as payments
from replenish.payments.next_step import Done, Visit
from replenish.payments.provider import Provider, Unknown
from replenish.providers.sandbox.client import SandboxClient
from replenish.providers.sandbox.events import Pump
from replenish.providers.sandbox.provider import SandboxProvider
from replenish.providers.sandbox.sandbox import Sandbox, open_sandbox
from replenish.reports.verify import verify
from replenish.wallets import queries as wallets
from replenish.wallets.model import Balance, WalletRef

BASE_URL: Final = "http://127.0.0.1:8700"
SECRET: Final = "a secret that only the tests know, long enough"
PACK: Final = 200_000
When = Literal["before", "after"]


class Killed(BaseException):
    """The process ends here: nothing of ours may catch it."""


class WatchedSandbox(SandboxProvider):
    """The sandbox, with a witness: no call of it may fall into an open transaction (law 9), and any may be the last."""

    def __init__(self, *, client: SandboxClient, base_url: str, secret: str, allow_live: bool) -> None:
        super().__init__(client=client, base_url=base_url, secret=secret, allow_live=allow_live)
        self.calls: list[str] = []
        self.kill: tuple[str, When] | None = None
        # The line is cut: nothing reaches the provider, nothing comes back.
        self.silent = False

    def witness(self, call: str, when: When) -> None:
        open_now = transactions._open.get()  # pyright: ignore[reportPrivateUsage]  # nobody but a test may ask
        assert not open_now, f"{call} within an open transaction"
        if when == "before":
            self.calls.append(call)
        if self.kill == (call, when):
            self.kill = None
            raise Killed(call)


def _watched(name: str) -> Callable[..., Awaitable[object]]:
    original = cast("Callable[..., Awaitable[object]]", getattr(SandboxProvider, name))

    async def call(self: WatchedSandbox, *args: object, **named: object) -> object:
        self.witness(name, "before")
        if self.silent:
            return Unknown("the line is cut")
        answer = await original(self, *args, **named)
        self.witness(name, "after")
        return answer

    return call


NETWORK_CALLS: Final = (
    "prepare_charge",
    "submit_charge",
    "look_up_payment",
    "close_payment",
    "open_checkout",
    "open_method_page",
    "look_up_method_page",
    "detach_method",
    "refund_payment",
    "read_event",
)
for _name in NETWORK_CALLS:
    setattr(WatchedSandbox, _name, _watched(_name))


class Message(tuple[dict[str, str], bytes]):
    """Headers and body as the sandbox sent them."""

    __slots__ = ()


class Shop:
    """Northwind's test workspace: 10 USD (or 9 EUR) buy a pack of 200,000 tokens."""

    db: Database
    pool: Pool[Record]
    sandbox: Sandbox
    provider: WatchedSandbox
    workspace_id: WorkspaceId
    usd: CurrencyId
    eur: CurrencyId
    tokens: CurrencyId
    product_id: ProductId
    price_id: PriceId
    ann: CustomerId
    ben: CustomerId

    @property
    def providers(self) -> Mapping[str, Provider]:
        return {"sandbox": self.provider}

    # ── at the provider ──

    async def visit(self, url: str, form: dict[str, str]) -> httpx.Response:
        app = cast("Callable[..., Awaitable[None]]", Litestar([self.sandbox.routes()], openapi_config=None))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as browser:
            return await browser.post(url, data=form, follow_redirects=True)

    async def type_card(self, url: str, number: str) -> httpx.Response:
        return await self.visit(url, {"number": number, "expires": "12/40", "cvc": "123"})

    async def charged(self) -> Decimal:
        """What customers have really lost: paid, less what was given back."""
        found = await self.db.fetchval(
            "select coalesce(sum(amount - refunded), 0) from sandbox.intents where state = 'succeeded'"
        )
        assert isinstance(found, Decimal)
        return found

    async def messages(self) -> list[Message]:
        """The sandbox's messages that were not delivered yet, as it would send them."""
        sent: list[Message] = []

        async def keep(_: str, headers: Mapping[str, str], body: bytes) -> int:
            sent.append(Message((dict(headers), body)))
            return 202

        await Pump(pool=self.pool, secret=SECRET, base_url=BASE_URL, send=keep).run_once()
        return sent

    # ── at ours ──

    async def save_card(self, customer_id: CustomerId, number: str) -> PaymentMethodId:
        session_id, _ = await create_checkout_session(
            db=self.db, workspace_id=self.workspace_id, mode="setup", customer_id=customer_id
        )
        step = await open_method_page(
            db=self.db,
            providers=self.providers,
            session_id=session_id,
            workspace_id=self.workspace_id,
            return_url="https://shop.example/back",
            cancel_url="https://shop.example/cancel",
        )
        assert isinstance(step, Visit)
        await self.type_card(step.url, number)
        assert await finish_saving(db=self.db, providers=self.providers, session_id=session_id) == Done()
        session = await payments.session(self.db, workspace_id=self.workspace_id, session_id=session_id)
        assert session.payment_method_id is not None
        return session.payment_method_id

    async def receive(self, message: Message) -> None:
        headers, body = message
        account = await self.provider.account_of(workspace_id=self.workspace_id, mode="test")
        await receive_event(
            db=self.db, providers=self.providers, provider="sandbox", account=account or "", headers=headers, body=body
        )

    async def act(self) -> int:
        return await act_on_events(db=self.db, providers=self.providers)

    async def reconcile(self) -> None:
        """Time passes, and the worker looks at whatever is due, until nothing changes by waiting any more."""
        for _ in range(4):
            await self.sandbox.bank.advance_late_payments()
            await self.pool.execute("update payments set due_at = now() where due_at is not null")
            await reconcile_payments(db=self.db, providers=self.providers, limit=100)

    async def balance(self, customer_id: CustomerId) -> Balance:
        ref = WalletRef(self.workspace_id, customer_id, self.tokens)
        return await wallets.balance(self.db, ref=ref, now=utc_now())

    async def credits(self, customer_id: CustomerId) -> Credits:
        return (await self.balance(customer_id)).balance

    async def states(self, table: Literal["payments", "top_ups"]) -> list[str]:
        rows = await self.pool.fetch(f"select state from {table} order by id")  # noqa: S608 - one of two names of ours
        return [cast("str", row["state"]) for row in rows]

    async def grants(self) -> int:
        found = await self.db.fetchval("select count(*) from lots where source = 'top_up'")
        assert isinstance(found, int)
        return found

    async def events(self, customer_id: CustomerId) -> list[str]:
        """What was told about a customer after they were created, in order."""
        rows = await self.pool.fetch("select type from events where customer_id = $1 order by number", customer_id)
        return [cast("str", row["type"]) for row in rows[1:]]

    async def assert_books_agree(self) -> None:
        verdict = await verify(self.db)
        assert verdict.clean, verdict.differences


async def open_shop(db: Database, database_url: str) -> Shop:
    """A shop with everything that it sells. `close_shop` ends it."""
    shop = Shop()
    shop.db, shop.pool = db, db.pool
    shop.sandbox = await open_sandbox(
        database_url=database_url, base_url=BASE_URL, secret=SECRET, allow_live=False, settle_seconds=3600
    )
    shop.provider = WatchedSandbox(
        client=SandboxClient(shop.sandbox.bank), base_url=BASE_URL, secret=SECRET, allow_live=False
    )
    shop.workspace_id = (await create_workspace(db=db, name="Northwind")).test
    workspace_id = shop.workspace_id
    shop.usd = (await catalog.find_currency(db, workspace_id=workspace_id, key="USD")).id
    shop.eur = (await catalog.find_currency(db, workspace_id=workspace_id, key="EUR")).id
    shop.tokens = await create_currency(db=db, workspace_id=workspace_id, name="Tokens", decimals=0)
    shop.product_id = await create_product(db=db, workspace_id=workspace_id, name="Pack of tokens", type_="credit")
    shop.price_id = await create_price(
        db=db,
        workspace_id=workspace_id,
        product_id=shop.product_id,
        currency_id=shop.usd,
        unit_amount="10",
        options=[(shop.eur, "9")],
        credit_terms=CreditTerms(
            currency_id=shop.tokens, amount=str(PACK), valid_duration_value=1, valid_duration_unit="months"
        ),
        quantity_max=20,
    )
    shop.ann = await create_customer(db=db, workspace_id=workspace_id, external_id="ann", name="Ann")
    shop.ben = await create_customer(db=db, workspace_id=workspace_id, external_id="ben", name="Ben")
    return shop


async def close_shop(shop: Shop) -> None:
    await shop.sandbox.close()
