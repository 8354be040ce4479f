"""Writes of customers. Called by flows, inside their transaction."""

from datetime import datetime
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from replenish.core.errors import Conflict, NotFound
from replenish.core.ids import CustomerId, WorkspaceId
from replenish.core.metadata import Metadata, clean_metadata
from replenish.core.rows import row_to
from replenish.core.text import clean_email, clean_text
from replenish.core.transaction import Tx
from replenish.customers import store
from replenish.customers.model import Customer

EXTERNAL_ID_LONGEST: Final = 255
NAME_LONGEST: Final = 255


async def create_customer(
    tx: Tx,
    *,
    customer_id: CustomerId,
    workspace_id: WorkspaceId,
    external_id: str,
    email: str | None,
    name: str,
    metadata: Metadata,
    now: datetime,
) -> Customer:
    """Raises Invalid(external_id | email | name | metadata), Conflict(external_id_taken)."""
    clean_text(external_id, field="external_id", longest=EXTERNAL_ID_LONGEST, shortest=1)
    if email is not None:
        clean_email(email, field="email")
    clean_text(name, field="name", longest=NAME_LONGEST)
    clean_metadata(metadata)
    made = Customer(
        id=customer_id,
        workspace_id=workspace_id,
        external_id=external_id,
        email=email,
        name=name,
        metadata=metadata,
        frozen_at=None,
        created_at=now,
    )
    if await store.insert_customer(tx, made) is None:
        raise Conflict(
            "A customer with this external_id exists already.",
            code="external_id_taken",
            numbers={"field": "external_id"},
        )
    return made


async def change_customer(
    tx: Tx,
    *,
    workspace_id: WorkspaceId,
    customer_id: CustomerId,
    email: str | UnsetType | None = UNSET,
    name: str | UnsetType = UNSET,
    metadata: Metadata | UnsetType = UNSET,
) -> Customer:
    """Change what is given, keep the rest; metadata is replaced as a whole. Raises NotFound, Invalid."""
    found = await store.lock_customer(tx, workspace_id, customer_id)
    if found is None:
        raise NotFound("customer")
    old = row_to(Customer, found)
    if isinstance(email, str):
        clean_email(email, field="email")
    if name is not UNSET:
        clean_text(name, field="name", longest=NAME_LONGEST)
    if metadata is not UNSET:
        clean_metadata(metadata)
    changed = msgspec.structs.replace(
        old,
        email=old.email if email is UNSET else email,
        name=old.name if name is UNSET else name,
        metadata=old.metadata if metadata is UNSET else metadata,
    )
    await store.update_customer(tx, changed)
    return changed


async def set_frozen(tx: Tx, *, workspace_id: WorkspaceId, customer_id: CustomerId, frozen: bool) -> Customer:
    """Freeze or unfreeze; twice is once. The flow tells the wallets in the same transaction."""
    found = await store.set_frozen(tx, workspace_id, customer_id, frozen=frozen)
    if found is None:
        raise NotFound("customer")
    return row_to(Customer, found)
