"""Payments: each try at paying for a top-up, for support and accounting."""

from replenish.api.v1.call import Call
from replenish.api.v1.routing import reads
from replenish.api.v1.wire import Cursor, Key, Limit, Page, Shown, Time, before, page, path_id
from replenish.core.ids import CUSTOMER, PAYMENT, PAYMENT_METHOD, TOP_UP, PaymentId
from replenish.core.money import plain
from replenish.customers import queries as customers
from replenish.payments import queries
from replenish.payments.model import Payment, PaymentState


class PaymentView(Shown):
    """`outside_id` is the provider's.

    `escalated_at` is set when a person should look: unknown for an hour, or unwanted and not to be given back.
    """

    id: str
    customer_id: str
    topup_id: str
    provider: str
    payment_method_id: str | None
    amount: str
    currency: str
    state: PaymentState
    outside_id: str | None
    decline_code: str | None
    refunded_amount: str
    created_at: Time
    submitted_at: Time | None
    settled_at: Time | None
    ended_at: Time | None
    escalated_at: Time | None


def show(payment: Payment) -> PaymentView:
    return PaymentView(
        id=PAYMENT.text(payment.id),
        customer_id=CUSTOMER.text(payment.customer_id),
        topup_id=TOP_UP.text(payment.top_up_id),
        provider=payment.provider,
        payment_method_id=None if payment.payment_method_id is None else PAYMENT_METHOD.text(payment.payment_method_id),
        amount=plain(payment.amount),
        currency=payment.currency,
        state=payment.state,
        outside_id=payment.outside_id,
        decline_code=payment.decline_code,
        refunded_amount=plain(payment.refunded_amount),
        created_at=payment.created_at,
        submitted_at=payment.submitted_at,
        settled_at=payment.settled_at,
        ended_at=payment.ended_at,
        escalated_at=payment.escalated_at,
    )


@reads("/payments", errors=(404,))
async def list_payments(
    call: Call,
    customer_id: Key | None = None,
    in_state: PaymentState | None = None,
    escalated: bool = False,
    limit: Limit = 20,
    cursor: Cursor | None = None,
) -> Page[PaymentView]:
    """List payments, newest first. `escalated`: only those that a person should look at."""
    customer = None
    if customer_id is not None:
        customer = (await customers.find_customer(call.db, workspace_id=call.workspace_id, key=customer_id)).id
    last = before(cursor)
    rows = await queries.payments(
        call.db,
        workspace_id=call.workspace_id,
        customer_id=customer,
        states=None if in_state is None else [in_state],
        escalated=escalated,
        before=None if last is None else PaymentId(last),
        limit=limit + 1,
    )
    return page(rows, limit=limit, show=show, id_of=lambda row: row.id)


@reads("/payments/{payment_id:str}")
async def retrieve_payment(payment_id: str, call: Call) -> PaymentView:
    """Retrieve a payment."""
    found = path_id(PAYMENT, payment_id, "payment")
    return show(await queries.payment(call.db, workspace_id=call.workspace_id, payment_id=found))


routes = [list_payments, retrieve_payment]
