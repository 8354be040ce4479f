"""What is told about purchases, payments and saved methods."""

from replenish.core import ids
from replenish.core.ids import CustomerId, PaymentMethodId, WorkspaceId
from replenish.core.money import plain
from replenish.notifications.model import NewEvent
from replenish.payments.model import Payment, Refund
from replenish.payments.provider import MethodDetails
from replenish.topups.model import TopUp


def payment_event(payment: Payment, verb: str) -> NewEvent:
    """`payment.settled` and the like."""
    return NewEvent(
        workspace_id=payment.workspace_id,
        customer_id=payment.customer_id,
        type=f"payment.{verb}",
        object_type="payment",
        object_id=payment.id,
        data={
            "payment": ids.PAYMENT.text(payment.id),
            "top_up": ids.TOP_UP.text(payment.top_up_id),
            "provider": payment.provider,
            "amount": plain(payment.amount),
            "currency": payment.currency,
            "state": payment.state,
            "decline_code": payment.decline_code,
        },
    )


def top_up_event(top_up: TopUp, verb: str) -> NewEvent:
    """`top_up.created`, `top_up.settled` and the like."""
    return NewEvent(
        workspace_id=top_up.workspace_id,
        customer_id=top_up.customer_id,
        type=f"top_up.{verb}",
        object_type="top_up",
        object_id=top_up.id,
        data={
            "top_up": ids.TOP_UP.text(top_up.id),
            "number": top_up.number,
            "origin": top_up.origin,
            "state": top_up.state,
            "amount": plain(top_up.amount),
            "currency": top_up.currency,
            "quantity": top_up.quantity,
            "credits": str(top_up.credit_amount),
            "credit_grant": None if top_up.lot_id is None else ids.LOT.text(top_up.lot_id),
        },
    )


def refund_event(refund: Refund, verb: str) -> NewEvent:
    """`refund.succeeded`, `refund.failed` and the like; `credits` is what it took of those that were bought."""
    return NewEvent(
        workspace_id=refund.workspace_id,
        customer_id=refund.customer_id,
        type=f"refund.{verb}",
        object_type="refund",
        object_id=refund.id,
        data={
            "refund": ids.REFUND.text(refund.id),
            "top_up": ids.TOP_UP.text(refund.top_up_id),
            "payment": ids.PAYMENT.text(refund.payment_id),
            "amount": plain(refund.amount),
            "currency": refund.currency,
            "reason": refund.reason,
            "state": refund.state,
            "failure_code": refund.failure_code,
            "credits": str(refund.credits),
            "credits_owed": str(refund.credits_owed),
            "credits_written_off": str(refund.credits_written_off),
        },
    )


def method_event(
    *,
    workspace_id: WorkspaceId,
    customer_id: CustomerId,
    method_id: PaymentMethodId,
    verb: str,
    details: MethodDetails | None = None,
) -> NewEvent:
    """`payment_method.saved`, `payment_method.detached`."""
    data: dict[str, object] = {"payment_method": ids.PAYMENT_METHOD.text(method_id)}
    if details is not None:
        data |= {"kind": details.kind, "brand": details.brand, "last4": details.last4}
    return NewEvent(
        workspace_id=workspace_id,
        customer_id=customer_id,
        type=f"payment_method.{verb}",
        object_type="payment_method",
        object_id=method_id,
        data=data,
    )
