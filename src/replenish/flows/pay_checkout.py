"""Paying a checkout session: its top-up, the provider's page, the way back, and the end of sessions that nobody paid."""

from collections.abc import Sequence
from typing import Final, Literal, assert_never

import msgspec

from replenish.access import queries as workspaces
from replenish.access.model import Workspace
from replenish.core.clock import utc_now
from replenish.core.db import Database
from replenish.core.errors import Conflict, Unavailable
from replenish.core.ids import CheckoutSessionId, CurrencyId
from replenish.core.transaction import Tx, transaction
from replenish.customers import queries as customers
from replenish.customers.model import Customer
from replenish.flows._payment_events import payment_event, top_up_event
from replenish.flows._providers import Providers, opens_checkout
from replenish.flows._sale import Sale, load_sale, new_payment, new_top_up, refuse_unsellable
from replenish.flows.charge_payment import describe
from replenish.flows.open_checkout import SessionEnded
from replenish.flows.settle_payment import close_desk, open_desk, settle_payment
from replenish.notifications import operations as notifications
from replenish.notifications.model import NewEvent
from replenish.payments import operations as payments
from replenish.payments import queries as payment_queries
from replenish.payments.model import UNPAID_STATES, CheckoutSession, Payment
from replenish.payments.next_step import Done, NextStep, Refused, Wait, next_step
from replenish.payments.provider import Checkout, Declined, NotSubmitted, OpensCheckout, PageOpened, Unknown
from replenish.topups import operations as topups
from replenish.topups import queries as topup_queries
from replenish.topups.model import TopUp, quote
from replenish.wallets import operations as wallets
from replenish.wallets.book import Book
from replenish.wallets.model import WalletRef

_NO_REPLY: Final = "The payment provider does not answer. Nothing was charged; please try again."


