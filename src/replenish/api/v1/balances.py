"""Balances: what a customer may spend, exact at this very instant."""

from collections.abc import Sequence

from replenish.access import queries as access
from replenish.api.v1.call import Call
from replenish.api.v1.routing import reads
from replenish.api.v1.wire import Shown, Time
from replenish.catalog import queries as catalog
from replenish.core.errors import Invalid
from replenish.core.ids import CURRENCY, CUSTOMER
from replenish.customers import queries as customers
from replenish.wallets import queries
from replenish.wallets.model import Balance, WalletRef
from replenish.web.top_up_urls import TopUpUrls


class BalanceView(Shown):
    """`available` is credits less held, `balance` available less owed: negative while more is owed than available."""

    customer_id: str
    currency_id: str
    credits: str
    held: str
    available: str
    owed: str
    balance: str
    frozen: bool
    as_of: Time
    top_up_url: str | None


class BalancesView(Shown):
    data: Sequence[BalanceView]


async def _show(urls: TopUpUrls, balance: Balance) -> BalanceView:
    return BalanceView(
        customer_id=CUSTOMER.text(balance.customer_id),
        currency_id=CURRENCY.text(balance.currency_id),
        credits=str(balance.credits),
        held=str(balance.held),
        available=str(balance.available),
        owed=str(balance.owed),
        balance=str(balance.balance),
        frozen=balance.frozen,
        as_of=balance.as_of,
        top_up_url=await urls.of(balance.customer_id, balance.currency_id),
    )


@reads("/customers/{key:str}/balances")
async def list_balances(key: str, call: Call) -> BalancesView:
    """List a customer's balances, one per credit currency ever held."""
    customer = await customers.find_customer(call.db, workspace_id=call.workspace_id, key=key)
    found = await queries.balances(call.db, workspace_id=call.workspace_id, customer_id=customer.id)
    urls = TopUpUrls(call.context, call.workspace_id)
    return BalancesView(data=[await _show(urls, balance) for balance in found])


@reads("/customers/{key:str}/balances/{currency_key:str}")
async def retrieve_balance(key: str, currency_key: str, call: Call) -> BalanceView:
    """Retrieve one balance; zeros when the customer never held this credit currency."""
    customer = await customers.find_customer(call.db, workspace_id=call.workspace_id, key=key)
    found = await catalog.find_currency(call.db, workspace_id=call.workspace_id, key=currency_key)
    if found.type != "credit":
        raise Invalid("currency_key", f"{found.unit} is money; balances are of credit currencies")
    now = await access.now(call.db, call.workspace_id)
    ref = WalletRef(call.workspace_id, customer.id, found.id)
    urls = TopUpUrls(call.context, call.workspace_id)
    return await _show(urls, await queries.balance(call.db, ref=ref, now=now))


routes = [list_balances, retrieve_balance]
