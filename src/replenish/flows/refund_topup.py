"""A merchant gives money of a top-up back, whole or in part, and takes the credits it bought (law 14)."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, assert_never

import msgspec
import structlog

from replenish.access import operations as access
from replenish.access import queries as workspaces
from replenish.access.model import RequestKey
from replenish.catalog import queries as catalog
from replenish.core import ids
from replenish.core.db import Database
from replenish.core.errors import Conflict, Invalid
from replenish.core.ids import REFUND, RefundId, TopUpId, WorkspaceId
from replenish.core.metadata import Metadata, clean_metadata
from replenish.core.money import ZERO, Money, decimals_of, plain
from replenish.core.text import clean_text
from replenish.core.transaction import Tx, transaction
from replenish.flows._payment_events import refund_event
from replenish.flows._providers import Providers
from replenish.notifications import operations as notifications
from replenish.payments import operations as payments
from replenish.payments import queries as payment_queries
from replenish.payments.model import Payment, Refund, RefundRef
from replenish.payments.provider import Refund as RefundOrder
from replenish.payments.provider import Refunded, RefundRefused, Refunds, Unknown
from replenish.payments.states import ESCALATE_AFTER
from replenish.topups import operations as topups
from replenish.topups import queries as topup_queries
from replenish.topups.model import TopUp, credits_of_refunds
from replenish.wallets import operations as wallets
from replenish.wallets.book import Book
from replenish.wallets.model import WalletRef

log = structlog.stdlib.get_logger(__name__)

_CREATED: Final = 201
_REASON_LONGEST: Final = 500
_ZERO_LEFT: Final = "Nothing of this top-up is left to refund."


class RefundTooLarge(Conflict):
    """More than is left of the payment."""

    code = "refund_too_large"

    def __init__(self, asked: Money, *, paid: Money, refunded: Money, pending: Money) -> None:
        left = paid - refunded - pending
        text = f"{left} of {paid} can still be refunded, not {asked}." if left else _ZERO_LEFT
        numbers = {
            "amount": plain(asked.amount),
            "paid": plain(paid.amount),
            "refunded": plain(refunded.amount),
            "pending": plain(pending.amount),
            "refundable": plain(left.amount),
            "currency": paid.currency,
        }
        super().__init__(text, code=None if left else "already_refunded", numbers=numbers)


class _Desk(msgspec.Struct, kw_only=True):
    """Everything that one refund can change, locked."""

    book: Book
    top_up: TopUp
    payments: Sequence[Payment]
    refunds: Sequence[Refund]


async def refund_topup(
    *,
    db: Database,
    providers: Providers,
    workspace_id: WorkspaceId,
    top_up_id: TopUpId,
    amount: Money | None = None,
    reason: str = "",
    actor: str = "",
    metadata: Metadata | None = None,
    request_key: RequestKey | None = None,
) -> tuple[RefundId, bool]:
    """Give back `amount`, or all that is left. Returns the refund's id and whether this was a replay.

    The refund's state says what became of it; one that nobody is certain of stays `pending` and is carried on by the worker.
    Raises NotFound(top-up), Invalid(amount | reason), RefundTooLarge, Conflict(top_up_not_settled | refund_not_possible).
    """
    clean_text(reason, field="reason", longest=_REASON_LONGEST)
    clean_metadata(metadata or {})
    top_up = await topup_queries.top_up(db, workspace_id=workspace_id, top_up_id=top_up_id)
    await _check_amount(db, top_up=top_up, amount=amount)
    refund_id = ids.REFUND.new()
    async with transaction(db) as tx:
        desk = await _open_desk(tx, top_up=top_up)
        first = await access.claim_request_key(tx, request_key, refund_id, _CREATED, running=True)
        if first is not None:
            return RefundId(first), True
        payment = _settled(desk, providers)
        refund = Refund(
            customer_id=top_up.customer_id,
            id=refund_id,
            workspace_id=workspace_id,
            top_up_id=top_up_id,
            payment_id=payment.id,
            currency_id=payment.currency_id,
            currency=payment.currency,
            amount=_refundable(desk, payment, amount),
            reason=reason,
            actor=actor,
            metadata=metadata or {},
            state="pending",
            request_key=None if request_key is None else request_key.key,
            created_at=desk.book.now,
        )
        await payments.create_refund(tx, refund)
        await wallets.save_books(tx, books=[desk.book])
        await notifications.emit(tx, [refund_event(refund, "created")])
    await carry_on_refund(db=db, providers=providers, ref=refund.ref)
    return refund_id, False


async def _check_amount(db: Database, *, top_up: TopUp, amount: Money | None) -> None:
    if amount is None:
        return
    if amount.currency != top_up.currency:
        raise Invalid("amount", f"this top-up was paid in {top_up.currency}, not in {amount.currency}")
    if amount.amount <= 0:
        raise Invalid("amount", "must be greater than 0")
    currency = await catalog.currency(db, workspace_id=top_up.workspace_id, currency_id=top_up.currency_id)
    if decimals_of(amount.amount) > currency.decimals:
        raise Invalid("amount", f"at most {currency.decimals} decimals are allowed here", code="too_many_decimals")


async def _open_desk(tx: Tx, *, top_up: TopUp) -> _Desk:
    """Lock wallet, top-up, payments and refunds, in this order."""
    wallet = WalletRef(top_up.workspace_id, top_up.customer_id, top_up.credit_currency_id)
    books = await wallets.open_books(tx, refs=[wallet])
    return _Desk(
        book=books[wallet],
        top_up=await topups.lock_top_up(tx, customer_id=top_up.customer_id, top_up_id=top_up.id),
        payments=await payments.lock_payments(tx, customer_id=top_up.customer_id, top_up_id=top_up.id),
        refunds=await payments.lock_refunds(tx, customer_id=top_up.customer_id, top_up_id=top_up.id),
    )


def _settled(desk: _Desk, providers: Providers) -> Payment:
    """The payment that the top-up kept, of a provider that can give money back."""
    payment = next((each for each in desk.payments if each.state == "settled"), None)
    if desk.top_up.state != "settled" or payment is None or payment.outside_id is None:
        raise Conflict(
            f"This top-up is {desk.top_up.state}; only a settled one can be refunded.",
            code="top_up_not_settled",
            numbers={"state": desk.top_up.state},
        )
    if not isinstance(providers.get(payment.provider), Refunds):
        raise Conflict(
            f"Payments made through {payment.provider} cannot be given back from here.",
            code="refund_not_possible",
            numbers={"provider": payment.provider},
        )
    return payment


def _refundable(desk: _Desk, payment: Payment, asked: Money | None) -> Decimal:
    """What is asked, or all that is left; refunds on their way count as made, so that two at once cannot exceed it."""
    refunded = Money(desk.top_up.refunded_amount, payment.currency)
    on_their_way = sum((each.amount for each in desk.refunds if each.state == "pending"), start=ZERO)
    pending = Money(on_their_way, payment.currency)
    left = payment.money - refunded - pending
    wanted = left if asked is None else asked
    if not wanted or wanted > left:
        raise RefundTooLarge(wanted, paid=payment.money, refunded=refunded, pending=pending)
    return wanted.amount


async def carry_on_refund(*, db: Database, providers: Providers, ref: RefundRef) -> Refund:
    """Ask the provider until it is certain, and book what it says; returns the refund as it then stands. Raises NotFound.

    Its key is the refund's id: whoever asks again after a crash or a lost reply never gives back twice.
    """
    refund = await payment_queries.refund_by_ref(db, ref=ref)
    if refund.state != "pending":
        return refund
    answer = await _ask(db, providers=providers, refund=refund)
    top_up = await topup_queries.top_up_of(db, customer_id=ref.customer_id, top_up_id=refund.top_up_id)
    async with transaction(db) as tx:
        desk = await _open_desk(tx, top_up=top_up)
        refund = next(each for each in desk.refunds if each.id == ref.refund_id)
        if refund.state != "pending":
            return refund
        now, told = desk.book.now, ""
        match answer:
            case Refunded(outside_id=outside_id):
                refund = await _take_credits(tx, desk, refund)
                await topups.add_refund(tx, desk.top_up, amount=refund.amount)
                refund = await payments.succeed_refund(tx, refund, outside_id=outside_id, now=now)
                told = "succeeded"
            case RefundRefused(code=code, message=message):
                refund = await payments.fail_refund(tx, refund, code=code, message=message, now=now)
                told = "failed"
            case Unknown():
                since, recorded_at = refund.unknown_since, desk.book.recorded_at
                late = since is not None and recorded_at - since >= ESCALATE_AFTER and refund.escalated_at is None
                refund = await payments.try_refund_again(tx, refund, now=recorded_at, escalate=late)
                told = "unknown" if late else ""
            case _:
                assert_never(answer)
        await wallets.save_books(tx, books=[desk.book])
        if refund.request_key is not None:
            key = RequestKey(workspace_id=refund.workspace_id, key=refund.request_key, fingerprint=b"")
            await access.finish_request_key(tx, key)
        await notifications.emit(tx, [refund_event(refund, told)] if told else [])
    return refund


async def _ask(db: Database, *, providers: Providers, refund: Refund) -> Refunded | RefundRefused | Unknown:
    payment = await payment_queries.payment(db, workspace_id=refund.workspace_id, payment_id=refund.payment_id)
    provider = providers.get(payment.provider)
    if not isinstance(provider, Refunds) or payment.outside_id is None:
        return Unknown(f"{payment.provider} is not set up")
    order = RefundOrder(
        account=payment.provider_account,
        outside_id=payment.outside_id,
        key=REFUND.text(refund.id),
        amount=refund.money,
    )
    try:
        return await provider.refund_payment(order)
    except Exception:
        # A provider that breaks down has not answered; after an hour of that, an operator must learn of it, too.
        log.exception("provider broke down", refund=REFUND.text(refund.id))
        return Unknown("an unexpected error; see the log")


async def _take_credits(tx: Tx, desk: _Desk, refund: Refund) -> Refund:
    """Take this refund's share of the credits; returns the refund with what became of them."""
    book, top_up = desk.book, desk.top_up
    if top_up.lot_id is None:
        raise RuntimeError(f"the settled top-up {top_up.number} has no credit grant")
    (lot,) = await wallets.load_lots(tx, book, lot_ids=[top_up.lot_id])
    lapsed = await wallets.lapsed_of(tx, book, lot=lot)
    owed = await workspaces.refund_policy(tx, workspace_id=top_up.workspace_id) == "owe"
    currency = await catalog.currency(tx, workspace_id=top_up.workspace_id, currency_id=top_up.credit_currency_id)
    share = credits_of_refunds(
        granted=top_up.credit_amount,
        refunded=top_up.refunded_amount + refund.amount,
        paid=top_up.amount,
        decimals=currency.decimals,
    )
    for earlier in desk.refunds:
        share -= earlier.credits
        lapsed -= earlier.credits_lapsed
    back = book.refund(lot, refund_id=refund.id, amount=share, lapsed=lapsed, owe=owed, note=refund.reason)
    return msgspec.structs.replace(
        refund,
        credits=share,
        credits_taken=back.taken,
        credits_lapsed=back.lapsed,
        credits_held=back.held,
        credits_owed=back.owed,
        credits_written_off=back.written_off,
    )


async def reconcile_refunds(*, db: Database, providers: Providers, limit: int = 20) -> int:
    """Take refunds whose next try is due and carry each on; returns how many. Any number of workers may do this."""
    async with transaction(db) as tx:
        due = await payments.claim_due_refunds(tx, limit=limit)
    for ref in due:
        try:
            await carry_on_refund(db=db, providers=providers, ref=ref)
        except Exception:
            # One refund that cannot be carried on must not keep the others waiting; its lease brings it back.
            log.exception("refund not carried on", refund=REFUND.text(ref.refund_id))
    return len(due)
