"""Invoices: each is one top-up, by hand or automatic."""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec

from replenish.api.paymentkit.call import Call, route
from replenish.api.paymentkit.credit_grants import show_grants
from replenish.api.paymentkit.drafts import currency_of
from replenish.api.paymentkit.errors import NotSupported
from replenish.api.paymentkit.people import customer_view, filtered_customer, people_of
from replenish.api.paymentkit.views import currencies_of, currency_view
from replenish.api.paymentkit.wire import (
    Json,
    extras_of,
    listed,
    own_id,
    pack,
    seconds,
    several,
    stamped_at,
    units,
    unpack,
)
from replenish.catalog.model import PaymentCurrency
from replenish.core.errors import Conflict
from replenish.core.ids import CHECKOUT_SESSION, CURRENCY, CUSTOMER, PAYMENT, PRICE, TOP_UP, TopUpId
from replenish.core.money import ZERO
from replenish.flows.label_objects import label_top_up
from replenish.flows.pay_checkout import expire_checkout_session
from replenish.payments import queries as payments
from replenish.topups import queries as topups
from replenish.topups.model import TopUp, TopUpState

_STATUSES: Final[Mapping[TopUpState, str]] = {
    "open": "open",
    "submitted": "open",
    "settled": "paid",
    "failed": "uncollectible",
    "cancelled": "void",
    "expired": "void",
}


class InvoiceChanges(msgspec.Struct, kw_only=True):
    metadata: dict[str, object] | None = None


@route("GET", "/invoices", scope="read")
async def list_invoices(call: Call) -> Json:
    """List invoices, newest first."""
    if call.text("subscription_id"):
        raise NotSupported("subscriptions (subscription_id)")
    statuses = several(call, "status")
    currency = call.text("currency_id")
    filters = {
        "status": None if statuses is None else [state for state, status in _STATUSES.items() if status in statuses],
        "customer_id": await filtered_customer(call),
        "currency_id": None if currency is None else (await currency_of(call, currency, field="currency_id")).id,
    }
    return await listed(call, "top_ups", show=show_invoices, filters=filters)


@route("GET", "/invoices/search", scope="read")
async def search_invoices(call: Call) -> Json:
    """Find invoices by customer or metadata."""
    return await listed(call, "top_ups", show=show_invoices, filters={"customer_id": await filtered_customer(call)})


@route("GET", "/invoices/{key:str}", scope="read")
async def retrieve_invoice(call: Call) -> Json:
    """Retrieve an invoice, with the credit grants that it paid for."""
    top_up = await _found(call)
    shown = (await show_invoices(call, [top_up.id]))[0]
    grants = [] if top_up.lot_id is None else await show_grants(call, [top_up.lot_id])
    return shown | {"relatedCreditGrants": grants, "discountDetails": []}


@route("PUT", "/invoices/{key:str}", scope="payments:write")
async def change_invoice(call: Call) -> Json:
    """Change metadata; nothing else may change."""
    top_up = await _found(call)
    data = call.body(InvoiceChanges)
    if data.metadata is not None:
        await label_top_up(
            db=call.db,
            workspace_id=call.workspace_id,
            top_up_id=top_up.id,
            metadata=pack(data.metadata, extras=extras_of(top_up.metadata)),
        )
    return (await show_invoices(call, [top_up.id]))[0]


@route("POST", "/invoices/{key:str}/void", scope="payments:write")
async def void_invoice(call: Call) -> Json:
    """Call a purchase off that nobody has paid yet. Twice is once."""
    top_up = await _found(call)
    if top_up.is_open and top_up.checkout_session_id is not None:
        await expire_checkout_session(db=call.db, session_id=top_up.checkout_session_id)
    after = await _found(call)
    if _STATUSES[after.state] != "void":
        raise Conflict("This invoice is paid or being paid; refund it instead.", code="invoice_not_voidable")
    return (await show_invoices(call, [top_up.id]))[0]


@route("GET", "/invoices/{key:str}/return-stake", scope="read")
async def preview_return_stake(_call: Call) -> Json:
    """There are no stakes here."""
    raise NotSupported("stakes")


@route("POST", "/invoices/{key:str}/return-stake", scope="payments:write")
async def return_stake(_call: Call) -> Json:
    """There are no stakes here."""
    raise NotSupported("stakes")


async def _found(call: Call) -> TopUp:
    top_up_id = own_id(TOP_UP, call.path(), "invoice")
    return await topups.top_up(call.db, workspace_id=call.workspace_id, top_up_id=top_up_id)


async def show_invoices(call: Call, ids: Sequence[UUID]) -> list[Json]:
    """Invoices with customer, currency and the payment that counts."""
    found = [await topups.top_up(call.db, workspace_id=call.workspace_id, top_up_id=TopUpId(each)) for each in ids]
    people = await people_of(call, (each.customer_id for each in found))
    currencies = await currencies_of(call, (each.currency_id for each in found))
    shown: list[Json] = []
    for top_up in found:
        tries = await payments.payments_of_top_up(call.db, customer_id=top_up.customer_id, top_up_id=top_up.id)
        paid = next((one for one in tries if one.state == "settled"), tries[-1] if tries else None)
        currency = currencies[top_up.currency_id]
        shown.append(
            _view(call, top_up, currency)
            | {
                "payment_intent_id": None if paid is None else PAYMENT.text(paid.id),
                "attempt_count": len(tries),
                "customer": customer_view(call, people[top_up.customer_id]),
                "paymentCurrency": currency_view(call, currency),
            }
        )
    return shown


def _view(call: Call, top_up: TopUp, currency: PaymentCurrency) -> Json:
    status = _STATUSES[top_up.state]
    amount = units(top_up.amount, currency.decimals)
    paid = top_up.amount if status == "paid" else ZERO
    remaining = top_up.amount if status == "open" else ZERO
    ended = seconds(top_up.ended_at)
    return {
        "id": TOP_UP.text(top_up.id),
        "object": "invoice",
        "livemode": call.livemode,
        "number": top_up.number,
        "status": status,
        "billing_reason": "auto_recharge" if top_up.origin == "automatic" else "manual",
        "description": top_up.product_name,
        "currency_id": CURRENCY.text(currency.id),
        "customer_id": CUSTOMER.text(top_up.customer_id),
        "subscription_id": None,
        "checkout_session_id": None
        if top_up.checkout_session_id is None
        else CHECKOUT_SESSION.text(top_up.checkout_session_id),
        "subtotal": amount,
        "tax": "0",
        "total": amount,
        "amount_due": amount,
        "amount_paid": units(paid, currency.decimals),
        "amount_remaining": units(remaining, currency.decimals),
        "amount_refunded": units(top_up.refunded_amount, currency.decimals),
        "lines": [
            {
                "price_id": PRICE.text(top_up.price_id),
                "quantity": top_up.quantity,
                "amount": amount,
                "description": top_up.product_name,
            }
        ],
        "status_transitions": {
            "finalized_at": seconds(top_up.created_at),
            "paid_at": seconds(top_up.settled_at),
            "voided_at": ended if status == "void" else None,
            "marked_uncollectible_at": ended if status == "uncollectible" else None,
        },
        "metadata": unpack(top_up.metadata),
        **stamped_at(top_up.created_at),
    }


routes = [
    list_invoices,
    search_invoices,
    retrieve_invoice,
    change_invoice,
    void_invoice,
    preview_return_stake,
    return_stake,
]
