"""Payment currencies and their recharge configs."""

from typing import Final

from msgspec import UNSET, UnsetType

from replenish.access import operations as access
from replenish.access import queries as workspaces
from replenish.access.model import RequestKey
from replenish.catalog import operations as catalog
from replenish.catalog.model import CurrencyType, OverdraftPolicy
from replenish.core.db import Database
from replenish.core.ids import CURRENCY, CurrencyId, PaymentLinkId, PriceId, WorkspaceId
from replenish.core.metadata import Metadata
from replenish.core.transaction import transaction

CREATED: Final = 201


async def create_currency(
    *,
    db: Database,
    workspace_id: WorkspaceId,
    name: str,
    type_: CurrencyType = "credit",
    symbol: str | None = None,
    code: str | None = None,
    lookup_key: str | None = None,
    decimals: int | None = None,
    overdraft_policy: OverdraftPolicy = "none",
    overdraft_limit: str | None = None,
    metadata: Metadata | None = None,
    request_key: RequestKey | None = None,
) -> CurrencyId:
    """Raises Invalid naming the field, Taken(code | lookup_key)."""
    currency_id = CURRENCY.new()
    async with transaction(db) as tx:
        made = await access.claim_request_key(tx, request_key, currency_id, CREATED)
        if made is not None:
            return CurrencyId(made)
        await catalog.create_currency(
            tx,
            currency_id=currency_id,
            workspace_id=workspace_id,
            type_=type_,
            name=name,
            symbol=symbol,
            code=code,
            lookup_key=lookup_key,
            decimals=decimals,
            overdraft_policy=overdraft_policy,
            overdraft_limit=overdraft_limit,
            metadata=metadata,
            now=await workspaces.now(tx, workspace_id),
        )
    return currency_id


async def change_currency(
    *,
    db: Database,
    workspace_id: WorkspaceId,
    currency_id: CurrencyId,
    name: str | UnsetType = UNSET,
    symbol: str | UnsetType = UNSET,
    active: bool | UnsetType = UNSET,
    overdraft_policy: OverdraftPolicy | UnsetType = UNSET,
    overdraft_limit: str | UnsetType | None = UNSET,
    lookup_key: str | UnsetType | None = UNSET,
    metadata: Metadata | UnsetType = UNSET,
) -> None:
    """Code and decimals never change. Raises NotFound, Invalid, StillUsed while an active meter charges in it."""
    async with transaction(db) as tx:
        await catalog.change_currency(
            tx,
            workspace_id=workspace_id,
            currency_id=currency_id,
            name=name,
            symbol=symbol,
            active=active,
            overdraft_policy=overdraft_policy,
            overdraft_limit=overdraft_limit,
            lookup_key=lookup_key,
            metadata=metadata,
        )


async def update_recharge_config(
    *,
    db: Database,
    workspace_id: WorkspaceId,
    currency_id: CurrencyId,
    base_price_id: PriceId,
    payment_link_id: PaymentLinkId | None = None,
    checkout_url: str | None = None,
    min_recharge_amount: str | None = None,
    max_recharge_amount: str | None = None,
) -> None:
    """What a customer buys to top this credit currency up; replaces the old config as a whole.

    Raises NotFound, Mismatched(base_price_id | payment_link_id | currency_id), Invalid.
    """
    async with transaction(db) as tx:
        await catalog.set_recharge_config(
            tx,
            workspace_id=workspace_id,
            currency_id=currency_id,
            base_price_id=base_price_id,
            payment_link_id=payment_link_id,
            checkout_url=checkout_url,
            amount_min=min_recharge_amount,
            amount_max=max_recharge_amount,
            now=await workspaces.now(tx, workspace_id),
        )


async def remove_recharge_config(*, db: Database, workspace_id: WorkspaceId, currency_id: CurrencyId) -> None:
    """Customers can no longer buy this credit currency to top up. Twice is once. Raises NotFound."""
    async with transaction(db) as tx:
        await catalog.remove_recharge_config(tx, workspace_id=workspace_id, currency_id=currency_id)
