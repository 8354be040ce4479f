"""The one door through which money becomes credits.

The direct reply, the provider's message, the chain watcher and the reconciler all come here with what the provider says.
"""

from collections.abc import Sequence
from typing import Literal, assert_never

import msgspec

from replenish.access import operations as access
from replenish.access.model import RequestKey
from replenish.catalog.model import expiry
from replenish.core.db import Database
from replenish.core.ids import PaymentMethodId
from replenish.core.transaction import Tx, transaction
from replenish.flows import _recharge_outcome as recharge
from replenish.flows._ipn import owe_notification
from replenish.flows._payment_events import method_event, payment_event, top_up_event
from replenish.flows._providers import Providers
from replenish.flows.grant_credits import granted
from replenish.notifications import operations as notifications
from replenish.notifications.model import NewEvent
from replenish.payments import operations as payments
from replenish.payments import queries as payment_queries
from replenish.payments.model import UNPAID_STATES, CheckoutSession, Payment, PaymentRef
from replenish.payments.provider import Cancelled, Declined, NeedsCustomer, Refunds, Settled, Standing, Unknown
from replenish.payments.states import ESCALATE_AFTER, Verdict, judge
from replenish.topups import operations as topups
from replenish.topups import queries as topup_queries
from replenish.topups.model import TopUp
from replenish.wallets import operations as wallets
from replenish.wallets.book import Book, NewLot
from replenish.wallets.model import WalletRef


class Desk(msgspec.Struct, kw_only=True):
    """Everything that one payment can change, locked."""

    tx: Tx
    book: Book
    session: CheckoutSession | None
    top_up: TopUp
    payment: Payment
    others: Sequence[Payment]
    refundable: bool
    events: list[NewEvent] = msgspec.field(default_factory=list[NewEvent])

    @property
    def last_one(self) -> bool:
        """Whether nothing else can still pay for the top-up."""
        return not any(other.is_open for other in self.others)


async def settle_payment(*, db: Database, providers: Providers, ref: PaymentRef, standing: Standing) -> Payment:
    """Book what a provider says about one payment; returns it as it then stands. Raises NotFound.

    Safe to call any number of times, from anywhere, in any order (law 8). Consequences at the provider (closing other
    pages, giving an unwanted payment back) become due rows, which `reconcile_payments` carries out.
    """
    payment = await payment_queries.payment_by_ref(db, ref=ref)
    top_up = await topup_queries.top_up_of(db, customer_id=ref.customer_id, top_up_id=payment.top_up_id)
    async with transaction(db) as tx:
        desk = await open_desk(
            tx, top_up=top_up, ref=ref, refundable=isinstance(providers.get(payment.provider), Refunds)
        )
        verdict = judge(payment=desk.payment.state, top_up_open=desk.top_up.is_open, standing=standing)
        await _act(desk, verdict, standing)
        desk.events += await recharge.react(tx, book=desk.book, top_up=desk.top_up, payment=desk.payment)
        await close_desk(desk)
    return desk.payment


async def open_desk(tx: Tx, *, top_up: TopUp, ref: PaymentRef, refundable: bool) -> Desk:
    """Lock session, wallet, top-up and payments, in this order."""
    session = None
    if top_up.checkout_session_id is not None:
        session = await payments.lock_session(tx, session_id=top_up.checkout_session_id)
    wallet = WalletRef(top_up.workspace_id, top_up.customer_id, top_up.credit_currency_id)
    books = await wallets.open_books(tx, refs=[wallet])
    locked = await topups.lock_top_up(tx, customer_id=top_up.customer_id, top_up_id=top_up.id)
    tries = await payments.lock_payments(tx, customer_id=top_up.customer_id, top_up_id=top_up.id)
    return Desk(
        tx=tx,
        book=books[wallet],
        session=session,
        top_up=locked,
        payment=next(one for one in tries if one.id == ref.payment_id),
        others=[one for one in tries if one.id != ref.payment_id],
        refundable=refundable,
    )


async def close_desk(desk: Desk, *, finish_request: bool = True) -> None:
    """Write the book, finish the request that bought it, tell what happened: events last."""
    await wallets.save_books(desk.tx, books=[desk.book])
    if finish_request and desk.top_up.request_key is not None:
        key = RequestKey(workspace_id=desk.top_up.workspace_id, key=desk.top_up.request_key, fingerprint=b"")
        await access.finish_request_key(desk.tx, key)
    await notifications.emit(desk.tx, desk.events)


async def _act(desk: Desk, verdict: Verdict, standing: Standing) -> None:
    match verdict:
        case Verdict.GRANT:
            await _grant(desk, standing)
        case Verdict.UNWANTED:
            await _keep_unapplied(desk)
        case Verdict.DECLINE:
            await _decline(desk, standing)
        case Verdict.CANCEL:
            await _cancel(desk, standing)
        case Verdict.WAIT_FOR_CUSTOMER:
            await _await_customer(desk, standing)
        case Verdict.CONFIRM:
            await _confirm(desk)
        case Verdict.LOOK_AGAIN:
            await _look_again(desk, standing)
        case Verdict.REST:
            # An unapplied payment's next look is its refund; a second message about it must not call that off.
            if desk.payment.state != "unapplied":
                desk.payment = await payments.rest(desk.tx, desk.payment)
        case _:
            assert_never(verdict)


