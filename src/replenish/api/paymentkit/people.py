"""Customers by the names that the client uses for them: our id, or its own (a DID)."""

from collections.abc import Iterable, Mapping

from replenish.api.paymentkit.call import Call
from replenish.api.paymentkit.wire import Json, stamped_at, unpack
from replenish.core.errors import Conflict, Invalid, NotFound
from replenish.core.ids import CUSTOMER, CustomerId
from replenish.customers import queries as customers
from replenish.customers.model import Customer
from replenish.flows import manage_customers


async def customer_of(call: Call, key: str) -> Customer:
    """By id or the merchant's own id. Raises NotFound."""
    return await customers.find_customer(call.db, workspace_id=call.workspace_id, key=key)


async def customer_in(call: Call, key: str, *, field: str) -> Customer:
    """As `customer_of`, for a field of a body: a wrong one is a wrong field."""
    try:
        return await customer_of(call, key)
    except NotFound as error:
        raise Invalid(field, f"no such customer: {key}", code=error.own_code) from None


async def ensured_customer(call: Call, key: str) -> Customer:
    """Made when it is not there, as the original does; one of our own ids that nobody has is not made."""
    try:
        return await customer_of(call, key)
    except NotFound:
        if CUSTOMER.try_parse(key) is not None:
            raise
    try:
        await manage_customers.create_customer(db=call.db, workspace_id=call.workspace_id, external_id=key)
    except Conflict as taken:
        # Somebody else made it meanwhile.
        if taken.own_code != "external_id_taken":
            raise
    return await customer_of(call, key)


async def filtered_customer(call: Call) -> CustomerId | None:
    """Of a list's `customer_id` or `customer_did`. Raises NotFound."""
    key = call.text("customer_id") or call.text("customer_did")
    return None if key is None else (await customer_of(call, key)).id


async def people_of(call: Call, ids: Iterable[CustomerId]) -> Mapping[CustomerId, Customer]:
    return await customers.customers_by_id(call.db, workspace_id=call.workspace_id, ids=set(ids))


def customer_view(call: Call, customer: Customer) -> Json:
    return {
        "id": CUSTOMER.text(customer.id),
        "object": "customer",
        "livemode": call.livemode,
        "did": customer.external_id,
        "name": customer.name,
        "email": customer.email or "",
        "delinquent": customer.frozen_at is not None,
        "metadata": unpack(customer.metadata),
        **stamped_at(customer.created_at),
    }
