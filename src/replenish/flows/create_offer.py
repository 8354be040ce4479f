"""A product together with its prices, in one transaction: both or neither."""

from collections.abc import Sequence
from typing import Final

import msgspec

from replenish.access import operations as access
from replenish.access import queries as workspaces
from replenish.access.model import RequestKey
from replenish.catalog import operations as catalog
from replenish.catalog.model import QUANTITY_MAX, CreditTerms, ProductType
from replenish.core.db import Database
from replenish.core.errors import Invalid
from replenish.core.ids import PRICE, PRODUCT, CurrencyId, MeterId, ProductId, WorkspaceId
from replenish.core.metadata import Metadata
from replenish.core.transaction import transaction

CREATED: Final = 201


class PriceDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A price as it is asked for, not yet checked."""

    currency_id: CurrencyId
    unit_amount: str
    options: Sequence[tuple[CurrencyId, str]] = ()
    credit_terms: CreditTerms | None = None
    meter_id: MeterId | None = None
    quantity_max: int = QUANTITY_MAX
    nickname: str = ""
    lookup_key: str | None = None
    metadata: Metadata = {}


async def create_offer(
    *,
    db: Database,
    workspace_id: WorkspaceId,
    name: str,
    type_: ProductType,
    prices: Sequence[PriceDraft],
    description: str = "",
    lookup_key: str | None = None,
    metadata: Metadata | None = None,
    request_key: RequestKey | None = None,
) -> ProductId:
    """Raises Invalid and Mismatched naming the field (`prices[0].unit_amount`), Taken(lookup_key)."""
    product_id = PRODUCT.new()
    async with transaction(db) as tx:
        made = await access.claim_request_key(tx, request_key, product_id, CREATED)
        if made is not None:
            return ProductId(made)
        now = await workspaces.now(tx, workspace_id)
        await catalog.create_product(
            tx,
            product_id=product_id,
            workspace_id=workspace_id,
            number=await access.next_product_number(tx, workspace_id=workspace_id),
            name=name,
            type_=type_,
            description=description,
            lookup_key=lookup_key,
            metadata=metadata,
            now=now,
        )
        for place, price in enumerate(prices):
            try:
                await catalog.create_price(
                    tx,
                    price_id=PRICE.new(),
                    workspace_id=workspace_id,
                    product_id=product_id,
                    currency_id=price.currency_id,
                    unit_amount=price.unit_amount,
                    options=price.options,
                    credit_terms=price.credit_terms,
                    meter_id=price.meter_id,
                    quantity_max=price.quantity_max,
                    nickname=price.nickname,
                    lookup_key=price.lookup_key,
                    metadata=price.metadata,
                    now=now,
                )
            except Invalid as wrong:
                raise Invalid(f"prices[{place}].{wrong.field}", wrong.detail, code=wrong.own_code) from None
    return product_id
