"""Reads of customers. Another workspace's customer is not found (law 16). Lists: newest first, ids below `before`."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from replenish.core.db import Reads
from replenish.core.errors import NotFound
from replenish.core.ids import CUSTOMER, CustomerId, WorkspaceId
from replenish.core.rows import row_to, rows_to
from replenish.customers import store
from replenish.customers.model import Customer


async def customer(db: Reads, *, workspace_id: WorkspaceId, customer_id: CustomerId) -> Customer:
    found = await store.customer(db, workspace_id, customer_id)
    if found is None:
        raise NotFound("customer")
    return row_to(Customer, found)


async def find_customer(db: Reads, *, workspace_id: WorkspaceId, key: str) -> Customer:
    """By id or external id. An external id that looks like one of our ids is found, too, when no id matches."""
    customer_id = CUSTOMER.try_parse(key)
    found = None if customer_id is None else await store.customer(db, workspace_id, customer_id)
    if found is None:
        found = await store.customer_by_external_id(db, workspace_id, key)
    if found is None:
        raise NotFound("customer")
    return row_to(Customer, found)


async def customers_by_external_id(
    db: Reads, *, names: Iterable[tuple[WorkspaceId, str]]
) -> Mapping[tuple[WorkspaceId, str], Customer]:
    """The customers of a batch of usage, of any workspaces, in one statement."""
    pairs = list(names)
    rows = await store.customers_by_external_id(db, [pair[0] for pair in pairs], [pair[1] for pair in pairs])
    return {(found.workspace_id, found.external_id): found for found in rows_to(Customer, rows)}


async def customers_by_id(
    db: Reads, *, workspace_id: WorkspaceId, ids: Iterable[CustomerId]
) -> Mapping[CustomerId, Customer]:
    rows = await store.customers_by_id(db, workspace_id, list(ids))
    return {found.id: found for found in rows_to(Customer, rows)}


async def customers(
    db: Reads,
    *,
    workspace_id: WorkspaceId,
    email: str | None = None,
    before: UUID | None = None,
    limit: int = 100,
) -> list[Customer]:
    return rows_to(Customer, await store.customers(db, workspace_id, email, before, limit))
