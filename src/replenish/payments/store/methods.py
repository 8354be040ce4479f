"""SQL of saved payment methods."""

from collections.abc import Sequence

from asyncpg import Record

from replenish.core.db import Reads
from replenish.core.ids import CustomerId, PaymentMethodId, WorkspaceId
from replenish.core.transaction import Tx
from replenish.payments.provider import MethodDetails


async def lock_of_customer(tx: Tx, *, customer_id: CustomerId) -> Sequence[Record]:
    """All methods of a customer, in order of their ids: whoever changes the default holds them all."""
    return await tx.fetch("select * from payment_methods where customer_id = $1 order by id for update", customer_id)


async def insert(
    tx: Tx,
    *,
    method_id: PaymentMethodId,
    workspace_id: WorkspaceId,
    customer_id: CustomerId,
    provider: str,
    provider_account: str,
    details: MethodDetails,
) -> Record | None:
    """None when this method is saved already."""
    return await tx.fetchrow(
        "insert into payment_methods (customer_id, id, workspace_id, provider, provider_account, outside_id,"
        " outside_customer_id, kind, brand, last4, expires_month, expires_year, fingerprint)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) on conflict do nothing returning id",
        customer_id,
        method_id,
        workspace_id,
        provider,
        provider_account,
        details.outside_id,
        details.outside_customer_id,
        details.kind,
        details.brand,
        details.last4,
        details.expires_month,
        details.expires_year,
        details.fingerprint,
    )


async def set_default(tx: Tx, *, customer_id: CustomerId, method_id: PaymentMethodId | None) -> None:
    """Two statements: a unique index is checked row by row, so the old default goes first."""
    await tx.execute("update payment_methods set is_default = false where customer_id = $1 and is_default", customer_id)
    if method_id is not None:
        await tx.execute(
            "update payment_methods set is_default = true where customer_id = $1 and id = $2 and detached_at is null",
            customer_id,
            method_id,
        )


async def detach(tx: Tx, *, customer_id: CustomerId, method_id: PaymentMethodId) -> None:
    await tx.execute(
        "update payment_methods set detached_at = now(), is_default = false"
        " where customer_id = $1 and id = $2 and detached_at is null",
        customer_id,
        method_id,
    )


async def method(db: Reads, *, customer_id: CustomerId, method_id: PaymentMethodId) -> Record | None:
    return await db.fetchrow("select * from payment_methods where customer_id = $1 and id = $2", customer_id, method_id)


async def method_in(db: Reads, *, workspace_id: WorkspaceId, method_id: PaymentMethodId) -> Record | None:
    return await db.fetchrow(
        "select * from payment_methods where workspace_id = $1 and id = $2", workspace_id, method_id
    )


async def methods(
    db: Reads,
    *,
    workspace_id: WorkspaceId,
    customer_id: CustomerId | None,
    before: PaymentMethodId | None,
    limit: int,
) -> Sequence[Record]:
    """Attached ones only, newest first."""
    return await db.fetch(
        "select * from payment_methods where workspace_id = $1 and ($2::uuid is null or customer_id = $2)"
        " and detached_at is null and ($3::uuid is null or id < $3) order by id desc limit $4",
        workspace_id,
        customer_id,
        before,
        limit,
    )
