"""Giving back a payment that nothing wants: a second success, or one for a purchase that had ended (law 11)."""

from typing import assert_never

from replenish.core.db import Database
from replenish.core.ids import PAYMENT
from replenish.core.transaction import transaction
from replenish.flows._payment_events import payment_event
from replenish.flows._providers import Providers
from replenish.flows.settle_payment import close_desk, open_desk
from replenish.payments import operations as payments
from replenish.payments import queries as payment_queries
from replenish.payments.model import Payment, PaymentRef
from replenish.payments.provider import Refund, Refunded, RefundRefused, Refunds, Unknown
from replenish.payments.states import ESCALATE_AFTER
from replenish.topups import queries as topup_queries


async def refund_unapplied(*, db: Database, providers: Providers, ref: PaymentRef) -> Payment:
    """Ask the provider for the money's return until it is certain; returns the payment as it then stands.

    Its key is the payment's id: asking again after a lost reply never gives back twice. Raises NotFound.
    """
    payment = await payment_queries.payment_by_ref(db, ref=ref)
    provider = providers.get(payment.provider)
    if payment.state != "unapplied" or payment.outside_id is None:
        return payment
    if not isinstance(provider, Refunds):
        answer: Refunded | RefundRefused | Unknown = Unknown(f"{payment.provider} is not set up")
    else:
        answer = await provider.refund_payment(
            Refund(
                account=payment.provider_account,
                outside_id=payment.outside_id,
                key=f"unapplied {PAYMENT.text(payment.id)}",
                amount=payment.money,
            )
        )
    top_up = await topup_queries.top_up_of(db, customer_id=ref.customer_id, top_up_id=payment.top_up_id)
    async with transaction(db) as tx:
        desk = await open_desk(tx, top_up=top_up, ref=ref, refundable=True)
        if desk.payment.state != "unapplied":
            return desk.payment
        now = desk.book.recorded_at
        match answer:
            case Refunded(outside_id=refund_id):
                desk.payment = await payments.record_refund(tx, desk.payment, refund_outside_id=refund_id)
                desk.events.append(payment_event(desk.payment, "refunded"))
            case RefundRefused():
                desk.payment = await payments.give_up_refund(tx, desk.payment, now=now)
                desk.events.append(payment_event(desk.payment, "refund_refused"))
            case Unknown():
                since = desk.payment.unknown_since
                late = since is not None and now - since >= ESCALATE_AFTER and desk.payment.escalated_at is None
                desk.payment = await payments.look_again(tx, desk.payment, now=now, unknown=True, escalate=late)
                if late:
                    desk.events.append(payment_event(desk.payment, "unknown"))
            case _:
                assert_never(answer)
        await close_desk(desk)
    return desk.payment
