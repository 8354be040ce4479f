"""SQL of top-ups."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from asyncpg import Record

from replenish.core.db import Reads
from replenish.core.ids import CustomerId, LotId, TopUpId, WalletId, WorkspaceId
from replenish.core.metadata import Metadata
from replenish.core.transaction import Tx
from replenish.topups.model import TopUp, TopUpState

_TOP_UPS: Final = "select t.*, c.code as currency from top_ups t join payment_currencies c on c.id = t.currency_id"


async def insert(tx: Tx, top_up: TopUp) -> None:
    await tx.execute(
        "insert into top_ups (customer_id, id, workspace_id, wallet_id, number, origin, state, price_id, product_id,"
        " product_name, quantity, currency_id, amount, credit_currency_id, credit_amount, credit_priority,"
        " valid_duration_value, valid_duration_unit, credit_scope, payment_method_id, checkout_session_id,"
        " recharge_attempt_id, save_method, metadata, request_key, created_at)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,"
        " $23, $24, $25, $26)",
        top_up.customer_id,
        top_up.id,
        top_up.workspace_id,
        top_up.wallet_id,
        top_up.number,
        top_up.origin,
        top_up.state,
        top_up.price_id,
        top_up.product_id,
        top_up.product_name,
        top_up.quantity,
        top_up.currency_id,
        top_up.amount,
        top_up.credit_currency_id,
        top_up.credit_amount.value,
        top_up.credit_priority,
        top_up.valid_duration_value,
        top_up.valid_duration_unit,
        list(top_up.credit_scope),
        top_up.payment_method_id,
        top_up.checkout_session_id,
        top_up.recharge_attempt_id,
        top_up.save_method,
        dict(top_up.metadata),
        top_up.request_key,
        top_up.created_at,
    )


async def lock(tx: Tx, *, customer_id: CustomerId, top_up_id: TopUpId) -> Record | None:
    return await tx.fetchrow(
        f"{_TOP_UPS} where t.customer_id = $1 and t.id = $2 for update of t", customer_id, top_up_id
    )


async def set_state(
    tx: Tx,
    *,
    customer_id: CustomerId,
    top_up_id: TopUpId,
    state: TopUpState,
    settled_at: datetime | None,
    ended_at: datetime | None,
    lot_id: LotId | None,
) -> None:
    await tx.execute(
        "update top_ups set state = $3, settled_at = $4, ended_at = $5, lot_id = $6 where customer_id = $1 and id = $2",
        customer_id,
        top_up_id,
        state,
        settled_at,
        ended_at,
        lot_id,
    )


async def add_refund(tx: Tx, *, customer_id: CustomerId, top_up_id: TopUpId, amount: Decimal) -> int:
    return await tx.execute(
        "update top_ups set refunded_amount = refunded_amount + $3 where customer_id = $1 and id = $2",
        customer_id,
        top_up_id,
        amount,
    )


async def top_up(db: Reads, *, workspace_id: WorkspaceId, top_up_id: TopUpId) -> Record | None:
    return await db.fetchrow(f"{_TOP_UPS} where t.workspace_id = $1 and t.id = $2", workspace_id, top_up_id)


async def top_up_of(db: Reads, *, customer_id: CustomerId, top_up_id: TopUpId) -> Record | None:
    return await db.fetchrow(f"{_TOP_UPS} where t.customer_id = $1 and t.id = $2", customer_id, top_up_id)


async def top_ups(
    db: Reads,
    *,
    workspace_id: WorkspaceId,
    customer_id: CustomerId | None,
    states: Sequence[TopUpState] | None,
    before: TopUpId | None,
    limit: int,
) -> Sequence[Record]:
    return await db.fetch(
        f"{_TOP_UPS} where t.workspace_id = $1 and ($2::uuid is null or t.customer_id = $2)"
        " and ($3::text[] is null or t.state = any($3)) and ($4::uuid is null or t.id < $4)"
        " order by t.id desc limit $5",
        workspace_id,
        customer_id,
        None if states is None else list(states),
        before,
        limit,
    )


async def pending(db: Reads, *, customer_id: CustomerId, wallet_id: WalletId) -> Decimal | None:
    found = await db.fetchval(
        "select sum(credit_amount) from top_ups where customer_id = $1 and wallet_id = $2 and state in ('open', 'submitted')"
        " and state = 'submitted'",
        customer_id,
        wallet_id,
    )
    return found if isinstance(found, Decimal) else None


async def set_metadata(tx: Tx, *, workspace_id: WorkspaceId, top_up_id: TopUpId, metadata: Metadata) -> int:
    return await tx.execute(
        "update top_ups set metadata = $3 where workspace_id = $1 and id = $2", workspace_id, top_up_id, dict(metadata)
    )
