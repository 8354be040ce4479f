"""Customers: who may hold wallets."""

from typing import Annotated, ClassVar

from msgspec import UNSET, Meta, UnsetType, field

from replenish.api.v1.call import Call
from replenish.api.v1.routing import acts, changes, creates, reads
from replenish.api.v1.wire import Body, Cursor, Example, Limit, Metadata, Page, Shown, Time, before, page
from replenish.core.ids import CUSTOMER
from replenish.customers import queries
from replenish.customers.model import Customer
from replenish.flows import manage_customers

ExternalId = Annotated[
    str, Meta(min_length=1, max_length=255, description="Your own id for this customer; it never changes.")
]
Email = Annotated[
    str,
    Meta(
        max_length=254,
        description="The customer's e-mail address; several may have the same.",
        examples=["ann@example.com"],
    ),
]
CustomerName = Annotated[str, Meta(max_length=255, description="What the customer is called.")]


class NewCustomer(Body):
    EXAMPLE: ClassVar[Example] = {"external_id": "user_17", "email": "ann@example.com", "name": "Ann"}

    external_id: ExternalId
    email: Email | None = None
    name: CustomerName = ""
    metadata: Metadata = field(default_factory=dict)


class CustomerChanges(Body):
    MADE_BY = NewCustomer
    EXAMPLE: ClassVar[Example] = {"name": "Ann Example"}

    email: Email | UnsetType | None = UNSET
    name: CustomerName | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET


class CustomerView(Shown):
    id: str
    external_id: str
    email: str | None
    name: str
    metadata: Metadata
    # Frozen customers keep their credits and can neither spend nor buy.
    frozen_at: Time | None
    created_at: Time


def show(customer: Customer) -> CustomerView:
    return CustomerView(
        id=CUSTOMER.text(customer.id),
        external_id=customer.external_id,
        email=customer.email,
        name=customer.name,
        metadata=dict(customer.metadata),
        frozen_at=customer.frozen_at,
        created_at=customer.created_at,
    )


@creates("/customers", scope="customers:write")
async def create_customer(data: NewCustomer, call: Call) -> CustomerView:
    """Create a customer."""
    customer_id = await manage_customers.create_customer(
        db=call.db,
        workspace_id=call.workspace_id,
        external_id=data.external_id,
        email=data.email,
        name=data.name,
        metadata=data.metadata,
        request_key=call.request_key(data),
    )
    return show(await queries.customer(call.db, workspace_id=call.workspace_id, customer_id=customer_id))


@reads("/customers")
async def list_customers(
    call: Call,
    external_id: ExternalId | None = None,
    email: Email | None = None,
    limit: Limit = 20,
    cursor: Cursor | None = None,
) -> Page[CustomerView]:
    """List customers, newest first. E-mail addresses are compared without case."""
    if external_id is not None:
        found = await queries.customers_by_external_id(call.db, names=[(call.workspace_id, external_id)])
        return page(list(found.values()), limit=limit, show=show, id_of=lambda row: row.id)
    rows = await queries.customers(
        call.db, workspace_id=call.workspace_id, email=email, before=before(cursor), limit=limit + 1
    )
    return page(rows, limit=limit, show=show, id_of=lambda row: row.id)


@reads("/customers/{key:str}")
async def retrieve_customer(key: str, call: Call) -> CustomerView:
    """Retrieve a customer by its id or external id."""
    return show(await queries.find_customer(call.db, workspace_id=call.workspace_id, key=key))


@changes("/customers/{key:str}", scope="customers:write")
async def change_customer(key: str, data: CustomerChanges, call: Call) -> CustomerView:
    """Change a customer. The external id never changes; metadata is replaced as a whole."""
    found = await queries.find_customer(call.db, workspace_id=call.workspace_id, key=key)
    await manage_customers.change_customer(
        db=call.db,
        workspace_id=call.workspace_id,
        customer_id=found.id,
        email=data.email,
        name=data.name,
        metadata=data.metadata,
    )
    return show(await queries.customer(call.db, workspace_id=call.workspace_id, customer_id=found.id))


@acts("/customers/{key:str}/freeze", scope="customers:write")
async def freeze_customer(key: str, call: Call) -> CustomerView:
    """Freeze a customer with all wallets. Twice is once."""
    return await _set_frozen(key, call, frozen=True)


@acts("/customers/{key:str}/unfreeze", scope="customers:write")
async def unfreeze_customer(key: str, call: Call) -> CustomerView:
    """Unfreeze a customer. Wallets that were frozen by themselves stay so."""
    return await _set_frozen(key, call, frozen=False)


async def _set_frozen(key: str, call: Call, *, frozen: bool) -> CustomerView:
    found = await queries.find_customer(call.db, workspace_id=call.workspace_id, key=key)
    await manage_customers.freeze_customer(
        db=call.db, workspace_id=call.workspace_id, customer_id=found.id, frozen=frozen
    )
    return show(await queries.customer(call.db, workspace_id=call.workspace_id, customer_id=found.id))


routes = [
    create_customer,
    list_customers,
    retrieve_customer,
    change_customer,
    freeze_customer,
    unfreeze_customer,
]
