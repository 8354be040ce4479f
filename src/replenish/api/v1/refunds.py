"""Refunds: money of a settled top-up given back, and the credits that it takes."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, field

from replenish.api.v1.call import Call
from replenish.api.v1.references import top_up_ref
from replenish.api.v1.routing import creates, reads
from replenish.api.v1.wire import (
    Amount,
    Body,
    Cursor,
    Example,
    Key,
    Limit,
    Metadata,
    Page,
    Shown,
    Time,
    before,
    page,
    path_id,
)
from replenish.catalog import queries as catalog
from replenish.core.ids import API_KEY, CUSTOMER, PAYMENT, REFUND, TOP_UP, RefundId
from replenish.core.money import Money, parse_positive, plain
from replenish.customers import queries as customers
from replenish.flows.refund_topup import refund_topup
from replenish.payments import queries
from replenish.payments.model import Refund, RefundState


class NewRefund(Body):
    """`amount` is in the currency that the top-up was paid in; without it, all that is left goes back."""

    EXAMPLE: ClassVar[Example] = {
        "topup_id": "top_01k2m5x8a3c4e6g7h9jbkdmfpq",
        "amount": "5",
        "reason": "Half of it was not needed",
    }

    topup_id: Annotated[str, Meta(max_length=64, description="The top-up that is paid back, by id.")]
    amount: Annotated[
        Amount | None,
        Meta(description="How much money goes back, in the currency that was paid; all that is left unless said."),
    ] = None
    reason: Annotated[str, Meta(max_length=500, description="Why, in your words.")] = ""
    metadata: Metadata = field(default_factory=dict)


class RefundView(Shown):
    """`pending` until the provider is certain. `escalated_at` is set when a person should look.

    `credits` is the share of the bought credits that a succeeded refund takes: taken at once, lapsed before, kept by holds
    until they end, and of those already spent, owed or written off.
    """

    id: str
    customer_id: str
    topup_id: str
    payment_id: str
    amount: str
    currency: str
    reason: str
    state: Literal["pending", "succeeded", "failed"]
    outside_id: str | None
    failure_code: str | None
    failure_message: str | None
    credits: str
    credits_taken: str
    credits_lapsed: str
    credits_held: str
    credits_owed: str
    credits_written_off: str
    metadata: Metadata
    created_at: Time
    ended_at: Time | None
    escalated_at: Time | None


def show(refund: Refund) -> RefundView:
    return RefundView(
        id=REFUND.text(refund.id),
        customer_id=CUSTOMER.text(refund.customer_id),
        topup_id=TOP_UP.text(refund.top_up_id),
        payment_id=PAYMENT.text(refund.payment_id),
        amount=plain(refund.amount),
        currency=refund.currency,
        reason=refund.reason,
        state=refund.state,
        outside_id=refund.outside_id,
        failure_code=refund.failure_code,
        failure_message=refund.failure_message,
        credits=str(refund.credits),
        credits_taken=str(refund.credits_taken),
        credits_lapsed=str(refund.credits_lapsed),
        credits_held=str(refund.credits_held),
        credits_owed=str(refund.credits_owed),
        credits_written_off=str(refund.credits_written_off),
        metadata=dict(refund.metadata),
        created_at=refund.created_at,
        ended_at=refund.ended_at,
        escalated_at=refund.escalated_at,
    )


@creates("/refunds", scope="payments:write")
async def create_refund(data: NewRefund, call: Call) -> RefundView:
    """Give money of a settled top-up back, whole or in part, and take the credits it bought.

    409 with the numbers when less is left of it. Credits that are spent already are owed or written off, as the workspace
    says. Send an `Idempotency-Key`: with the same one nothing is ever given back twice.
    """
    top_up = await top_up_ref(call, data.topup_id, field="topup_id")
    amount = None
    if data.amount is not None:
        currency = await catalog.currency(call.db, workspace_id=call.workspace_id, currency_id=top_up.currency_id)
        value = parse_positive(data.amount, field="amount", decimals=currency.decimals)
        amount = Money(value, top_up.currency)
    refund_id, _ = await refund_topup(
        db=call.db,
        providers=call.context.providers,
        workspace_id=call.workspace_id,
        top_up_id=top_up.id,
        amount=amount,
        reason=data.reason,
        actor=API_KEY.text(call.identity.api_key_id),
        metadata=data.metadata,
        request_key=call.request_key(data),
    )
    return show(await queries.refund(call.db, workspace_id=call.workspace_id, refund_id=refund_id))


@reads("/refunds", errors=(404,))
async def list_refunds(
    call: Call,
    customer_id: Key | None = None,
    topup_id: Key | None = None,
    in_state: RefundState | None = None,
    escalated: bool = False,
    limit: Limit = 20,
    cursor: Cursor | None = None,
) -> Page[RefundView]:
    """List refunds, newest first. `escalated`: only those that a person should look at."""
    customer = None
    if customer_id is not None:
        customer = (await customers.find_customer(call.db, workspace_id=call.workspace_id, key=customer_id)).id
    last = before(cursor)
    rows = await queries.refunds(
        call.db,
        workspace_id=call.workspace_id,
        customer_id=customer,
        top_up_id=None if topup_id is None else path_id(TOP_UP, topup_id, "top-up"),
        states=None if in_state is None else [in_state],
        escalated=escalated,
        before=None if last is None else RefundId(last),
        limit=limit + 1,
    )
    return page(rows, limit=limit, show=show, id_of=lambda row: row.id)


@reads("/refunds/{refund_id:str}")
async def retrieve_refund(refund_id: str, call: Call) -> RefundView:
    """Retrieve a refund as it is now."""
    found = path_id(REFUND, refund_id, "refund")
    return show(await queries.refund(call.db, workspace_id=call.workspace_id, refund_id=found))


routes = [create_refund, list_refunds, retrieve_refund]
