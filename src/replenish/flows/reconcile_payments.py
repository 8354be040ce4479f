"""Carrying payments on: after a crash, a lost reply, a silent provider. Asks about that id and no other (law 9)."""

from datetime import UTC, datetime, timedelta

import structlog

from replenish.core.clock import utc_now
from replenish.core.db import Database
from replenish.core.ids import PAYMENT, PaymentId
from replenish.core.transaction import transaction
from replenish.flows._providers import Providers
from replenish.flows.charge_payment import charge_payment, still_wanted
from replenish.flows.refund_unapplied import refund_unapplied
from replenish.flows.settle_payment import settle_payment
from replenish.payments import operations as payments
from replenish.payments import queries as payment_queries
from replenish.payments.model import Payment, PaymentRef
from replenish.payments.provider import Cancelled, ChargesSavedMethod, NotSubmitted, Provider, Standing, Unknown
from replenish.payments.states import ABANDON_AFTER
from replenish.topups import queries as topup_queries

log = structlog.stdlib.get_logger(__name__)


async def reconcile_payments(*, db: Database, providers: Providers, limit: int = 20) -> int:
    """Take payments whose next look is due and carry each on; returns how many. Any number of workers may do this."""
    async with transaction(db) as tx:
        due = await payments.claim_due_payments(tx, limit=limit)
    for ref in due:
        try:
            await _carry_on_or_note(db=db, providers=providers, ref=ref)
        except Exception:
            # One payment that cannot be booked must not keep the others waiting; its lease brings it back.
            log.exception("payment not reconciled", payment=PAYMENT.text(ref.payment_id))
    return len(due)


async def _carry_on_or_note(*, db: Database, providers: Providers, ref: PaymentRef) -> None:
    """A provider that breaks down has not answered: after an hour of that, an operator must learn of it, too."""
    try:
        await carry_on(db=db, providers=providers, ref=ref)
    except Exception:
        log.exception("provider broke down", payment=PAYMENT.text(ref.payment_id))
        standing = Unknown("an unexpected error; see the log")
        await settle_payment(db=db, providers=providers, ref=ref, standing=standing)


async def carry_on(*, db: Database, providers: Providers, ref: PaymentRef) -> Payment:
    """Do what one payment's state asks for; returns it as it then stands. Raises NotFound."""
    payment = await payment_queries.payment_by_ref(db, ref=ref)
    provider = providers.get(payment.provider)
    if payment.state == "unapplied":
        return await refund_unapplied(db=db, providers=providers, ref=ref)
    if provider is None:
        standing: Standing = Unknown(f"{payment.provider} is not set up")
    elif payment.outside_id is None:
        # The provider's id is stored before anything is submitted or shown: without it no money can have moved.
        if payment.state == "decided" and not payment.hosted and _age(payment.id) < ABANDON_AFTER:
            return await charge_payment(db=db, providers=providers, ref=ref)
        standing = Cancelled("closed")
    else:
        standing = await _ask(db, provider, payment, payment.outside_id)
    return await settle_payment(db=db, providers=providers, ref=ref, standing=standing)


async def _ask(db: Database, provider: Provider, payment: Payment, outside_id: str) -> Standing:
    account = payment.provider_account
    if payment.state == "cancelled":
        return await provider.close_payment(account=account, outside_id=outside_id)
    standing = await provider.look_up_payment(account=account, outside_id=outside_id)
    if not isinstance(standing, NotSubmitted) or not payment.is_open:
        return standing
    # Nobody has submitted it, the provider says: the process that was to do it is gone.
    top_up = await topup_queries.top_up_of(db, customer_id=payment.customer_id, top_up_id=payment.top_up_id)
    expected = _age(payment.id) < ABANDON_AFTER and await still_wanted(db, payment=payment, top_up=top_up)
    if isinstance(provider, ChargesSavedMethod) and expected:
        return await provider.submit_charge(account=account, outside_id=outside_id)
    return await provider.close_payment(account=account, outside_id=outside_id)


async def close_payment(*, db: Database, providers: Providers, ref: PaymentRef) -> Payment:
    """End a payment that waits for its customer. One that was made at the last moment is settled instead (law 11)."""
    payment = await payment_queries.payment_by_ref(db, ref=ref)
    provider = providers.get(payment.provider)
    if payment.outside_id is None or provider is None:
        return await carry_on(db=db, providers=providers, ref=ref)
    standing = await provider.close_payment(account=payment.provider_account, outside_id=payment.outside_id)
    return await settle_payment(db=db, providers=providers, ref=ref, standing=standing)


def _age(payment_id: PaymentId) -> timedelta:
    """Real time since it was decided: the id begins with the millisecond it was made in; a test clock does not move it."""
    return utc_now() - datetime.fromtimestamp((payment_id.int >> 80) / 1000, tz=UTC)
