"""Customers: made, changed, frozen."""

from typing import Final

from msgspec import UNSET, UnsetType

from replenish.access import operations as access
from replenish.access import queries as workspaces
from replenish.access.model import RequestKey
from replenish.audit import operations as audit
from replenish.audit.model import Actor, Change
from replenish.core.db import Database
from replenish.core.ids import CUSTOMER, CustomerId, WorkspaceId
from replenish.core.metadata import Metadata
from replenish.core.transaction import Tx, transaction
from replenish.customers import operations as customers
from replenish.customers import queries
from replenish.customers.model import Customer
from replenish.notifications import operations as notifications
from replenish.notifications.model import NewEvent
from replenish.wallets import operations as wallets

CREATED: Final = 201


async def create_customer(
    *,
    db: Database,
    workspace_id: WorkspaceId,
    external_id: str,
    email: str | None = None,
    name: str = "",
    metadata: Metadata | None = None,
    request_key: RequestKey | None = None,
) -> CustomerId:
    """Raises Invalid(external_id | email | name | metadata), Conflict(external_id_taken)."""
    customer_id = CUSTOMER.new()
    async with transaction(db) as tx:
        made = await access.claim_request_key(tx, request_key, customer_id, CREATED)
        if made is not None:
            return CustomerId(made)
        customer = await customers.create_customer(
            tx,
            customer_id=customer_id,
            workspace_id=workspace_id,
            external_id=external_id,
            email=email,
            name=name,
            metadata=metadata or {},
            now=await workspaces.now(tx, workspace_id),
        )
        await _tell(tx, customer, "customer.created")
    return customer_id


async def change_customer(
    *,
    db: Database,
    workspace_id: WorkspaceId,
    customer_id: CustomerId,
    email: str | UnsetType | None = UNSET,
    name: str | UnsetType = UNSET,
    metadata: Metadata | UnsetType = UNSET,
) -> None:
    """Change what is given, keep the rest; metadata is replaced as a whole. Raises NotFound, Invalid."""
    async with transaction(db) as tx:
        customer = await customers.change_customer(
            tx, workspace_id=workspace_id, customer_id=customer_id, email=email, name=name, metadata=metadata
        )
        await _tell(tx, customer, "customer.updated")


async def freeze_customer(
    *, db: Database, workspace_id: WorkspaceId, customer_id: CustomerId, frozen: bool, actor: Actor | None = None
) -> None:
    """Freeze or unfreeze with all wallets; twice is once. Raises NotFound. `actor`: the operator, for the audit."""
    async with transaction(db) as tx:
        await wallets.lock_customer_wallets(tx, customer_id=customer_id)
        before = await queries.customer(tx, workspace_id=workspace_id, customer_id=customer_id)
        customer = await customers.set_frozen(tx, workspace_id=workspace_id, customer_id=customer_id, frozen=frozen)
        await wallets.freeze_customer_wallets(tx, customer_id=customer_id, frozen_at=customer.frozen_at)
        type_ = "customer.frozen" if frozen else "customer.unfrozen"
        change = Change(
            action=type_,
            object_type="customer",
            object_id=customer_id,
            object_name=customer.external_id,
            before={"frozen": _yes_or_no(before)},
            after={"frozen": _yes_or_no(customer)},
        )
        await audit.record(tx, workspace_id=workspace_id, actor=actor, change=change)
        await _tell(tx, customer, type_)


def _yes_or_no(customer: Customer) -> str:
    return "no" if customer.frozen_at is None else "yes"


async def _tell(tx: Tx, customer: Customer, type_: str) -> None:
    event = NewEvent(
        workspace_id=customer.workspace_id,
        customer_id=customer.id,
        type=type_,
        object_type="customer",
        object_id=customer.id,
        data={"customer_id": CUSTOMER.text(customer.id), "external_id": customer.external_id},
    )
    await notifications.emit(tx, [event])
