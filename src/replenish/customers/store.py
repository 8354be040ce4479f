"""SQL of customers. Each read names the workspace (law 16)."""

from collections.abc import Sequence
from uuid import UUID

from asyncpg import Record

from replenish.core.db import Reads
from replenish.core.ids import CustomerId, WorkspaceId
from replenish.core.transaction import Tx
from replenish.customers.model import Customer


async def insert_customer(tx: Tx, customer: Customer) -> Record | None:
    return await tx.fetchrow(
        "insert into customers (id, workspace_id, external_id, email, name, metadata, created_at)"
        " values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing returning id",
        customer.id,
        customer.workspace_id,
        customer.external_id,
        customer.email,
        customer.name,
        customer.metadata,
        customer.created_at,
    )


async def customer(db: Reads, workspace_id: WorkspaceId, customer_id: CustomerId) -> Record | None:
    return await db.fetchrow("select * from customers where workspace_id = $1 and id = $2", workspace_id, customer_id)


async def customer_by_external_id(db: Reads, workspace_id: WorkspaceId, external_id: str) -> Record | None:
    return await db.fetchrow(
        "select * from customers where workspace_id = $1 and external_id = $2", workspace_id, external_id
    )


async def customers_by_external_id(
    db: Reads, workspace_ids: Sequence[WorkspaceId], external_ids: Sequence[str]
) -> Sequence[Record]:
    return await db.fetch(
        "select c.* from customers c join (select distinct * from unnest($1::uuid[], $2::text[]) as n (w, e)) n"
        " on c.workspace_id = n.w and c.external_id = n.e",
        list(workspace_ids),
        list(external_ids),
    )


async def customers_by_id(db: Reads, workspace_id: WorkspaceId, ids: Sequence[CustomerId]) -> Sequence[Record]:
    return await db.fetch("select * from customers where workspace_id = $1 and id = any($2)", workspace_id, list(ids))


async def customers(
    db: Reads, workspace_id: WorkspaceId, email: str | None, before: UUID | None, limit: int
) -> Sequence[Record]:
    return await db.fetch(
        "select * from customers where workspace_id = $1 and ($2::text is null or lower(email) = lower($2))"
        " and ($3::uuid is null or id < $3) order by id desc limit $4",
        workspace_id,
        email,
        before,
        limit,
    )


async def lock_customer(tx: Tx, workspace_id: WorkspaceId, customer_id: CustomerId) -> Record | None:
    return await tx.fetchrow(
        "select * from customers where workspace_id = $1 and id = $2 for update", workspace_id, customer_id
    )


async def update_customer(tx: Tx, customer: Customer) -> None:
    await tx.execute(
        "update customers set email = $3, name = $4, metadata = $5 where workspace_id = $1 and id = $2",
        customer.workspace_id,
        customer.id,
        customer.email,
        customer.name,
        customer.metadata,
    )


async def set_frozen(tx: Tx, workspace_id: WorkspaceId, customer_id: CustomerId, *, frozen: bool) -> Record | None:
    """Freezing twice keeps the first time."""
    return await tx.fetchrow(
        "update customers set frozen_at = case when $3 then coalesce(frozen_at, now()) end"
        " where workspace_id = $1 and id = $2 returning *",
        workspace_id,
        customer_id,
        frozen,
    )
