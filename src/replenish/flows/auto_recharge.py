"""One automatic top-up: decide and store the intent under the wallet's lock, then have it paid (law 9, 10, 12).

Several workers at once are safe: a wallet's mark is claimed with SKIP LOCKED and taken under the wallet's lock, and its
one open attempt is a unique index. From the first commit on the payment's row is the job: whoever carries payments on
after a crash carries this one on, too.
"""

from datetime import timedelta
from typing import Final

import msgspec

from replenish.access import queries as workspaces
from replenish.core.db import Database
from replenish.core.ids import RECHARGE_ATTEMPT
from replenish.core.money import Credits, grouped
from replenish.core.transaction import Tx, savepoint, transaction
from replenish.flows import _recharge_facts as facts
from replenish.flows._providers import Providers
from replenish.flows._recharge_parts import rearm, tell, without_reason
from replenish.flows._sale import Sale, new_payment, new_top_up
from replenish.flows.charge_payment import charge_payment
from replenish.flows.reconcile_payments import close_payment
from replenish.notifications import operations as notifications
from replenish.notifications.model import NewEvent
from replenish.payments import operations as payments
from replenish.payments.model import PaymentMethod, PaymentRef
from replenish.recharge import operations as recharge
from replenish.recharge import policy
from replenish.recharge.model import Attempt, Rule
from replenish.recharge.policy import Charge, NoCharge, Verdict
from replenish.topups import operations as topups
from replenish.topups import queries as topup_queries
from replenish.wallets import operations as wallets
from replenish.wallets.book import Book
from replenish.wallets.model import WalletRef

# A wallet whose look fails is left alone this long, so that it does not keep the worker from all others.
_AFTER_FAILURE: Final = timedelta(minutes=1)


async def recharge_due_wallet(*, db: Database, providers: Providers, return_url: str) -> bool:
    """Look at one wallet that is due, and charge if its rule says so. False when none was due.

    `return_url` is where a bank's authentication page sends the customer back to. Raises what a broken provider raises;
    the intent is stored by then and carried on by `flows.reconcile_payments`.
    """
    payment: PaymentRef | None = None
    failure: Exception | None = None
    async with transaction(db) as tx:
        ref = await wallets.claim_due(tx)
        if ref is None:
            return False
        try:
            async with savepoint(tx):
                payment = await _look(tx, ref=ref, providers=providers, return_url=return_url)
        except Exception as error:  # noqa: BLE001 - raised again below, once the postponed look is stored
            # Under the same claim: between two transactions another worker would look at it, and fail, too.
            await wallets.postpone_look(tx, ref=ref, wait=_AFTER_FAILURE)
            failure = error
    if failure is not None:
        raise failure
    if payment is not None:
        await charge_payment(db=db, providers=providers, ref=payment)
    return True


async def _look(tx: Tx, *, ref: WalletRef, providers: Providers, return_url: str) -> PaymentRef | None:
    """Transaction 1: judge the wallet; the attempt with its fixed amount, or the changed reason for none."""
    book = (await wallets.open_books(tx, refs=[ref]))[ref]
    await wallets.take_mark(tx, book=book)
    rule = await recharge.lock_rule(tx, customer_id=ref.customer_id, wallet_id=book.wallet.id)
    if rule is None:
        await wallets.act_below(tx, book=book, line=None, look_again_at=None)
        await wallets.save_books(tx, books=[book])
        return None
    case = await _read_case(tx, book=book, rule=rule, providers=providers)
    match case.verdict:
        case NoCharge() as refusal:
            events = await _refuse(tx, case=case, refusal=refusal)
            made = None
        case Charge() as charge:
            made = await _store_intent(tx, case=case, charge=charge, return_url=return_url)
            events = []
    await wallets.save_books(tx, books=[book])
    await notifications.emit(tx, events)
    return made


class _Case(msgspec.Struct, frozen=True, kw_only=True):
    """One wallet as it was judged."""

    book: Book
    rule: Rule
    sale: Sale | None
    method: PaymentMethod | None
    pending: Credits
    open_attempt: Attempt | None
    verdict: Verdict


