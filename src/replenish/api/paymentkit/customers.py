"""Customers, by our id or the merchant's own (a DID)."""

from collections.abc import Sequence
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from replenish.api.paymentkit.call import Call, route
from replenish.api.paymentkit.people import customer_of, customer_view, ensured_customer, people_of
from replenish.api.paymentkit.views import currencies_of
from replenish.api.paymentkit.wire import Json, in_order, listed, pack, searched, units
from replenish.core.ids import CURRENCY, CustomerId
from replenish.customers.model import Customer
from replenish.flows import manage_customers
from replenish.wallets import queries as wallets


class Wish(msgspec.Struct, kw_only=True):
    create: bool = False


class CustomerChanges(msgspec.Struct, kw_only=True):
    name: str | UnsetType = UNSET
    email: str | UnsetType | None = UNSET
    metadata: dict[str, object] | UnsetType | None = UNSET


@route("GET", "/customers", scope="read")
async def list_customers(call: Call) -> Json:
    """List customers, newest first."""
    filters = {"external_id": call.text("did"), "email": call.text("email"), "q": searched(call)}
    return await listed(call, "customers", show=_show, filters=filters)


@route("GET", "/customers/search", scope="read")
async def search_customers(call: Call) -> Json:
    """Find customers whose name, address or own id holds `query`."""
    return await listed(call, "customers", show=_show, filters={"q": searched(call)})


async def _show(call: Call, ids: Sequence[UUID]) -> list[Json]:
    found = await people_of(call, [CustomerId(each) for each in ids])
    return [customer_view(call, customer) for customer in in_order(ids, found)]


@route("GET", "/customers/{key:str}", scope="read")
async def retrieve_customer(call: Call) -> Json:
    """Retrieve a customer; `create: true`, in the query or in the body of this GET, makes one that is not there."""
    create = call.flag("create")
    if create is None:
        create = call.body(Wish).create
    if not create:
        return await _with_balance(call, await customer_of(call, call.path()))
    call.demand("customers:write")
    return await _with_balance(call, await ensured_customer(call, call.path()))


async def _with_balance(call: Call, customer: Customer) -> Json:
    """`token_balance` is what the customer can spend, in base units, by credit currency."""
    found = await wallets.balances(call.db, workspace_id=call.workspace_id, customer_id=customer.id)
    currencies = await currencies_of(call, (each.currency_id for each in found))
    return customer_view(call, customer) | {
        "token_balance": {
            CURRENCY.text(each.currency_id): units(each.available, currencies[each.currency_id].decimals)
            for each in found
        }
    }


@route("PUT", "/customers/{key:str}", scope="customers:write")
async def change_customer(call: Call) -> Json:
    """Change name, e-mail address or metadata. The DID never changes."""
    customer = await customer_of(call, call.path())
    data = call.body(CustomerChanges)
    await manage_customers.change_customer(
        db=call.db,
        workspace_id=call.workspace_id,
        customer_id=customer.id,
        name=data.name,
        email=UNSET if data.email is UNSET else data.email or None,
        metadata=UNSET if data.metadata is UNSET else pack(data.metadata or {}),
    )
    return await _with_balance(call, await customer_of(call, call.path()))


@route("GET", "/customers/{key:str}/overdue/invoices", scope="read")
async def overdue_invoices(call: Call) -> Json:
    """Credits are paid before they are granted, so there never is one."""
    customer = await customer_of(call, call.path())
    return {"customer": customer_view(call, customer), "invoices": [], "summary": {}}


routes = [list_customers, search_customers, retrieve_customer, change_customer, overdue_invoices]
