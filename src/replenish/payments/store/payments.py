"""SQL of payments and of the directory from a provider's object to our row."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from asyncpg import Record

from replenish.core.db import Reads
from replenish.core.ids import CheckoutSessionId, CustomerId, PaymentId, TopUpId, WorkspaceId
from replenish.core.transaction import Tx
from replenish.payments.model import Payment, PaymentState

_PAYMENTS: Final = "select p.*, c.code as currency from payments p join payment_currencies c on c.id = p.currency_id"


async def insert(tx: Tx, payment: Payment, *, due_in: timedelta) -> None:
    await tx.execute(
        "insert into payments (customer_id, id, workspace_id, top_up_id, provider, provider_account,"
        " payment_method_id, currency_id, amount, state, customer_present, return_url, created_at, due_at)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, now() + $14::interval)",
        payment.customer_id,
        payment.id,
        payment.workspace_id,
        payment.top_up_id,
        payment.provider,
        payment.provider_account,
        payment.payment_method_id,
        payment.currency_id,
        payment.amount,
        payment.state,
        payment.customer_present,
        payment.return_url,
        payment.created_at,
        due_in,
    )


async def update(tx: Tx, payment: Payment, *, due_in: timedelta | None) -> None:
    """Write all that may change. `due_in` counts from the real clock; None = nothing left to learn."""
    await tx.execute(
        "update payments set state = $3, outside_id = $4, page_url = $5, decline_code = $6, decline_permanent = $7,"
        " refunded_amount = $8, refund_outside_id = $9, submitted_at = $10, settled_at = $11, ended_at = $12,"
        " due_at = now() + $13::interval, looks = $14,"
        " unknown_since = case when $15 then coalesce(unknown_since, now()) end,"
        " escalated_at = case when $16 then coalesce(escalated_at, now()) end"
        " where customer_id = $1 and id = $2",
        payment.customer_id,
        payment.id,
        payment.state,
        payment.outside_id,
        payment.page_url,
        payment.decline_code,
        payment.decline_permanent,
        payment.refunded_amount,
        payment.refund_outside_id,
        payment.submitted_at,
        payment.settled_at,
        payment.ended_at,
        due_in,
        payment.looks,
        payment.unknown_since is not None,
        payment.escalated_at is not None,
    )


async def lock(tx: Tx, *, customer_id: CustomerId, top_up_id: TopUpId) -> Sequence[Record]:
    """All payments of a top-up, in order of their ids."""
    return await tx.fetch(
        f"{_PAYMENTS} where p.customer_id = $1 and p.top_up_id = $2 order by p.id for update of p",
        customer_id,
        top_up_id,
    )


async def payment_of(db: Reads, *, customer_id: CustomerId, payment_id: PaymentId) -> Record | None:
    return await db.fetchrow(f"{_PAYMENTS} where p.customer_id = $1 and p.id = $2", customer_id, payment_id)


async def payment(db: Reads, *, workspace_id: WorkspaceId, payment_id: PaymentId) -> Record | None:
    return await db.fetchrow(f"{_PAYMENTS} where p.workspace_id = $1 and p.id = $2", workspace_id, payment_id)


async def payments_of_top_up(db: Reads, *, customer_id: CustomerId, top_up_id: TopUpId) -> Sequence[Record]:
    return await db.fetch(
        f"{_PAYMENTS} where p.customer_id = $1 and p.top_up_id = $2 order by p.id", customer_id, top_up_id
    )


async def payments(
    db: Reads,
    *,
    workspace_id: WorkspaceId,
    customer_id: CustomerId | None,
    states: Sequence[PaymentState] | None,
    escalated: bool,
    before: PaymentId | None,
    limit: int,
) -> Sequence[Record]:
    return await db.fetch(
        f"{_PAYMENTS} where p.workspace_id = $1 and ($2::uuid is null or p.customer_id = $2)"
        " and ($3::text[] is null or p.state = any($3)) and (not $4 or p.escalated_at is not null)"
        " and ($5::uuid is null or p.id < $5) order by p.id desc limit $6",
        workspace_id,
        customer_id,
        None if states is None else list(states),
        escalated,
        before,
        limit,
    )


async def claim_due(tx: Tx, *, limit: int, lease: timedelta) -> Sequence[Record]:
    """Take payments whose next look is due, for as long as the lease lasts."""
    return await tx.fetch(
        "update payments p set due_at = now() + $2::interval from (select customer_id, id from payments"
        " where due_at <= now() order by due_at limit $1 for update skip locked) due"
        " where p.customer_id = due.customer_id and p.id = due.id returning p.customer_id, p.id as payment_id",
        limit,
        lease,
    )


async def insert_outside_object(
    tx: Tx,
    *,
    provider_account: str,
    outside_id: str,
    customer_id: CustomerId,
    payment_id: PaymentId | None,
    checkout_session_id: CheckoutSessionId | None,
) -> None:
    await tx.execute(
        "insert into outside_objects (provider_account, outside_id, customer_id, payment_id, checkout_session_id)"
        " values ($1, $2, $3, $4, $5) on conflict do nothing",
        provider_account,
        outside_id,
        customer_id,
        payment_id,
        checkout_session_id,
    )


async def outside_object(db: Reads, *, provider_account: str, outside_id: str) -> Record | None:
    return await db.fetchrow(
        "select customer_id, payment_id, checkout_session_id from outside_objects"
        " where provider_account = $1 and outside_id = $2",
        provider_account,
        outside_id,
    )