class _Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What the customer chose on the checkout page, with everything that it needs."""

    workspace: Workspace
    customer: Customer
    sale: Sale
    quantity: int
    save_method: bool
    provider: OpensCheckout
    account: str
    return_url: str


async def pay_checkout(
    *,
    db: Database,
    providers: Providers,
    slug: str,
    quantity: int,
    return_url: str,
    cancel_url: str,
    currency_id: CurrencyId | None = None,
    save_method: bool = False,
) -> NextStep:
    """The customer pressed "Pay": where to send them.

    Pressing it again with the same choice leads to the same page; with another choice the old page is closed and its
    purchase ended, so that only one can be paid; while a payment is being confirmed there is no other.
    Raises NotFound, SessionEnded, Invalid(quantity | currency_id | price_id), CustomerFrozen, WalletFrozen, NoProvider,
    Conflict(customer_missing | wrong_session_mode), Unavailable when the provider does not answer.
    """
    session = await payment_queries.session_by_slug(db, slug=slug)
    if session.mode != "payment" or session.price_id is None:
        raise Conflict("This checkout session buys nothing.", code="wrong_session_mode")
    if session.customer_id is None:
        raise Conflict("Say who is buying first.", code="customer_missing")
    workspace = await workspaces.workspace(db, workspace_id=session.workspace_id)
    customer = await customers.customer(db, workspace_id=workspace.id, customer_id=session.customer_id)
    sale = await load_sale(db, workspace_id=workspace.id, price_id=session.price_id, currency_id=currency_id)
    provider, account = await opens_checkout(providers, workspace=workspace, currency=sale.option.code)
    choice = _Choice(
        workspace=workspace,
        customer=customer,
        sale=sale,
        quantity=quantity if session.quantity_adjustable else session.quantity or 1,
        save_method=save_method and session.customer_known,
        provider=provider,
        account=account,
        return_url=return_url,
    )
    async with transaction(db) as tx:
        session, top_up, payment = await _decide(tx, session_id=session.id, choice=choice)
    if payment.state != "decided":
        return next_step(payment)
    return await _open_page(
        db, providers=providers, choice=choice, session=session, top_up=top_up, payment=payment, cancel_url=cancel_url
    )


async def _decide(tx: Tx, *, session_id: CheckoutSessionId, choice: _Choice) -> tuple[CheckoutSession, TopUp, Payment]:
    """The purchase and the payment to go on with: those that stand, or new ones."""
    session = await payments.lock_session(tx, session_id=session_id)
    if session.customer_id != choice.customer.id:
        raise Conflict("Somebody else is buying here now; reload the page.", code="customer_changed")
    wallet = choice.sale.wallet_of(choice.customer.id)
    book = (await wallets.open_books(tx, refs=[wallet]))[wallet]
    events: list[NewEvent] = []
    if session.top_up_id is not None:
        top_up = await topups.lock_top_up(tx, customer_id=choice.customer.id, top_up_id=session.top_up_id)
        tries = await payments.lock_payments(tx, customer_id=choice.customer.id, top_up_id=top_up.id)
        current = _current(tries, top_up=top_up, choice=choice)
        if current is not None:
            return session, top_up, current
        events += await _call_off(tx, top_up=top_up, tries=tries, book=book, state="cancelled")
    if session.state != "open" or session.expires_at <= utc_now():
        raise SessionEnded
    refuse_unsellable(choice.sale, choice.customer)
    book.refuse_frozen()
    quote(choice.sale.offer, quantity=choice.quantity, balance=book.balance, owed=book.owed)
    top_up = new_top_up(
        choice.sale,
        book=book,
        quantity=choice.quantity,
        origin="manual",
        checkout_session_id=session.id,
        save_method=choice.save_method,
        metadata=session.metadata,
    )
    payment = new_payment(
        top_up,
        provider=choice.provider.name,
        provider_account=choice.account,
        customer_present=True,
        return_url=choice.return_url,
    )
    await topups.create_top_up(tx, top_up)
    await payments.create_payment(tx, payment)
    session = await payments.change_session(
        tx,
        msgspec.structs.replace(session, top_up_id=top_up.id, quantity=top_up.quantity, currency_id=top_up.currency_id),
    )
    await wallets.save_books(tx, books=[book])
    await notifications.emit(tx, [*events, top_up_event(top_up, "created")])
    return session, top_up, payment


def _current(tries: Sequence[Payment], *, top_up: TopUp, choice: _Choice) -> Payment | None:
    """The payment that stands in the way of a new one: being made or made already, or the same choice once more."""
    for payment in tries:
        if payment.state in {"submitted", "confirming", "settled"}:
            return payment
    same = (
        top_up.is_open
        and top_up.quantity == choice.quantity
        and top_up.currency_id == choice.sale.option.currency_id
        and top_up.save_method == choice.save_method
    )
    return next((payment for payment in tries if payment.is_open), None) if same else None


async def _call_off(
    tx: Tx, *, top_up: TopUp, tries: Sequence[Payment], book: Book, state: Literal["cancelled", "expired"]
) -> list[NewEvent]:
    """End what nobody has paid: its pages are closed soon after, and a success that is faster goes back (law 11).

    A payment that is being confirmed keeps its purchase alive: its credits come when its money does.
    """
    events = [
        payment_event(await payments.cancel(tx, payment, now=book.now), "cancelled")
        for payment in tries
        if payment.state in UNPAID_STATES
    ]
    moving = any(payment.state in {"submitted", "confirming"} for payment in tries)
    if top_up.is_open and not moving:
        events.append(top_up_event(await topups.end(tx, top_up, state=state, now=book.now), state))
    return events


async def _open_page(
    db: Database,
    *,
    providers: Providers,
    choice: _Choice,
    session: CheckoutSession,
    top_up: TopUp,
    payment: Payment,
    cancel_url: str,
) -> NextStep:
    opened = await choice.provider.open_checkout(
        Checkout(
            account=payment.provider_account,
            payment_id=payment.id,
            customer_id=payment.customer_id,
            customer_email=choice.customer.email,
            amount=payment.money,
            merchant_name=choice.workspace.name,
            description=describe(top_up),
            save_method=top_up.save_method,
            return_url=payment.return_url,
            cancel_url=cancel_url,
            expires_at=session.expires_at,
        )
    )
    match opened:
        case Unknown():
            raise Unavailable(_NO_REPLY)
        case Declined():
            return next_step(await settle_payment(db=db, providers=providers, ref=payment.ref, standing=opened))
        case PageOpened():
            pass
        case _:
            assert_never(opened)
    async with transaction(db) as tx:
        desk = await open_desk(tx, top_up=top_up, ref=payment.ref, refundable=False)
        if desk.payment.state == "decided":
            desk.payment = await payments.record_page(tx, desk.payment, outside_id=opened.outside_id, url=opened.url)
            await close_desk(desk)
    return next_step(desk.payment)


async def return_to_checkout(*, db: Database, providers: Providers, slug: str) -> NextStep:
    """The customer came back from the provider's page: ask the provider, book its answer, say what is next.

    Safe to call any number of times: the page that waits for a confirmation asks again and again. Raises NotFound.
    """
    session = await payment_queries.session_by_slug(db, slug=slug)
    if session.customer_id is None or session.top_up_id is None:
        return Refused("not_paid", "Nothing was paid.") if session.state == "expired" else Wait()
    tries = await payment_queries.payments_of_top_up(db, customer_id=session.customer_id, top_up_id=session.top_up_id)
    latest: Payment | None = None
    for payment in tries:
        latest = await _look_up(db, providers=providers, payment=payment)
        if latest.state == "settled":
            return Done()
    return Wait() if latest is None else next_step(latest)


async def _look_up(db: Database, *, providers: Providers, payment: Payment) -> Payment:
    provider = providers.get(payment.provider)
    if not payment.is_open or provider is None or payment.outside_id is None:
        return payment
    standing = await provider.look_up_payment(account=payment.provider_account, outside_id=payment.outside_id)
    if isinstance(standing, Unknown | NotSubmitted):
        return payment
    return await settle_payment(db=db, providers=providers, ref=payment.ref, standing=standing)


async def expire_checkout_session(*, db: Database, session_id: CheckoutSessionId) -> CheckoutSession:
    """End a session now; what nobody has paid on it is called off. One that is complete stays so. Raises NotFound."""
    async with transaction(db) as tx:
        session = await payments.lock_session(tx, session_id=session_id)
        if session.state != "open":
            return session
        events: list[NewEvent] = []
        if session.customer_id is not None and session.top_up_id is not None:
            top_up = await topup_queries.top_up_of(tx, customer_id=session.customer_id, top_up_id=session.top_up_id)
            wallet = WalletRef(top_up.workspace_id, top_up.customer_id, top_up.credit_currency_id)
            book = (await wallets.open_books(tx, refs=[wallet]))[wallet]
            top_up = await topups.lock_top_up(tx, customer_id=top_up.customer_id, top_up_id=top_up.id)
            tries = await payments.lock_payments(tx, customer_id=top_up.customer_id, top_up_id=top_up.id)
            events = await _call_off(tx, top_up=top_up, tries=tries, book=book, state="expired")
            await wallets.save_books(tx, books=[book])
        session = await payments.change_session(tx, msgspec.structs.replace(session, state="expired"))
        await notifications.emit(tx, events)
    return session


async def expire_sessions(*, db: Database, limit: int = 100) -> int:
    """End the open sessions whose time is over; returns how many. For the worker."""
    due = await payment_queries.expired_sessions(db, limit=limit)
    for session in due:
        await expire_checkout_session(db=db, session_id=session.id)
    return len(due)
