"""Meters, and the credit currency that is made with one."""

from typing import Final

from msgspec import UNSET, UnsetType

from replenish.access import operations as access
from replenish.access import queries as workspaces
from replenish.access.model import RequestKey
from replenish.catalog import operations as catalog
from replenish.catalog.model import Aggregation, MeterStatus
from replenish.catalog.rate_terms import UNCHANGED, RatingTerms
from replenish.core.db import Database
from replenish.core.ids import METER, CurrencyId, MeterId, WorkspaceId
from replenish.core.metadata import Metadata
from replenish.core.transaction import transaction

CREATED: Final = 201


async def create_meter(
    *,
    db: Database,
    workspace_id: WorkspaceId,
    name: str,
    event_name: str,
    unit: str,
    aggregation: Aggregation = "sum",
    rating: RatingTerms = UNCHANGED,
    currency_id: CurrencyId | None = None,
    decimals: int | None = None,
    lookup_key: str | None = None,
    description: str = "",
    metadata: Metadata | None = None,
    request_key: RequestKey | None = None,
) -> MeterId:
    """Without a currency, a credit currency is made with it, of `decimals` (2 unless said); without a rate, a unit costs 1.

    Raises Invalid, Mismatched(currency_id), Taken(event_name | lookup_key).
    """
    meter_id = METER.new()
    async with transaction(db) as tx:
        made = await access.claim_request_key(tx, request_key, meter_id, CREATED)
        if made is not None:
            return MeterId(made)
        await catalog.create_meter(
            tx,
            meter_id=meter_id,
            workspace_id=workspace_id,
            name=name,
            event_name=event_name,
            unit=unit,
            aggregation=aggregation,
            rating=rating,
            currency_id=currency_id,
            decimals=decimals,
            lookup_key=lookup_key,
            description=description,
            metadata=metadata,
            now=await workspaces.now(tx, workspace_id),
        )
    return meter_id


async def change_meter(
    *,
    db: Database,
    workspace_id: WorkspaceId,
    meter_id: MeterId,
    name: str | UnsetType = UNSET,
    unit: str | UnsetType = UNSET,
    description: str | UnsetType = UNSET,
    status: MeterStatus | UnsetType = UNSET,
    rating: RatingTerms = UNCHANGED,
    metadata: Metadata | UnsetType = UNSET,
) -> None:
    """A new rate holds for events recorded from now on. Raises NotFound, Invalid."""
    async with transaction(db) as tx:
        await catalog.change_meter(
            tx,
            workspace_id=workspace_id,
            meter_id=meter_id,
            name=name,
            unit=unit,
            description=description,
            status=status,
            rating=rating,
            metadata=metadata,
        )
