"""SQL of refunds."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Final

from asyncpg import Record

from replenish.core.db import Reads
from replenish.core.ids import CustomerId, RefundId, TopUpId, WorkspaceId
from replenish.core.transaction import Tx
from replenish.payments.model import Refund, RefundState

_REFUNDS: Final = "select r.*, c.code as currency from refunds r join payment_currencies c on c.id = r.currency_id"


async def insert(tx: Tx, refund: Refund, *, due_in: timedelta) -> None:
    await tx.execute(
        "insert into refunds (customer_id, id, workspace_id, top_up_id, payment_id, currency_id, amount, reason, actor,"
        " metadata, state, request_key, created_at, due_at)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, now() + $14::interval)",
        refund.customer_id,
        refund.id,
        refund.workspace_id,
        refund.top_up_id,
        refund.payment_id,
        refund.currency_id,
        refund.amount,
        refund.reason,
        refund.actor,
        dict(refund.metadata),
        refund.state,
        refund.request_key,
        refund.created_at,
        due_in,
    )


async def update(tx: Tx, refund: Refund, *, due_in: timedelta | None) -> None:
    """Write all that may change. `due_in` counts from the real clock; None = nothing left to learn."""
    await tx.execute(
        "update refunds set state = $3, outside_id = $4, failure_code = $5, failure_message = $6, credits = $7,"
        " credits_taken = $8, credits_lapsed = $9, credits_held = $10, credits_owed = $11, credits_written_off = $12,"
        " ended_at = $13, due_at = now() + $14::interval, looks = $15,"
        " unknown_since = case when $16 then coalesce(unknown_since, now()) end,"
        " escalated_at = case when $17 then coalesce(escalated_at, now()) end"
        " where customer_id = $1 and id = $2",
        refund.customer_id,
        refund.id,
        refund.state,
        refund.outside_id,
        refund.failure_code,
        refund.failure_message,
        refund.credits.value,
        refund.credits_taken.value,
        refund.credits_lapsed.value,
        refund.credits_held.value,
        refund.credits_owed.value,
        refund.credits_written_off.value,
        refund.ended_at,
        due_in,
        refund.looks,
        refund.unknown_since is not None,
        refund.escalated_at is not None,
    )


async def lock(tx: Tx, *, customer_id: CustomerId, top_up_id: TopUpId) -> Sequence[Record]:
    """All refunds of a top-up, oldest first."""
    return await tx.fetch(
        f"{_REFUNDS} where r.customer_id = $1 and r.top_up_id = $2 order by r.id for update of r",
        customer_id,
        top_up_id,
    )


async def refund_of(db: Reads, *, customer_id: CustomerId, refund_id: RefundId) -> Record | None:
    return await db.fetchrow(f"{_REFUNDS} where r.customer_id = $1 and r.id = $2", customer_id, refund_id)


async def refund(db: Reads, *, workspace_id: WorkspaceId, refund_id: RefundId) -> Record | None:
    return await db.fetchrow(f"{_REFUNDS} where r.workspace_id = $1 and r.id = $2", workspace_id, refund_id)


async def refunds(
    db: Reads,
    *,
    workspace_id: WorkspaceId,
    customer_id: CustomerId | None,
    top_up_id: TopUpId | None,
    states: Sequence[RefundState] | None,
    escalated: bool,
    before: RefundId | None,
    limit: int,
) -> Sequence[Record]:
    return await db.fetch(
        f"{_REFUNDS} where r.workspace_id = $1 and ($2::uuid is null or r.customer_id = $2)"
        " and ($3::uuid is null or r.top_up_id = $3) and ($4::text[] is null or r.state = any($4))"
        " and (not $5 or r.escalated_at is not null) and ($6::uuid is null or r.id < $6) order by r.id desc limit $7",
        workspace_id,
        customer_id,
        top_up_id,
        None if states is None else list(states),
        escalated,
        before,
        limit,
    )


async def claim_due(tx: Tx, *, limit: int, lease: timedelta) -> Sequence[Record]:
    """Take refunds whose next try is due, for as long as the lease lasts."""
    return await tx.fetch(
        "update refunds r set due_at = now() + $2::interval from (select customer_id, id from refunds"
        " where due_at <= now() order by due_at limit $1 for update skip locked) due"
        " where r.customer_id = due.customer_id and r.id = due.id returning r.customer_id, r.id as refund_id",
        limit,
        lease,
    )


async def add_to_payment(tx: Tx, *, refund: Refund, amount: Decimal) -> int:
    return await tx.execute(
        "update payments set refunded_amount = refunded_amount + $3 where customer_id = $1 and id = $2",
        refund.customer_id,
        refund.payment_id,
        amount,
    )
