"""Payment intents: each is one try at paying for a top-up."""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec

from replenish.api.paymentkit.call import Call, route
from replenish.api.paymentkit.methods import kind_of
from replenish.api.paymentkit.people import customer_view, filtered_customer, people_of
from replenish.api.paymentkit.views import METHOD_PREFIX, currencies_of, currency_view
from replenish.api.paymentkit.wire import Json, extras_of, listed, own_id, pack, several, stamped_at, units, unpack
from replenish.catalog.model import PaymentCurrency
from replenish.core.ids import CURRENCY, CUSTOMER, PAYMENT, TOP_UP, PaymentId
from replenish.core.money import ZERO
from replenish.flows.label_objects import label_top_up
from replenish.payments import queries as payments
from replenish.payments.model import Payment, PaymentState
from replenish.topups import queries as topups
from replenish.topups.model import TopUp

_STATUSES: Final[Mapping[PaymentState, str]] = {
    "decided": "requires_confirmation",
    "prepared": "requires_confirmation",
    "submitted": "processing",
    "confirming": "processing",
    "needs_customer": "requires_action",
    "settled": "succeeded",
    "declined": "requires_payment_method",
    "cancelled": "canceled",
    # Paid although nothing wanted it any more: it is on its way back.
    "unapplied": "processing",
    "refunded": "canceled",
}


class IntentChanges(msgspec.Struct, kw_only=True):
    metadata: dict[str, object] | None = None


@route("GET", "/payment-intents", scope="read")
async def list_intents(call: Call) -> Json:
    """List payment intents, newest first."""
    statuses = several(call, "status")
    invoice = call.text("invoice_id")
    filters = {
        "status": None if statuses is None else [state for state, status in _STATUSES.items() if status in statuses],
        "customer_id": await filtered_customer(call),
        "top_up_id": None if invoice is None else own_id(TOP_UP, invoice, "invoice"),
    }
    return await listed(call, "payments", show=show_intents, filters=filters)


@route("GET", "/payment-intents/search", scope="read")
async def search_intents(call: Call) -> Json:
    """Find payment intents by customer or metadata."""
    return await listed(call, "payments", show=show_intents, filters={"customer_id": await filtered_customer(call)})


@route("GET", "/payment-intents/{key:str}", scope="read")
async def retrieve_intent(call: Call) -> Json:
    """Retrieve a payment intent."""
    return (await show_intents(call, [(await find_intent(call)).id]))[0]


@route("PUT", "/payment-intents/{key:str}", scope="payments:write")
async def change_intent(call: Call) -> Json:
    """Change metadata, which belongs to the whole purchase; nothing else may change."""
    payment = await find_intent(call)
    data = call.body(IntentChanges)
    if data.metadata is not None:
        top_up = await topups.top_up(call.db, workspace_id=call.workspace_id, top_up_id=payment.top_up_id)
        await label_top_up(
            db=call.db,
            workspace_id=call.workspace_id,
            top_up_id=top_up.id,
            metadata=pack(data.metadata, extras=extras_of(top_up.metadata)),
        )
    return (await show_intents(call, [payment.id]))[0]


async def find_intent(call: Call) -> Payment:
    payment_id = own_id(PAYMENT, call.path(), "payment intent")
    return await payments.payment(call.db, workspace_id=call.workspace_id, payment_id=payment_id)


async def show_intents(call: Call, ids: Sequence[UUID]) -> list[Json]:
    """Payment intents with customer and currency."""
    found = [
        await payments.payment(call.db, workspace_id=call.workspace_id, payment_id=PaymentId(each)) for each in ids
    ]
    people = await people_of(call, (each.customer_id for each in found))
    currencies = await currencies_of(call, (each.currency_id for each in found))
    shown: list[Json] = []
    for payment in found:
        top_up = await topups.top_up(call.db, workspace_id=call.workspace_id, top_up_id=payment.top_up_id)
        currency = currencies[payment.currency_id]
        shown.append(
            _view(call, payment, top_up, currency)
            | {
                "customer": customer_view(call, people[payment.customer_id]),
                "paymentCurrency": currency_view(call, currency),
            }
        )
    return shown


def _view(call: Call, payment: Payment, top_up: TopUp, currency: PaymentCurrency) -> Json:
    received = payment.amount if payment.state == "settled" else ZERO
    return {
        "id": PAYMENT.text(payment.id),
        "object": "payment_intent",
        "livemode": call.livemode,
        "status": _STATUSES[payment.state],
        "amount": units(payment.amount, currency.decimals),
        "amount_received": units(received, currency.decimals),
        "amount_refunded": units(payment.refunded_amount, currency.decimals),
        "currency_id": CURRENCY.text(currency.id),
        "customer_id": CUSTOMER.text(payment.customer_id),
        "invoice_id": TOP_UP.text(payment.top_up_id),
        "payment_method_id": f"{METHOD_PREFIX}{payment.provider}",
        "capture_method": "automatic",
        "description": top_up.product_name,
        "last_payment_error": None
        if payment.decline_code is None
        else {
            "type": "card_error",
            "code": payment.decline_code,
            "message": f"The payment was declined: {payment.decline_code}.",
        },
        "payment_details": {kind_of(payment.provider): {"payment_intent_id": payment.outside_id}},
        "metadata": unpack(top_up.metadata),
        **stamped_at(payment.created_at),
    }


routes = [list_intents, search_intents, retrieve_intent, change_intent]
