"""Refunds: what a merchant gives back, and what went back by itself because its purchase had ended before it was paid."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec

from replenish.api.paymentkit import bodies
from replenish.api.paymentkit.call import Call, route
from replenish.api.paymentkit.errors import NotSupported
from replenish.api.paymentkit.payment_intents import find_intent
from replenish.api.paymentkit.people import filtered_customer
from replenish.api.paymentkit.views import currencies_of, currency_view
from replenish.api.paymentkit.wire import (
    Json,
    extras_of,
    listed,
    metadata_filter,
    own_id,
    pack,
    several,
    stamped_at,
    units,
    unpack,
)
from replenish.core.errors import Conflict, Invalid, NotFound
from replenish.core.ids import CURRENCY, CUSTOMER, LOT, PAYMENT, TOP_UP, Kind, PaymentId, RefundId
from replenish.core.money import Money
from replenish.flows.refund_topup import refund_topup
from replenish.payments import queries as payments
from replenish.payments.model import Payment, PaymentState, Refund
from replenish.topups import queries as topups

# A payment that went back by itself did so as a whole: its refund is known by the payment's own id.
ID: Final = Kind[UUID]("re")
_BY_ITSELF: Final[dict[PaymentState, str]] = {"refunded": "succeeded", "unapplied": "pending"}
_REASON: Final = "requested_by_admin"


class RefundDraft(msgspec.Struct, kw_only=True):
    """`amount` in token units; without it, all that is left. `reason` is the original's word, `description` free text."""

    amount: object = None
    reason: str | None = None
    description: str | None = None
    metadata: dict[str, object] | None = None


class NewRefund(RefundDraft, kw_only=True):
    """Names the payment, or the invoice that it paid."""

    payment_intent_id: str | None = None
    invoice_id: str | None = None


@route("GET", "/refunds", scope="read")
async def list_refunds(call: Call) -> Json:
    """List refunds, newest first."""
    invoice, intent = call.text("invoice_id"), call.text("payment_intent_id")
    filters = {
        "status": several(call, "status"),
        "customer_id": await filtered_customer(call),
        "top_up_id": None if invoice is None else own_id(TOP_UP, invoice, "invoice"),
        "payment_id": None if intent is None else own_id(PAYMENT, intent, "payment intent"),
        "metadata": metadata_filter(call),
    }
    return await listed(call, "refunds", show=_show, filters=filters)


@route("GET", "/refunds/search", scope="read")
async def search_refunds(call: Call) -> Json:
    """Find refunds by customer or metadata."""
    filters = {"customer_id": await filtered_customer(call), "metadata": metadata_filter(call)}
    return await listed(call, "refunds", show=_show, filters=filters)


@route("GET", "/refunds/{key:str}", scope="read")
async def retrieve_refund(call: Call) -> Json:
    """Retrieve a refund."""
    shown = await _show(call, [own_id(ID, call.path(), "refund")])
    if not shown:
        raise NotFound("refund")
    return shown[0]


@route("POST", "/refunds", scope="payments:write", once=True)
async def create_refund(call: Call) -> Json:
    """Give money back, and take the credits that it bought."""
    data = call.body(NewRefund)
    return await _refund(call, data, await _named(call, data))


@route("POST", "/refunds/sync", scope="payments:write")
async def sync_refund(_call: Call) -> Json:
    """Chains' own refunds are not known here."""
    raise NotSupported("refunds that were made on a chain")


@route("PUT", "/payment-intents/{key:str}/refund", scope="payments:write", once=True)
async def refund_intent(call: Call) -> Json:
    """Give a payment back, whole or in part, and take the credits that it bought."""
    return await _refund(call, call.body(RefundDraft), await find_intent(call))


async def _named(call: Call, data: NewRefund) -> Payment:
    if data.payment_intent_id:
        payment_id = PAYMENT.parse(data.payment_intent_id, field="payment_intent_id")
        return await payments.payment(call.db, workspace_id=call.workspace_id, payment_id=payment_id)
    if not data.invoice_id:
        raise Invalid("payment_intent_id", "is required")
    top_up_id = TOP_UP.parse(data.invoice_id, field="invoice_id")
    top_up = await topups.top_up(call.db, workspace_id=call.workspace_id, top_up_id=top_up_id)
    tries = await payments.payments_of_top_up(call.db, customer_id=top_up.customer_id, top_up_id=top_up.id)
    settled = next((each for each in tries if each.state == "settled"), None)
    if settled is None:
        raise Conflict("This invoice is not paid; there is nothing to give back.", code="invoice_not_paid")
    return settled


