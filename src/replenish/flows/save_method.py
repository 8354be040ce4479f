"""Saving a payment method without paying, on a provider's page; choosing the default; letting go."""

from typing import Final, assert_never

import msgspec

from replenish.access import operations as access
from replenish.access import queries as workspaces
from replenish.access.model import RequestKey
from replenish.core.db import Database
from replenish.core.errors import Conflict, Unavailable
from replenish.core.ids import CheckoutSessionId, CustomerId, PaymentMethodId, WorkspaceId
from replenish.core.transaction import transaction
from replenish.customers import queries as customers
from replenish.flows._payment_events import method_event
from replenish.flows._providers import Providers, saves_methods
from replenish.notifications import operations as notifications
from replenish.payments import operations as payments
from replenish.payments import queries as payment_queries
from replenish.payments.model import CheckoutSession
from replenish.payments.next_step import Done, NextStep, Refused, Visit, Wait
from replenish.payments.provider import (
    Cancelled,
    Declined,
    MethodPage,
    MethodSaved,
    NeedsCustomer,
    PageOpened,
    SavesMethods,
    Unknown,
)

_OK: Final = 200
_NO_REPLY: Final = "The payment provider does not answer. Nothing was saved; please try again."


async def open_method_page(
    *,
    db: Database,
    providers: Providers,
    session_id: CheckoutSessionId,
    workspace_id: WorkspaceId,
    return_url: str,
    cancel_url: str,
) -> NextStep:
    """Where the customer of a setup session saves a method: the provider's page, the same one each time.

    Raises NotFound, Conflict for a session that buys, NoProvider, Unavailable.
    """
    session = await payment_queries.session(db, workspace_id=workspace_id, session_id=session_id)
    if session.mode != "setup" or session.customer_id is None:
        raise Conflict("This checkout session does not save a payment method.", code="wrong_session_mode")
    if session.state != "open" or session.page_url is not None:
        return _step(session)
    customer = await customers.customer(db, workspace_id=workspace_id, customer_id=session.customer_id)
    workspace = await workspaces.workspace(db, workspace_id=workspace_id)
    provider, account = await saves_methods(providers, workspace=workspace)
    opened = await provider.open_method_page(
        MethodPage(
            account=account,
            session_id=session.id,
            customer_id=customer.id,
            customer_email=customer.email,
            merchant_name=workspace.name,
            return_url=return_url,
            cancel_url=cancel_url,
            expires_at=session.expires_at,
        )
    )
    match opened:
        case Unknown():
            raise Unavailable(_NO_REPLY)
        case Declined():
            return Refused(opened.code, opened.message)
        case PageOpened():
            pass
        case _:
            assert_never(opened)
    async with transaction(db) as tx:
        session = await payments.lock_session(tx, session_id=session.id)
        if session.state == "open" and session.page_url is None:
            session = await payments.record_method_page(
                tx,
                msgspec.structs.replace(session, provider=provider.name, provider_account=account),
                customer_id=customer.id,
                outside_id=opened.outside_id,
                url=opened.url,
            )
    return _step(session)


async def finish_saving(*, db: Database, providers: Providers, session_id: CheckoutSessionId) -> NextStep:
    """The customer came back, or the provider sent word: keep the method if there is one. Raises NotFound.

    Safe to call any number of times; the session completes once.
    """
    async with transaction(db) as tx:
        session = await payments.lock_session(tx, session_id=session_id)
    provider = providers.get(session.provider or "")
    if session.state != "open" or not isinstance(provider, SavesMethods) or session.outside_id is None:
        return _step(session)
    account = session.provider_account or ""
    saved = await provider.look_up_method_page(account=account, outside_id=session.outside_id)
    match saved:
        case NeedsCustomer(url=url, expires_at=expires_at):
            return Visit(url, expires_at)
        case Unknown():
            return Wait()
        case Cancelled():
            return await _expire(db, session_id)
        case MethodSaved():
            return await _keep(db, session_id=session_id, saved=saved)
        case _:
            assert_never(saved)


async def _keep(db: Database, *, session_id: CheckoutSessionId, saved: MethodSaved) -> NextStep:
    async with transaction(db) as tx:
        session = await payments.lock_session(tx, session_id=session_id)
        if session.state != "open" or session.customer_id is None:
            return _step(session)
        method_id, new = await payments.save_method(
            tx,
            workspace_id=session.workspace_id,
            customer_id=session.customer_id,
            provider=session.provider or "",
            provider_account=session.provider_account or "",
            details=saved.method,
        )
        now = await workspaces.now(tx, session.workspace_id)
        session = await payments.change_session(
            tx,
            msgspec.structs.replace(session, state="complete", payment_method_id=method_id, completed_at=now),
        )
        if new and session.customer_id is not None:
            event = method_event(
                workspace_id=session.workspace_id,
                customer_id=session.customer_id,
                method_id=method_id,
                verb="saved",
                details=saved.method,
            )
            await notifications.emit(tx, [event])
    return _step(session)


async def _expire(db: Database, session_id: CheckoutSessionId) -> NextStep:
    async with transaction(db) as tx:
        session = await payments.lock_session(tx, session_id=session_id)
        if session.state == "open":
            session = await payments.change_session(tx, msgspec.structs.replace(session, state="expired"))
    return _step(session)


def _step(session: CheckoutSession) -> NextStep:
    match session.state:
        case "complete":
            return Done()
        case "expired":
            return Refused("expired", "This page has ended; nothing was saved.")
        case "open":
            return Wait() if session.page_url is None else Visit(session.page_url, session.expires_at)


async def make_default_method(
    *,
    db: Database,
    workspace_id: WorkspaceId,
    customer_id: CustomerId,
    method_id: PaymentMethodId,
    request_key: RequestKey | None = None,
) -> bool:
    """The method that purchases use when none is named; returns whether this was a replay. Raises NotFound."""
    async with transaction(db) as tx:
        if await access.claim_request_key(tx, request_key, method_id, _OK) is not None:
            return True
        await customers.customer(tx, workspace_id=workspace_id, customer_id=customer_id)
        await payments.make_default(tx, customer_id=customer_id, method_id=method_id)
    return False


async def detach_method(
    *,
    db: Database,
    providers: Providers,
    workspace_id: WorkspaceId,
    customer_id: CustomerId,
    method_id: PaymentMethodId,
    request_key: RequestKey | None = None,
) -> bool:
    """Stop using a method, then have its provider forget it; returns whether this was a replay. Raises NotFound.

    Ours comes first: from the commit on nothing charges it, whether the provider hears of it or not.
    """
    async with transaction(db) as tx:
        if await access.claim_request_key(tx, request_key, method_id, _OK) is not None:
            return True
        await customers.customer(tx, workspace_id=workspace_id, customer_id=customer_id)
        method = await payments.detach_method(tx, customer_id=customer_id, method_id=method_id)
        event = method_event(workspace_id=workspace_id, customer_id=customer_id, method_id=method_id, verb="detached")
        await notifications.emit(tx, [event])
    provider = providers.get(method.provider)
    if isinstance(provider, SavesMethods):
        await provider.detach_method(account=method.provider_account, outside_id=method.outside_id)
    return False
