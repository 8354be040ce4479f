"""Adjustments: credits given or taken by hand, with a reason."""

from typing import Annotated, ClassVar

from msgspec import Meta

from replenish.api.v1.call import Call
from replenish.api.v1.routing import creates, reads
from replenish.api.v1.wire import (
    Amount,
    Body,
    CreditCurrencyKey,
    Cursor,
    CustomerKey,
    Example,
    Key,
    Limit,
    Page,
    Shown,
    Time,
    before,
    page,
    path_id,
)
from replenish.catalog import queries as catalog
from replenish.core.errors import Invalid, NotFound
from replenish.core.ids import ADJUSTMENT, API_KEY, CUSTOMER, LOT, WALLET, AdjustmentId
from replenish.core.money import parse_decimal, plain
from replenish.customers import queries as customers
from replenish.flows import adjust_credits as flow
from replenish.wallets import queries
from replenish.wallets.model import Adjustment, WalletRef


class NewAdjustment(Body):
    """`amount` is signed: "50" adds credits, "-50" takes them. Only added credits can have an `expires_at`."""

    EXAMPLE: ClassVar[Example] = {
        "customer_id": "user_17",
        "currency_id": "credits",
        "amount": "5",
        "reason": "An answer that was cut off",
    }

    customer_id: CustomerKey
    currency_id: CreditCurrencyKey
    amount: Annotated[Amount, Meta(description='Signed credits: "50" gives, "-50" takes.')]
    reason: Annotated[
        str, Meta(min_length=1, max_length=500, description="Why, in your words; it is kept with the adjustment.")
    ]
    expires_at: Annotated[
        Time | None, Meta(description="When added credits end; never unless said. Taken credits have none.")
    ] = None


class AdjustmentView(Shown):
    id: str
    customer_id: str
    wallet_id: str
    amount: str
    reason: str
    actor: str
    credit_grant_id: str | None
    created_at: Time


def show(adjustment: Adjustment) -> AdjustmentView:
    return AdjustmentView(
        id=ADJUSTMENT.text(adjustment.id),
        customer_id=CUSTOMER.text(adjustment.customer_id),
        wallet_id=WALLET.text(adjustment.wallet_id),
        amount=plain(adjustment.amount),
        reason=adjustment.reason,
        actor=adjustment.actor,
        credit_grant_id=None if adjustment.lot_id is None else LOT.text(adjustment.lot_id),
        created_at=adjustment.created_at,
    )


@creates("/adjustments", scope="credits:write", errors=(402, 404))
async def create_adjustment(data: NewAdjustment, call: Call) -> AdjustmentView:
    """Give or take credits. Taking more than can be spent answers 402 and takes nothing."""
    customer = await customers.find_customer(call.db, workspace_id=call.workspace_id, key=data.customer_id)
    currency = await catalog.find_currency(call.db, workspace_id=call.workspace_id, key=data.currency_id)
    if currency.type != "credit":
        raise Invalid("currency_id", f"{currency.unit} is money; only a credit currency can be adjusted")
    adjustment_id, _ = await flow.adjust_credits(
        call.db,
        ref=WalletRef(call.workspace_id, customer.id, currency.id),
        new=flow.NewAdjustment(
            amount=parse_decimal(data.amount, field="amount", decimals=currency.decimals),
            reason=data.reason,
            actor=API_KEY.text(call.identity.api_key_id),
            expires_at=data.expires_at,
        ),
        request_key=call.request_key(data),
    )
    return await _view(call, adjustment_id)


async def _view(call: Call, adjustment_id: AdjustmentId) -> AdjustmentView:
    found = await queries.adjustment(call.db, workspace_id=call.workspace_id, adjustment_id=adjustment_id)
    if found is None:
        raise NotFound("adjustment")
    return show(found)


@reads("/adjustments", errors=(404,))
async def list_adjustments(
    call: Call, customer_id: Key | None = None, limit: Limit = 20, cursor: Cursor | None = None
) -> Page[AdjustmentView]:
    """List adjustments, newest first."""
    customer = None
    if customer_id is not None:
        customer = (await customers.find_customer(call.db, workspace_id=call.workspace_id, key=customer_id)).id
    last = before(cursor)
    rows = await queries.adjustments(
        call.db,
        workspace_id=call.workspace_id,
        customer_id=customer,
        before=None if last is None else AdjustmentId(last),
        limit=limit + 1,
    )
    return page(rows, limit=limit, show=show, id_of=lambda row: row.id)


@reads("/adjustments/{adjustment_id:str}")
async def retrieve_adjustment(adjustment_id: str, call: Call) -> AdjustmentView:
    """Retrieve an adjustment."""
    return await _view(call, path_id(ADJUSTMENT, adjustment_id, "adjustment"))


routes = [create_adjustment, list_adjustments, retrieve_adjustment]