async def _refund(call: Call, data: RefundDraft, payment: Payment) -> Json:
    if payment.state != "settled":
        # Its purchase may have been paid by another one, which nobody named.
        raise Conflict("This payment did not succeed; there is nothing to give back.", code="payment_not_settled")
    amount = None
    if data.amount is not None:
        currency = (await currencies_of(call, [payment.currency_id]))[payment.currency_id]
        amount = Money(bodies.positive(data.amount, field="amount", decimals=currency.decimals), payment.currency)
    refund_id, _ = await refund_topup(
        db=call.db,
        providers=call.context.providers,
        workspace_id=call.workspace_id,
        top_up_id=payment.top_up_id,
        amount=amount,
        reason=data.description or data.reason or "",
        actor=call.caller.actor,
        metadata=pack(data.metadata or {}, extras={"reason": data.reason}),
        request_key=call.request_key,
    )
    return (await _show(call, [refund_id]))[0]


async def _show(call: Call, ids: Sequence[UUID]) -> list[Json]:
    shown: list[Json] = []
    for each in ids:
        try:
            refund = await payments.refund(call.db, workspace_id=call.workspace_id, refund_id=RefundId(each))
        except NotFound:
            shown += await _by_itself(call, PaymentId(each))
        else:
            shown.append(await _view(call, refund))
    return shown


async def _view(call: Call, refund: Refund) -> Json:
    currency = (await currencies_of(call, [refund.currency_id]))[refund.currency_id]
    top_up = await topups.top_up(call.db, workspace_id=call.workspace_id, top_up_id=refund.top_up_id)
    failed = refund.state == "failed"
    return {
        "id": ID.text(refund.id),
        "object": "refund",
        "livemode": call.livemode,
        "type": "refund",
        "status": refund.state,
        "amount": units(refund.amount, currency.decimals),
        "reason": extras_of(refund.metadata).get("reason") or _REASON,
        "description": refund.reason,
        "failure_reason": refund.failure_message if failed else None,
        "last_attempt_error": {"code": refund.failure_code, "message": refund.failure_message} if failed else None,
        "attempt_count": refund.looks + 1,
        "currency_id": CURRENCY.text(refund.currency_id),
        "customer_id": CUSTOMER.text(refund.customer_id),
        "payment_intent_id": PAYMENT.text(refund.payment_id),
        "invoice_id": TOP_UP.text(refund.top_up_id),
        "credit_grant_id": None if top_up.lot_id is None else LOT.text(top_up.lot_id),
        "metadata": unpack(refund.metadata),
        "paymentCurrency": currency_view(call, currency),
        **stamped_at(refund.created_at),
    }


async def _by_itself(call: Call, payment_id: PaymentId) -> list[Json]:
    payment = await payments.payment(call.db, workspace_id=call.workspace_id, payment_id=payment_id)
    if payment.state not in _BY_ITSELF:
        return []
    currency = (await currencies_of(call, [payment.currency_id]))[payment.currency_id]
    return [
        {
            "id": ID.text(payment.id),
            "object": "refund",
            "livemode": call.livemode,
            "type": "refund",
            "status": _BY_ITSELF[payment.state],
            "amount": units(payment.amount, currency.decimals),
            "reason": "duplicate",
            "description": "Paid after the purchase had ended",
            "currency_id": CURRENCY.text(payment.currency_id),
            "customer_id": CUSTOMER.text(payment.customer_id),
            "payment_intent_id": PAYMENT.text(payment.id),
            "invoice_id": TOP_UP.text(payment.top_up_id),
            "metadata": {},
            "paymentCurrency": currency_view(call, currency),
            **stamped_at(payment.ended_at or payment.created_at),
        }
    ]


routes = [list_refunds, search_refunds, retrieve_refund, create_refund, sync_refund, refund_intent]