async def _read_case(tx: Tx, *, book: Book, rule: Rule, providers: Providers) -> _Case:
    wallet = book.wallet
    open_attempt = await recharge.lock_open_attempt(tx, customer_id=wallet.customer_id, wallet_id=wallet.id)
    workspace = await workspaces.workspace(tx, workspace_id=wallet.workspace_id)
    window = policy.windows(book.now, zone=workspace.time_zone)
    sale = await facts.sale_of(tx, ref=wallet.ref, price_id=rule.price_id, currency_id=rule.currency_id)
    offer = None if sale is None else facts.offer_of(sale, await facts.settings_of(tx, sale), agreed=True)
    method = await facts.method_of(tx, customer_id=wallet.customer_id, method_id=rule.payment_method_id)
    code = None if offer is None else offer.sale.unit.currency
    pending = await topup_queries.pending_credits(tx, customer_id=wallet.customer_id, wallet_id=wallet.id)
    verdict = policy.decide(
        balance=book.balance,
        pending=pending,
        frozen=wallet.frozen_at is not None or wallet.customer_frozen_at is not None,
        rule=rule,
        offer=offer,
        method=facts.chargeable(method, providers=providers, currency=code),
        history=await recharge.history(tx, rule=rule, open_attempt=open_attempt, window=window),
        now=book.now,
        window=window,
    )
    return _Case(
        book=book,
        rule=rule,
        sale=sale,
        method=method,
        pending=pending,
        open_attempt=open_attempt,
        verdict=verdict,
    )


async def _refuse(tx: Tx, *, case: _Case, refusal: NoCharge) -> list[NewEvent]:
    """Keep the reason, and when to look again, so that usage on a low wallet does not ask the same question all day."""
    book, rule = case.book, case.rule
    events: list[NewEvent] = []
    look_again_at = refusal.until or book.now + policy.LOOK_AGAIN
    line = rule.threshold
    match refusal.reason:
        case "not_enabled" | "suspended":
            line, look_again_at = None, None
        case "not_low":
            rule, look_again_at = without_reason(rule, book), None
        case "in_flight" | "waiting_for_customer":
            pass
        case "covered" if case.open_attempt is not None:
            pass
        case _:
            rule, events = await tell(tx, book=book, rule=rule, refusal=refusal, pending=case.pending)
    if rule is not case.rule:
        await recharge.save_rule(tx, rule=rule)
    await wallets.act_below(tx, book=book, line=line, look_again_at=look_again_at)
    return events


async def _store_intent(tx: Tx, *, case: _Case, charge: Charge, return_url: str) -> PaymentRef:
    """Attempt, top-up and payment with their fixed amount: from the commit on, the payment's row is the job."""
    book, rule, sale, method = case.book, case.rule, case.sale, case.method
    if sale is None or method is None:
        raise RuntimeError("the policy charged a price or a method that is not there")
    attempt_id = RECHARGE_ATTEMPT.new()
    top_up = new_top_up(
        sale,
        book=book,
        quantity=charge.packs,
        origin="automatic",
        payment_method_id=method.id,
        recharge_attempt_id=attempt_id,
    )
    payment = new_payment(
        top_up,
        provider=method.provider,
        provider_account=method.provider_account,
        customer_present=False,
        return_url=return_url,
    )
    if (top_up.money, top_up.credit_amount) != (charge.amount, charge.credits):
        raise RuntimeError(f"{top_up.money} would be charged where {charge.amount} was decided")
    attempt = Attempt(
        customer_id=rule.customer_id,
        id=attempt_id,
        workspace_id=rule.workspace_id,
        wallet_id=rule.wallet_id,
        rule_id=rule.id,
        state="decided",
        reason="low_balance",
        detail=f"The balance of {grouped(book.balance)} was below {grouped(rule.threshold)}.",
        balance=book.balance,
        pending=case.pending,
        threshold=rule.threshold,
        packs=charge.packs,
        currency_id=rule.currency_id,
        amount=charge.amount.amount,
        credits=charge.credits,
        top_up_id=top_up.id,
        payment_id=payment.id,
        payment_method_id=method.id,
        created_at=book.now,
    )
    cleared = msgspec.structs.replace(rule, reason=None, reason_detail=None, reason_until=None, reason_at=None)
    await recharge.save_rule(tx, rule=cleared)
    await recharge.add_attempt(tx, attempt=attempt)
    await topups.create_top_up(tx, top_up)
    await payments.create_payment(tx, payment)
    await rearm(tx, book=book, rule=cleared)
    return payment.ref


async def end_expired_link(*, db: Database, providers: Providers) -> bool:
    """End one attempt whose customer did not authenticate within the link's time. False when there was none.

    Asks the provider to close it first: a customer who made it at the last moment has paid, and keeps the credits.
    """
    async with transaction(db) as tx:
        attempt = await recharge.claim_expired_link(tx)
    if attempt is None:
        return False
    if attempt.payment_id is None:
        raise RuntimeError(f"recharge attempt {attempt.id} waits for its customer without a payment")
    await close_payment(db=db, providers=providers, ref=PaymentRef(attempt.customer_id, attempt.payment_id))
    return True
