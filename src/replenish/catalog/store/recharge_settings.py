"""SQL of products' recharge settings."""

from asyncpg import Record

from replenish.catalog.model import RechargeSettings
from replenish.core.db import Reads
from replenish.core.ids import ProductId, WorkspaceId
from replenish.core.money import Credits
from replenish.core.transaction import Tx


async def recharge_settings(db: Reads, workspace_id: WorkspaceId, product_id: ProductId) -> Record | None:
    return await db.fetchrow(
        "select * from recharge_settings where workspace_id = $1 and product_id = $2", workspace_id, product_id
    )


async def upsert_recharge_settings(tx: Tx, settings: RechargeSettings) -> None:
    await tx.execute(
        "insert into recharge_settings (product_id, workspace_id, allowed, mode, threshold_default, threshold_min,"
        " threshold_max) values ($1, $2, $3, $4, $5, $6, $7) on conflict (product_id) do update set"
        " allowed = excluded.allowed, mode = excluded.mode, threshold_default = excluded.threshold_default,"
        " threshold_min = excluded.threshold_min, threshold_max = excluded.threshold_max",
        settings.product_id,
        settings.workspace_id,
        settings.allowed,
        settings.mode,
        _value(settings.threshold_default),
        _value(settings.threshold_min),
        _value(settings.threshold_max),
    )


def _value(amount: Credits | None) -> object:
    return None if amount is None else amount.value
