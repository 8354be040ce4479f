"""SQL of prices and their options."""

from collections.abc import Sequence
from uuid import UUID

from asyncpg import Record

from replenish.catalog.model import Price
from replenish.core.db import Reads
from replenish.core.ids import CurrencyId, PriceId, ProductId, WorkspaceId
from replenish.core.transaction import Tx

_PRICES = (
    "select p.*, array_prepend(c.code, o.codes) as option_codes,"
    " array_prepend(c.decimals, o.decimals) as option_decimals,"
    " array_prepend(p.currency_id, o.ids) as option_ids, array_prepend(p.unit_amount, o.amounts) as option_amounts"
    " from prices p join payment_currencies c on c.id = p.currency_id left join lateral ("
    " select array_agg(oc.code order by oc.code) as codes, array_agg(oc.decimals order by oc.code) as decimals,"
    " array_agg(oc.id order by oc.code) as ids, array_agg(po.unit_amount order by oc.code) as amounts"
    " from price_options po join payment_currencies oc on oc.id = po.currency_id where po.price_id = p.id) o on true"
)


async def insert_price(tx: Tx, price: Price) -> Record | None:
    config = price.credit_config
    inserted = await tx.fetchrow(
        "insert into prices (id, workspace_id, product_id, nickname, lookup_key, currency_id, unit_amount,"
        " quantity_max, credit_currency_id, credit_amount, credit_priority, valid_duration_value, valid_duration_unit,"
        " credit_scope, meter_id, metadata, created_at)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"
        " on conflict do nothing returning id",
        price.id,
        price.workspace_id,
        price.product_id,
        price.nickname,
        price.lookup_key,
        price.base.currency_id,
        price.base.unit_amount,
        price.quantity_max,
        None if config is None else config.currency_id,
        None if config is None else config.amount.value,
        50 if config is None else config.priority,
        0 if config is None else config.valid_duration_value,
        "days" if config is None else config.valid_duration_unit,
        [] if config is None else list(config.scope),
        price.meter_id,
        price.metadata,
        price.created_at,
    )
    if inserted is not None and len(price.options) > 1:
        await tx.execute(
            "insert into price_options (price_id, currency_id, unit_amount)"
            " select $1, * from unnest($2::uuid[], $3::numeric[])",
            price.id,
            [option.currency_id for option in price.options[1:]],
            [option.unit_amount for option in price.options[1:]],
        )
    return inserted


async def price(db: Reads, workspace_id: WorkspaceId, price_id: PriceId) -> Record | None:
    return await db.fetchrow(f"{_PRICES} where p.workspace_id = $1 and p.id = $2", workspace_id, price_id)


async def price_by_key(db: Reads, workspace_id: WorkspaceId, key: str) -> Record | None:
    return await db.fetchrow(f"{_PRICES} where p.workspace_id = $1 and p.lookup_key = $2", workspace_id, key)


async def prices_by_id(db: Reads, workspace_id: WorkspaceId, ids: Sequence[PriceId]) -> Sequence[Record]:
    return await db.fetch(f"{_PRICES} where p.workspace_id = $1 and p.id = any($2)", workspace_id, list(ids))


async def prices(
    db: Reads,
    workspace_id: WorkspaceId,
    product_id: ProductId | None,
    credit_currency_id: CurrencyId | None,
    active: bool | None,
    before: UUID | None,
    limit: int,
) -> Sequence[Record]:
    return await db.fetch(
        f"{_PRICES} where p.workspace_id = $1 and ($2::uuid is null or p.product_id = $2)"
        " and ($3::uuid is null or p.credit_currency_id = $3) and ($4::boolean is null or p.active = $4)"
        " and ($5::uuid is null or p.id < $5) order by p.id desc limit $6",
        workspace_id,
        product_id,
        credit_currency_id,
        active,
        before,
        limit,
    )


async def newest_version(db: Reads, workspace_id: WorkspaceId, price_id: PriceId) -> object:
    return await db.fetchval(
        "with recursive versions as (select id, superseded_by from prices where workspace_id = $1 and id = $2"
        " union select p.id, p.superseded_by from versions join prices p on p.id = versions.superseded_by)"
        " select id from versions where superseded_by is null",
        workspace_id,
        price_id,
    )


async def price_ids_of_product(db: Reads, workspace_id: WorkspaceId, product_id: ProductId) -> Sequence[Record]:
    return await db.fetch("select id from prices where workspace_id = $1 and product_id = $2", workspace_id, product_id)


async def lock_price(tx: Tx, workspace_id: WorkspaceId, price_id: PriceId) -> bool:
    found = await tx.fetchval(
        "select true from prices where workspace_id = $1 and id = $2 for update", workspace_id, price_id
    )
    return found is True


async def supersede(tx: Tx, workspace_id: WorkspaceId, price_id: PriceId, newer_id: PriceId) -> int:
    return await tx.execute(
        "update prices set superseded_by = $3 where workspace_id = $1 and id = $2", workspace_id, price_id, newer_id
    )


async def update_price(tx: Tx, price: Price) -> None:
    await tx.execute(
        "update prices set nickname = $3, active = $4, quantity_max = $5, metadata = $6, lookup_key = $7,"
        " superseded_by = $8 where workspace_id = $1 and id = $2",
        price.workspace_id,
        price.id,
        price.nickname,
        price.active,
        price.quantity_max,
        price.metadata,
        price.lookup_key,
        price.superseded_by,
    )
