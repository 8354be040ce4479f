"""Writes of payments, methods, sessions and the inbox. Called by flows, inside their transaction."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from replenish.core import ids
from replenish.core.errors import NotFound
from replenish.core.ids import (
    CheckoutSessionId,
    CustomerId,
    InboxId,
    PaymentMethodId,
    TopUpId,
    WorkspaceId,
)
from replenish.core.rows import row_to, rows_to
from replenish.core.transaction import Tx
from replenish.payments.model import (
    CheckoutSession,
    InboxItem,
    Payment,
    PaymentMethod,
    PaymentRef,
    Refund,
    RefundRef,
)
from replenish.payments.provider import Declined, MethodDetails, OutsideEvent
from replenish.payments.states import pause
from replenish.payments.store import inbox as inbox_store
from replenish.payments.store import methods as method_store
from replenish.payments.store import payments as payment_store
from replenish.payments.store import refunds as refund_store
from replenish.payments.store import sessions as session_store

# How long one process has for a step before another may carry the payment on.
LEASE: Final = timedelta(seconds=60)
_AT_ONCE: Final = timedelta()


# Payments


async def create_payment(tx: Tx, payment: Payment) -> None:
    """Store the intent (law 9, first step). The lease gives this process time to go on with it."""
    await payment_store.insert(tx, payment, due_in=LEASE)


async def lock_payments(tx: Tx, *, customer_id: CustomerId, top_up_id: TopUpId) -> list[Payment]:
    """All payments of a top-up. Lock order: after the top-up."""
    return rows_to(Payment, await payment_store.lock(tx, customer_id=customer_id, top_up_id=top_up_id))


async def record_submission(tx: Tx, payment: Payment, *, outside_id: str, now: datetime) -> Payment:
    """The provider's id is ours; from here on the money may move (law 9, second step)."""
    await _name(tx, payment, outside_id)
    changed = msgspec.structs.replace(payment, state="submitted", outside_id=outside_id, submitted_at=now)
    return await _write(tx, changed, due_in=LEASE)


async def record_page(tx: Tx, payment: Payment, *, outside_id: str, url: str) -> Payment:
    """A hosted page stands, and the customer may pay on it."""
    await _name(tx, payment, outside_id)
    changed = msgspec.structs.replace(payment, state="needs_customer", outside_id=outside_id, page_url=url)
    return await _write(tx, changed, due_in=pause(0))


async def _name(tx: Tx, payment: Payment, outside_id: str) -> None:
    await payment_store.insert_outside_object(
        tx,
        provider_account=payment.provider_account,
        outside_id=outside_id,
        customer_id=payment.customer_id,
        payment_id=payment.id,
        checkout_session_id=None,
    )


async def settle(tx: Tx, payment: Payment, *, now: datetime) -> Payment:
    return await _write(tx, _ended(payment, now, state="settled", settled_at=now))


async def decline(tx: Tx, payment: Payment, *, declined: Declined, now: datetime) -> Payment:
    changed = _ended(payment, now, state="declined", decline_code=declined.code, decline_permanent=declined.permanent)
    return await _write(tx, changed)


async def cancel(tx: Tx, payment: Payment, *, now: datetime) -> Payment:
    """Call it off. One that has a page is watched until the provider says that nobody can pay on it any more."""
    watched = payment.outside_id is not None
    return await _write(tx, _ended(payment, now, state="cancelled"), due_in=_AT_ONCE if watched else None)


async def rest(tx: Tx, payment: Payment) -> Payment:
    """Nothing more to learn about it."""
    return await _write(tx, msgspec.structs.replace(payment, unknown_since=None))


async def keep_unapplied(tx: Tx, payment: Payment, *, now: datetime, refundable: bool) -> Payment:
    """Paid and unwanted (law 11). A refundable one goes back; the row is its job."""
    changed = _ended(payment, now, state="unapplied", settled_at=now)
    if not refundable:
        changed = msgspec.structs.replace(changed, escalated_at=now)
    return await _write(tx, changed, due_in=_AT_ONCE if refundable else None)


async def record_refund(tx: Tx, payment: Payment, *, refund_outside_id: str) -> Payment:
    changed = msgspec.structs.replace(
        payment,
        state="refunded",
        refunded_amount=payment.amount,
        refund_outside_id=refund_outside_id,
        unknown_since=None,
        escalated_at=None,
    )
    return await _write(tx, changed)


