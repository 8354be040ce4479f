"""SQL of payment currencies and their recharge config."""

from collections.abc import Sequence
from uuid import UUID

from asyncpg import Record

from replenish.catalog.model import PaymentCurrency, RechargeConfig
from replenish.core.db import Reads
from replenish.core.ids import CurrencyId, PaymentLinkId, PriceId, WorkspaceId
from replenish.core.transaction import Tx


async def insert_currency(tx: Tx, currency: PaymentCurrency) -> Record | None:
    return await tx.fetchrow(
        "insert into payment_currencies (id, workspace_id, type, code, lookup_key, name, symbol, decimals,"
        " overdraft_policy, overdraft_limit, metadata, created_at)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) on conflict do nothing returning id",
        currency.id,
        currency.workspace_id,
        currency.type,
        currency.code,
        currency.lookup_key,
        currency.name,
        currency.symbol,
        currency.decimals,
        currency.overdraft_policy,
        None if currency.overdraft_limit is None else currency.overdraft_limit.value,
        currency.metadata,
        currency.created_at,
    )


async def currency(db: Reads, workspace_id: WorkspaceId, currency_id: CurrencyId) -> Record | None:
    return await db.fetchrow(
        "select * from payment_currencies where workspace_id = $1 and id = $2", workspace_id, currency_id
    )


async def currency_by_key(db: Reads, workspace_id: WorkspaceId, key: str) -> Record | None:
    return await db.fetchrow(
        "select * from payment_currencies where workspace_id = $1 and (code = $2 or lookup_key = $2)"
        " order by code nulls last limit 1",
        workspace_id,
        key,
    )


async def currencies_by_id(db: Reads, workspace_id: WorkspaceId, ids: Sequence[CurrencyId]) -> Sequence[Record]:
    return await db.fetch(
        "select * from payment_currencies where workspace_id = $1 and id = any($2)", workspace_id, list(ids)
    )


async def currencies(
    db: Reads, workspace_id: WorkspaceId, type_: str | None, active: bool | None, before: UUID | None, limit: int
) -> Sequence[Record]:
    return await db.fetch(
        "select * from payment_currencies where workspace_id = $1 and ($2::text is null or type = $2)"
        " and ($3::boolean is null or active = $3) and ($4::uuid is null or id < $4) order by id desc limit $5",
        workspace_id,
        type_,
        active,
        before,
        limit,
    )


async def lock_currency(tx: Tx, workspace_id: WorkspaceId, currency_id: CurrencyId) -> Record | None:
    return await tx.fetchrow(
        "select * from payment_currencies where workspace_id = $1 and id = $2 for update", workspace_id, currency_id
    )


async def update_currency(tx: Tx, currency: PaymentCurrency) -> None:
    await tx.execute(
        "update payment_currencies set name = $3, symbol = $4, active = $5, overdraft_policy = $6,"
        " overdraft_limit = $7, metadata = $8, lookup_key = $9 where workspace_id = $1 and id = $2",
        currency.workspace_id,
        currency.id,
        currency.name,
        currency.symbol,
        currency.active,
        currency.overdraft_policy,
        None if currency.overdraft_limit is None else currency.overdraft_limit.value,
        currency.metadata,
        currency.lookup_key,
    )


async def set_recharge_config(
    tx: Tx, workspace_id: WorkspaceId, currency_id: CurrencyId, config: RechargeConfig | None
) -> None:
    await tx.execute(
        "update payment_currencies set base_price_id = $3, recharge_payment_link_id = $4, recharge_checkout_url = $5,"
        " recharge_amount_min = $6, recharge_amount_max = $7 where workspace_id = $1 and id = $2",
        workspace_id,
        currency_id,
        *(
            (None, None, None, None, None)
            if config is None
            else (
                config.base_price_id,
                config.payment_link_id,
                config.checkout_url,
                config.amount_min,
                config.amount_max,
            )
        ),
    )


async def recharged_by_price(db: Reads, workspace_id: WorkspaceId, price_ids: Sequence[PriceId]) -> Record | None:
    """A credit currency whose recharge config names one of these prices."""
    return await db.fetchrow(
        "select * from payment_currencies where workspace_id = $1 and base_price_id = any($2) limit 1",
        workspace_id,
        list(price_ids),
    )


async def recharged_by_link(db: Reads, workspace_id: WorkspaceId, link_id: PaymentLinkId) -> Record | None:
    return await db.fetchrow(
        "select * from payment_currencies where workspace_id = $1 and recharge_payment_link_id = $2 limit 1",
        workspace_id,
        link_id,
    )
