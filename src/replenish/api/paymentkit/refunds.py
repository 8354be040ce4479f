"""Refunds: what went back because a purchase had ended before it was paid. Giving a wanted purchase back is not done here."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from replenish.api.paymentkit.call import Call, route
from replenish.api.paymentkit.errors import NotSupported
from replenish.api.paymentkit.people import filtered_customer
from replenish.api.paymentkit.views import currencies_of, currency_view
from replenish.api.paymentkit.wire import Json, listed, own_id, stamped_at, units
from replenish.core.errors import NotFound
from replenish.core.ids import CURRENCY, CUSTOMER, PAYMENT, TOP_UP, Kind, PaymentId
from replenish.payments import queries as payments
from replenish.payments.model import PaymentState

# One payment goes back at most once, as a whole: its refund is known by the payment's own id.
ID: Final = Kind[PaymentId]("re")
_STATUSES: Final[dict[PaymentState, str]] = {"refunded": "succeeded", "unapplied": "pending"}
_NOT_YET: Final = "refunding a purchase that was settled, over this interface"


@route("GET", "/refunds", scope="read")
async def list_refunds(call: Call) -> Json:
    """List refunds, newest first."""
    wanted = call.text("status")
    states = [state for state, status in _STATUSES.items() if wanted in (None, status)]
    invoice = call.text("invoice_id")
    filters = {
        "status": states,
        "customer_id": await filtered_customer(call),
        "top_up_id": None if invoice is None else own_id(TOP_UP, invoice, "invoice"),
    }
    return await listed(call, "payments", show=_show, filters=filters)


@route("GET", "/refunds/search", scope="read")
async def search_refunds(call: Call) -> Json:
    """Find refunds by customer or metadata."""
    filters = {"status": list(_STATUSES), "customer_id": await filtered_customer(call)}
    return await listed(call, "payments", show=_show, filters=filters)


@route("GET", "/refunds/{key:str}", scope="read")
async def retrieve_refund(call: Call) -> Json:
    """Retrieve a refund."""
    payment_id = own_id(ID, call.path(), "refund")
    shown = await _show(call, [payment_id])
    if not shown:
        raise NotFound("refund")
    return shown[0]


@route("POST", "/refunds", scope="payments:write")
async def create_refund(_call: Call) -> Json:
    """Not done here yet: nothing is given back, and no credits are taken."""
    raise NotSupported(_NOT_YET)


@route("POST", "/refunds/sync", scope="payments:write")
async def sync_refund(_call: Call) -> Json:
    """Chains' own refunds are not known here."""
    raise NotSupported("refunds that were made on a chain")


@route("PUT", "/payment-intents/{key:str}/refund", scope="payments:write")
async def refund_intent(_call: Call) -> Json:
    """Not done here yet: nothing is given back, and no credits are taken."""
    raise NotSupported(_NOT_YET)


async def _show(call: Call, ids: Sequence[UUID]) -> list[Json]:
    found = [
        await payments.payment(call.db, workspace_id=call.workspace_id, payment_id=PaymentId(each)) for each in ids
    ]
    currencies = await currencies_of(call, (each.currency_id for each in found))
    return [
        {
            "id": ID.text(payment.id),
            "object": "refund",
            "livemode": call.livemode,
            "type": "refund",
            "status": _STATUSES[payment.state],
            "amount": units(payment.amount, currencies[payment.currency_id].decimals),
            "reason": "duplicate",
            "description": "Paid after the purchase had ended",
            "currency_id": CURRENCY.text(payment.currency_id),
            "customer_id": CUSTOMER.text(payment.customer_id),
            "payment_intent_id": PAYMENT.text(payment.id),
            "invoice_id": TOP_UP.text(payment.top_up_id),
            "metadata": {},
            "paymentCurrency": currency_view(call, currencies[payment.currency_id]),
            **stamped_at(payment.ended_at or payment.created_at),
        }
        for payment in found
        if payment.state in _STATUSES
    ]


routes = [list_refunds, search_refunds, retrieve_refund, create_refund, sync_refund, refund_intent]
