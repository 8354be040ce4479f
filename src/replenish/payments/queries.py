"""Reads of payments, methods and checkout sessions. Another workspace's or customer's is not found (law 16).

Lists: newest first, ids below `before`.
"""

from collections.abc import Sequence

from replenish.core.db import Reads
from replenish.core.errors import NotFound
from replenish.core.ids import CheckoutSessionId, CustomerId, PaymentId, PaymentMethodId, RefundId, TopUpId, WorkspaceId
from replenish.core.rows import row_to, rows_to
from replenish.payments.model import (
    CheckoutSession,
    OutsideObject,
    Payment,
    PaymentMethod,
    PaymentRef,
    PaymentState,
    Refund,
    RefundRef,
    RefundState,
)
from replenish.payments.store import methods as method_store
from replenish.payments.store import payments as payment_store
from replenish.payments.store import refunds as refund_store
from replenish.payments.store import sessions as session_store


async def payment(
    db: Reads, *, workspace_id: WorkspaceId, payment_id: PaymentId, customer_id: CustomerId | None = None
) -> Payment:
    """With `customer_id`: only when it is theirs. Raises NotFound."""
    found = await payment_store.payment(db, workspace_id=workspace_id, payment_id=payment_id)
    made = None if found is None else row_to(Payment, found)
    if made is None or customer_id not in {None, made.customer_id}:
        raise NotFound("payment")
    return made


async def payment_by_ref(db: Reads, *, ref: PaymentRef) -> Payment:
    """For our own rows that name both. Raises NotFound."""
    found = await payment_store.payment_of(db, customer_id=ref.customer_id, payment_id=ref.payment_id)
    if found is None:
        raise NotFound("payment")
    return row_to(Payment, found)


async def payments_of_top_up(db: Reads, *, customer_id: CustomerId, top_up_id: TopUpId) -> list[Payment]:
    """Every try at paying for it, oldest first."""
    return rows_to(Payment, await payment_store.payments_of_top_up(db, customer_id=customer_id, top_up_id=top_up_id))


async def payments(
    db: Reads,
    *,
    workspace_id: WorkspaceId,
    customer_id: CustomerId | None = None,
    states: Sequence[PaymentState] | None = None,
    escalated: bool = False,
    before: PaymentId | None = None,
    limit: int = 20,
) -> list[Payment]:
    """`escalated`: only those that an operator should look at (unknown for an hour, or unapplied)."""
    rows = await payment_store.payments(
        db,
        workspace_id=workspace_id,
        customer_id=customer_id,
        states=states,
        escalated=escalated,
        before=before,
        limit=limit,
    )
    return rows_to(Payment, rows)


async def refund(
    db: Reads, *, workspace_id: WorkspaceId, refund_id: RefundId, customer_id: CustomerId | None = None
) -> Refund:
    """With `customer_id`: only when it is theirs. Raises NotFound."""
    found = await refund_store.refund(db, workspace_id=workspace_id, refund_id=refund_id)
    made = None if found is None else row_to(Refund, found)
    if made is None or customer_id not in {None, made.customer_id}:
        raise NotFound("refund")
    return made


async def refund_by_ref(db: Reads, *, ref: RefundRef) -> Refund:
    """For our own rows that name both. Raises NotFound."""
    found = await refund_store.refund_of(db, customer_id=ref.customer_id, refund_id=ref.refund_id)
    if found is None:
        raise NotFound("refund")
    return row_to(Refund, found)


async def refunds(
    db: Reads,
    *,
    workspace_id: WorkspaceId,
    customer_id: CustomerId | None = None,
    top_up_id: TopUpId | None = None,
    states: Sequence[RefundState] | None = None,
    escalated: bool = False,
    before: RefundId | None = None,
    limit: int = 20,
) -> list[Refund]:
    """`escalated`: only those that an operator should look at (unknown for an hour, or refused by the provider)."""
    rows = await refund_store.refunds(
        db,
        workspace_id=workspace_id,
        customer_id=customer_id,
        top_up_id=top_up_id,
        states=states,
        escalated=escalated,
        before=before,
        limit=limit,
    )
    return rows_to(Refund, rows)


async def outside_object(db: Reads, *, provider_account: str, outside_id: str) -> OutsideObject | None:
    """Whose a provider's object is, by our own directory."""
    found = await payment_store.outside_object(db, provider_account=provider_account, outside_id=outside_id)
    return None if found is None else row_to(OutsideObject, found)


async def method(db: Reads, *, customer_id: CustomerId, method_id: PaymentMethodId) -> PaymentMethod:
    """Detached ones too: history shows them. Raises NotFound."""
    found = await method_store.method(db, customer_id=customer_id, method_id=method_id)
    if found is None:
        raise NotFound("payment method")
    return row_to(PaymentMethod, found)


async def method_in(db: Reads, *, workspace_id: WorkspaceId, method_id: PaymentMethodId) -> PaymentMethod:
    """For the merchant's API: by workspace. Raises NotFound."""
    found = await method_store.method_in(db, workspace_id=workspace_id, method_id=method_id)
    if found is None:
        raise NotFound("payment method")
    return row_to(PaymentMethod, found)


async def methods(
    db: Reads,
    *,
    workspace_id: WorkspaceId,
    customer_id: CustomerId | None = None,
    before: PaymentMethodId | None = None,
    limit: int = 100,
) -> list[PaymentMethod]:
    """Those that are attached."""
    rows = await method_store.methods(
        db, workspace_id=workspace_id, customer_id=customer_id, before=before, limit=limit
    )
    return rows_to(PaymentMethod, rows)


async def default_method(db: Reads, *, workspace_id: WorkspaceId, customer_id: CustomerId) -> PaymentMethod | None:
    found = await methods(db, workspace_id=workspace_id, customer_id=customer_id)
    return next((method for method in found if method.is_default), None)


async def session(db: Reads, *, workspace_id: WorkspaceId, session_id: CheckoutSessionId) -> CheckoutSession:
    found = await session_store.session(db, workspace_id=workspace_id, session_id=session_id)
    if found is None:
        raise NotFound("checkout session")
    return row_to(CheckoutSession, found)


async def session_by_slug(db: Reads, *, slug: str) -> CheckoutSession:
    """For the public page: whoever holds the address may see it."""
    found = await session_store.by_slug(db, slug=slug)
    if found is None:
        raise NotFound("checkout session")
    return row_to(CheckoutSession, found)


async def sessions(
    db: Reads,
    *,
    workspace_id: WorkspaceId,
    customer_id: CustomerId | None = None,
    before: CheckoutSessionId | None = None,
    limit: int = 20,
) -> list[CheckoutSession]:
    rows = await session_store.sessions(
        db, workspace_id=workspace_id, customer_id=customer_id, before=before, limit=limit
    )
    return rows_to(CheckoutSession, rows)


async def expired_sessions(db: Reads, *, limit: int) -> list[CheckoutSession]:
    """Open ones whose time is over. For the worker."""
    return rows_to(CheckoutSession, await session_store.expired(db, limit=limit))