async def give_up_refund(tx: Tx, payment: Payment, *, now: datetime) -> Payment:
    """The provider will never make it: the payment stays unapplied, and a person must look."""
    return await _write(tx, msgspec.structs.replace(payment, unknown_since=None, escalated_at=now))


async def await_customer(tx: Tx, payment: Payment, *, url: str) -> Payment:
    changed = msgspec.structs.replace(
        payment, state="needs_customer", page_url=url, looks=payment.looks + 1, unknown_since=None, escalated_at=None
    )
    return await _write(tx, changed, due_in=pause(payment.looks))


async def confirm(tx: Tx, payment: Payment) -> Payment:
    changed = msgspec.structs.replace(
        payment, state="confirming", looks=payment.looks + 1, unknown_since=None, escalated_at=None
    )
    return await _write(tx, changed, due_in=pause(payment.looks))


async def look_again(tx: Tx, payment: Payment, *, now: datetime, unknown: bool, escalate: bool = False) -> Payment:
    """Nothing is certain yet. `unknown`: the provider did not say; `escalate`: an operator is told from now on."""
    changed = msgspec.structs.replace(
        payment,
        looks=payment.looks + 1,
        unknown_since=(payment.unknown_since or now) if unknown else None,
        escalated_at=now if escalate else payment.escalated_at,
    )
    return await _write(tx, changed, due_in=pause(payment.looks))


def _ended(payment: Payment, now: datetime, **changes: object) -> Payment:
    return msgspec.structs.replace(payment, ended_at=now, looks=0, unknown_since=None, escalated_at=None, **changes)


async def _write(tx: Tx, payment: Payment, *, due_in: timedelta | None = None) -> Payment:
    await payment_store.update(tx, payment, due_in=due_in)
    return payment


async def claim_due_payments(tx: Tx, *, limit: int) -> list[PaymentRef]:
    return rows_to(PaymentRef, await payment_store.claim_due(tx, limit=limit, lease=LEASE))


# Refunds


async def create_refund(tx: Tx, refund: Refund) -> None:
    """Store the intent (law 9). The lease gives this process time to carry it out."""
    await refund_store.insert(tx, refund, due_in=LEASE)


async def lock_refunds(tx: Tx, *, customer_id: CustomerId, top_up_id: TopUpId) -> list[Refund]:
    """All refunds of a top-up, oldest first. Lock order: after its payments."""
    return rows_to(Refund, await refund_store.lock(tx, customer_id=customer_id, top_up_id=top_up_id))


async def succeed_refund(tx: Tx, refund: Refund, *, outside_id: str, now: datetime) -> Refund:
    """The money is on its way; `refund` says already what became of the credits. Its payment stays settled."""
    changed = msgspec.structs.replace(
        refund, state="succeeded", outside_id=outside_id, ended_at=now, unknown_since=None, escalated_at=None
    )
    await refund_store.update(tx, changed, due_in=None)
    if await refund_store.add_to_payment(tx, refund=changed, amount=changed.amount) != 1:
        raise NotFound("payment")
    return changed


async def fail_refund(tx: Tx, refund: Refund, *, code: str, message: str, now: datetime) -> Refund:
    """The provider will never make it: no money went, no credits go. A person must look."""
    changed = msgspec.structs.replace(
        refund,
        state="failed",
        failure_code=code,
        failure_message=message,
        ended_at=now,
        unknown_since=None,
        escalated_at=now,
    )
    await refund_store.update(tx, changed, due_in=None)
    return changed


async def try_refund_again(tx: Tx, refund: Refund, *, now: datetime, escalate: bool) -> Refund:
    """Nobody knows whether it was made; the same key is sent again later."""
    changed = msgspec.structs.replace(
        refund,
        looks=refund.looks + 1,
        unknown_since=refund.unknown_since or now,
        escalated_at=now if escalate else refund.escalated_at,
    )
    await refund_store.update(tx, changed, due_in=pause(refund.looks))
    return changed


async def claim_due_refunds(tx: Tx, *, limit: int) -> list[RefundRef]:
    return rows_to(RefundRef, await refund_store.claim_due(tx, limit=limit, lease=LEASE))


# Saved methods