async def _grant(desk: Desk, standing: Standing) -> None:
    """From here it must succeed: the money has moved."""
    book, top_up, now = desk.book, desk.top_up, desk.book.now
    lot_id = book.grant(
        NewLot(
            amount=top_up.credit_amount,
            category="paid",
            source="top_up",
            source_id=top_up.id,
            priority=top_up.credit_priority,
            name=top_up.product_name,
            expires_at=expiry(now, value=top_up.valid_duration_value, unit=top_up.valid_duration_unit),
            scope=tuple(top_up.credit_scope),
            cost_amount=top_up.amount,
            cost_currency_id=top_up.currency_id,
        )
    )
    desk.payment = await payments.settle(desk.tx, desk.payment, now=now)
    desk.top_up = await topups.settle(desk.tx, top_up, lot_id=lot_id, now=now)
    await owe_notification(desk.tx, book=book, top_up=desk.top_up, payment=desk.payment)
    await cancel_unpaid(desk, desk.others)
    desk.events += [granted(book, book.lots[lot_id]), payment_event(desk.payment, "settled")]
    desk.events.append(top_up_event(desk.top_up, "settled"))
    method_id = await _keep_method(desk, standing)
    if desk.session is not None and desk.session.state != "complete":
        session = msgspec.structs.replace(
            desk.session, state="complete", completed_at=book.recorded_at, payment_method_id=method_id
        )
        desk.session = await payments.change_session(desk.tx, session)


async def _keep_method(desk: Desk, standing: Standing) -> PaymentMethodId | None:
    """Save the method that has paid, when the customer asked for it; returns its id."""
    if not isinstance(standing, Settled) or standing.method is None or not desk.top_up.save_method:
        return None
    method_id, new = await payments.save_method(
        desk.tx,
        workspace_id=desk.payment.workspace_id,
        customer_id=desk.payment.customer_id,
        provider=desk.payment.provider,
        provider_account=desk.payment.provider_account,
        details=standing.method,
    )
    if new:
        desk.events.append(
            method_event(
                workspace_id=desk.payment.workspace_id,
                customer_id=desk.payment.customer_id,
                method_id=method_id,
                verb="saved",
                details=standing.method,
            )
        )
    return method_id


async def cancel_unpaid(desk: Desk, tries: Sequence[Payment]) -> None:
    """Call off the payments that nobody can have made yet; their pages are closed soon after."""
    for other in tries:
        if other.state in UNPAID_STATES:
            cancelled = await payments.cancel(desk.tx, other, now=desk.book.now)
            desk.events.append(payment_event(cancelled, "cancelled"))


async def _keep_unapplied(desk: Desk) -> None:
    desk.payment = await payments.keep_unapplied(desk.tx, desk.payment, now=desk.book.now, refundable=desk.refundable)
    desk.events.append(payment_event(desk.payment, "unapplied"))


async def _decline(desk: Desk, standing: Standing) -> None:
    if not isinstance(standing, Declined):
        raise TypeError(f"{standing!r} is no decline")
    desk.payment = await payments.decline(desk.tx, desk.payment, declined=standing, now=desk.book.now)
    desk.events.append(payment_event(desk.payment, "declined"))
    await _end_top_up(desk, "failed")


async def _cancel(desk: Desk, standing: Standing) -> None:
    expired = isinstance(standing, Cancelled) and standing.reason == "expired"
    # The provider has said that nobody can pay it any more (or never knew of it), so it is not watched further.
    desk.payment = await payments.rest(desk.tx, await payments.cancel(desk.tx, desk.payment, now=desk.book.now))
    desk.events.append(payment_event(desk.payment, "cancelled"))
    await _end_top_up(desk, "expired" if expired else "cancelled")


async def _end_top_up(desk: Desk, state: Literal["failed", "cancelled", "expired"]) -> None:
    if desk.top_up.is_open and desk.last_one:
        desk.top_up = await topups.end(desk.tx, desk.top_up, state=state, now=desk.book.now)
        desk.events.append(top_up_event(desk.top_up, state))


async def _await_customer(desk: Desk, standing: Standing) -> None:
    if not isinstance(standing, NeedsCustomer):
        raise TypeError(f"{standing!r} needs no customer")
    before = desk.payment.state
    desk.payment = await payments.await_customer(desk.tx, desk.payment, url=standing.url)
    if before != "needs_customer":
        desk.events.append(payment_event(desk.payment, "needs_customer"))
    if desk.top_up.state == "submitted" and desk.last_one:
        desk.top_up = await topups.mark_open(desk.tx, desk.top_up)


async def _confirm(desk: Desk) -> None:
    before = desk.payment.state
    desk.payment = await payments.confirm(desk.tx, desk.payment)
    if before != "confirming":
        desk.events.append(payment_event(desk.payment, "confirming"))
    if desk.top_up.state == "open":
        desk.top_up = await topups.mark_submitted(desk.tx, desk.top_up)


async def _look_again(desk: Desk, standing: Standing) -> None:
    """An unknown stays open for as long as it takes; after an hour an operator is told, once (law 9)."""
    payment, now = desk.payment, desk.book.recorded_at
    unknown = isinstance(standing, Unknown)
    since = payment.unknown_since
    escalate = unknown and since is not None and now - since >= ESCALATE_AFTER and payment.escalated_at is None
    desk.payment = await payments.look_again(desk.tx, payment, now=now, unknown=unknown, escalate=escalate)
    if escalate:
        desk.events.append(payment_event(desk.payment, "unknown"))
