"""Who is looking at a page, and what every page shows of them: always exactly one customer (law 16)."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec
from litestar import Response

from replenish.access import queries as access
from replenish.access.model import PortalVisitor, Workspace
from replenish.catalog import queries as catalog
from replenish.catalog.model import PaymentCurrency
from replenish.core.db import Database
from replenish.core.errors import Unauthenticated
from replenish.core.ids import CURRENCY, CurrencyId, CustomerId, WorkspaceId
from replenish.customers import queries as customers
from replenish.customers.model import Customer
from replenish.wallets import queries as wallets
from replenish.wallets.model import Balance, WalletRef
from replenish.web import pages
from replenish.web.context import Context, context_of
from replenish.web.cookies import Area
from replenish.web.formats import number
from replenish.web.frames import PortalFrame, Sum
from replenish.web.pages import Flash, PageRequest

_NEVER: Final = datetime.min.replace(tzinfo=UTC)
NO_SESSION = "Please open your billing page from the link you were given."
ENDED = "Your session has ended. Open the billing page again from where you came, and nothing is lost."


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """One credit currency and what the customer has of it; zeros where there is no wallet yet."""

    currency: PaymentCurrency
    balance: Balance
    # What tells it apart from another of the same name; empty while no other has it.
    told_apart: str = ""

    @property
    def unit(self) -> str:
        return self.currency.name

    @property
    def label(self) -> str:
        """Its name where several stand side by side."""
        return f"{self.unit} ({self.told_apart})" if self.told_apart else self.unit

    @property
    def is_held(self) -> bool:
        return self.balance.wallet_id is not None

    @property
    def is_sold(self) -> bool:
        return self.currency.recharge_config is not None

    @property
    def key(self) -> str:
        """Its id as addresses carry it."""
        return CURRENCY.text(self.currency.id)


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """One request of a signed-in customer. Everything read for the page is scoped by its two ids."""

    context: Context
    session: PortalVisitor
    workspace: Workspace
    customer: Customer
    holdings: Sequence[Holding]

    @property
    def db(self) -> Database:
        return self.context.db

    @property
    def workspace_id(self) -> WorkspaceId:
        return self.session.workspace_id

    @property
    def customer_id(self) -> CustomerId:
        return self.session.customer_id

    def holding(self, key: str) -> Holding | None:
        """One of the customer's own credit currencies, named by an address. None when it is none of them."""
        return next((one for one in self.holdings if one.key == key), None)

    @property
    def shown(self) -> Sequence[Holding]:
        """What their pages are about: what they hold; all that they could buy, before they hold anything."""
        return [one for one in self.holdings if one.is_held] or self.holdings

    @property
    def usual(self) -> Holding | None:
        """What a page that buys starts with: of what is sold, the wallet in which something was booked last."""
        sold = [one for one in self.holdings if one.is_sold]
        # The first of equals, so what was never held comes in its order.
        return max(sold, key=lambda one: one.balance.moved_at or _NEVER, default=None)

    def tabs(self, chosen: Holding) -> list[Holding]:
        """What stands beside the chosen one, which is always there."""
        return [one for one in self.shown if one.is_sold or one.key == chosen.key] + (
            [] if any(one.key == chosen.key for one in self.shown) else [chosen]
        )

    @property
    def units(self) -> dict[CurrencyId, str]:
        """The names of the customer's credit currencies."""
        return {one.currency.id: one.label for one in self.shown}

    async def codes(self, ids: Iterable[CurrencyId]) -> dict[CurrencyId, str]:
        """The codes of payment currencies, for amounts of money."""
        found = await catalog.currencies_by_id(self.db, workspace_id=self.workspace_id, ids=ids)
        return {currency_id: currency.unit for currency_id, currency in found.items()}

    async def empty(self, currency: PaymentCurrency) -> Holding:
        """A credit currency that the customer has nothing of yet, and that no page of theirs lists."""
        now = await access.now(self.db, self.workspace_id)
        ref = WalletRef(self.workspace_id, self.customer_id, currency.id)
        return Holding(currency=currency, balance=await wallets.balance(self.db, ref=ref, now=now))

    def frame(self, section: str) -> PortalFrame:
        return PortalFrame(
            merchant=self.workspace.name,
            customer=self.customer.name or self.customer.email or self.customer.external_id,
            section=section,
            is_test=self.workspace.mode == "test",
            balances=[Sum(one.label, number(one.balance.balance)) for one in self.shown],
            return_url=self.session.return_url,
            sign_out_path="/portal/sign-out",
        )

    def page(
        self,
        request: PageRequest,
        template: str,
        *,
        section: str,
        status: int = 200,
        fragment: str | None = None,
        flash: Flash | None = None,
        **values: object,
    ) -> Response[str]:
        """A page in the customer's frame, its times in the workspace's zone; never kept by a cache on the way."""
        return pages.page(
            request,
            template,
            status=status,
            zone=self.workspace.time_zone,
            fragment=fragment,
            flash=flash,
            cookies=(),
            headers=None,
            frame_ancestors=(),
            frame=self.frame(section),
            units=self.units,
            **values,
        )