async def save_method(
    tx: Tx,
    *,
    workspace_id: WorkspaceId,
    customer_id: CustomerId,
    provider: str,
    provider_account: str,
    details: MethodDetails,
) -> tuple[PaymentMethodId, bool]:
    """Keep a method; the first one becomes the default. Returns its id, and whether it is new to us."""
    attached = await _lock_methods(tx, customer_id)
    method_id = ids.PAYMENT_METHOD.new()
    inserted = await method_store.insert(
        tx,
        method_id=method_id,
        workspace_id=workspace_id,
        customer_id=customer_id,
        provider=provider,
        provider_account=provider_account,
        details=details,
    )
    if inserted is None:
        known = [
            method
            for method in rows_to(PaymentMethod, await method_store.lock_of_customer(tx, customer_id=customer_id))
            if (method.provider, method.outside_id) == (provider, details.outside_id)
        ]
        return known[0].id, False
    if not any(method.is_default for method in attached):
        await method_store.set_default(tx, customer_id=customer_id, method_id=method_id)
    return method_id, True


async def make_default(tx: Tx, *, customer_id: CustomerId, method_id: PaymentMethodId) -> None:
    """Raises NotFound for another's or a detached one."""
    if all(method.id != method_id for method in await _lock_methods(tx, customer_id)):
        raise NotFound("payment method")
    await method_store.set_default(tx, customer_id=customer_id, method_id=method_id)


async def detach_method(tx: Tx, *, customer_id: CustomerId, method_id: PaymentMethodId) -> PaymentMethod:
    """Let go of a method; the newest of the others becomes the default. Raises NotFound."""
    attached = await _lock_methods(tx, customer_id)
    found = next((method for method in attached if method.id == method_id), None)
    if found is None:
        raise NotFound("payment method")
    await method_store.detach(tx, customer_id=customer_id, method_id=method_id)
    others = [method for method in attached if method.id != method_id]
    if found.is_default and others:
        await method_store.set_default(tx, customer_id=customer_id, method_id=others[-1].id)
    return found


async def _lock_methods(tx: Tx, customer_id: CustomerId) -> list[PaymentMethod]:
    found = rows_to(PaymentMethod, await method_store.lock_of_customer(tx, customer_id=customer_id))
    return [method for method in found if method.detached_at is None]


# Checkout sessions


async def create_session(tx: Tx, session: CheckoutSession) -> None:
    await session_store.insert(tx, session)


async def lock_session(tx: Tx, *, session_id: CheckoutSessionId) -> CheckoutSession:
    """Lock order: before wallets. Raises NotFound."""
    found = await session_store.lock(tx, session_id=session_id)
    if found is None:
        raise NotFound("checkout session")
    return row_to(CheckoutSession, found)


async def change_session(tx: Tx, session: CheckoutSession) -> CheckoutSession:
    await session_store.update(tx, session)
    return session


async def record_method_page(
    tx: Tx, session: CheckoutSession, *, customer_id: CustomerId, outside_id: str, url: str
) -> CheckoutSession:
    """The provider's page where the session's method is saved."""
    await payment_store.insert_outside_object(
        tx,
        provider_account=session.provider_account or "",
        outside_id=outside_id,
        customer_id=customer_id,
        payment_id=None,
        checkout_session_id=session.id,
    )
    return await change_session(tx, msgspec.structs.replace(session, outside_id=outside_id, page_url=url))


# The inbox


async def store_event(tx: Tx, *, provider: str, provider_account: str, event: OutsideEvent) -> bool:
    """Once for each account, object and kind (law 8); False when it was there."""
    stored = await inbox_store.insert(
        tx,
        inbox_id=ids.INBOX.new(),
        provider=provider,
        provider_account=provider_account,
        outside_id=event.outside_id,
        kind=event.kind,
        body=event.body,
    )
    return stored == 1


async def claim_due_events(tx: Tx, *, limit: int) -> Sequence[InboxItem]:
    return rows_to(InboxItem, await inbox_store.claim_due(tx, limit=limit, lease=LEASE))


async def finish_event(tx: Tx, *, inbox_id: InboxId, failure: str | None = None) -> None:
    await inbox_store.finish(tx, inbox_id=inbox_id, failure=failure)


async def postpone_event(tx: Tx, *, item: InboxItem, failure: str) -> None:
    await inbox_store.postpone(tx, inbox_id=item.id, pause=pause(item.tries), failure=failure)