async def visit_of(request: PageRequest) -> Visit:
    """Who sends this request. Raises Unauthenticated without a session that still runs."""
    context = context_of(request)
    cookie = request.cookies.get(pages.pages_of(request).cookies.session_name(Area.PORTAL))
    session = await context.doorkeeper.portal_visitor(cookie)
    if cookie is None:
        raise Unauthenticated(NO_SESSION, code="session_missing")
    if session is None:
        raise Unauthenticated(ENDED, code="session_ended")
    workspace = await access.workspace(context.db, workspace_id=session.workspace_id)
    customer = await customers.customer(context.db, workspace_id=session.workspace_id, customer_id=session.customer_id)
    return Visit(
        context=context,
        session=session,
        workspace=workspace,
        customer=customer,
        holdings=await holdings_of(context.db, workspace_id=workspace.id, customer_id=customer.id),
    )


async def holdings_of(db: Database, *, workspace_id: WorkspaceId, customer_id: CustomerId) -> list[Holding]:
    """The customer's wallets, then the credit currencies that they could buy; each in the order in which those were made."""
    balances = {
        found.currency_id: found
        for found in await wallets.balances(db, workspace_id=workspace_id, customer_id=customer_id)
    }
    known = {
        found.id: found
        for found in await catalog.currencies(db, workspace_id=workspace_id, type_="credit", active=True)
        if found.recharge_config is not None or found.id in balances
    }
    # A currency that is sold no more may still be held.
    missing = [currency_id for currency_id in balances if currency_id not in known]
    known.update(await catalog.currencies_by_id(db, workspace_id=workspace_id, ids=missing))
    now = await access.now(db, workspace_id)
    names = await _told_apart(db, workspace_id=workspace_id, currencies=list(known.values()))
    return [
        Holding(
            currency=currency,
            told_apart=names.get(currency.id, ""),
            balance=balances.get(currency.id)
            or await wallets.balance(db, ref=WalletRef(workspace_id, customer_id, currency.id), now=now),
        )
        for currency in sorted(known.values(), key=lambda found: (found.id not in balances, found.id))
    ]


async def _told_apart(
    db: Database, *, workspace_id: WorkspaceId, currencies: Sequence[PaymentCurrency]
) -> dict[CurrencyId, str]:
    """For those that share a name: the merchant's key, else the name of what is bought."""
    having = Counter(one.name for one in currencies)
    alike = [one for one in currencies if having[one.name] > 1]
    if not alike:
        return {}
    bases = {
        one.id: one.recharge_config.base_price_id
        for one in alike
        if one.lookup_key is None and one.recharge_config is not None
    }
    prices = await catalog.prices_by_id(db, workspace_id=workspace_id, ids=bases.values())
    sold = {one.product_id for one in prices.values()}
    products = await catalog.products_by_id(db, workspace_id=workspace_id, ids=sold)
    named = {one.id: one.lookup_key for one in alike if one.lookup_key is not None}
    return named | {
        currency_id: products[prices[price_id].product_id].name
        for currency_id, price_id in bases.items()
        if price_id in prices
    }
