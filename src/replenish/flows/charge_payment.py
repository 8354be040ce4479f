"""Charging a saved method: the steps after the decision, with the network between the transactions (law 9)."""

from typing import Literal, assert_never

from replenish.access import queries as workspaces
from replenish.core.db import Database, Reads
from replenish.core.transaction import transaction
from replenish.flows import _recharge_outcome as recharge
from replenish.flows._providers import NoProvider, Providers
from replenish.flows.settle_payment import close_desk, open_desk, settle_payment
from replenish.payments import operations as payments
from replenish.payments import queries as payment_queries
from replenish.payments.model import Payment, PaymentRef
from replenish.payments.provider import Charge, ChargesSavedMethod, Declined, Prepared, Unknown
from replenish.recharge import queries as rules
from replenish.topups import operations as topups
from replenish.topups import queries as topup_queries
from replenish.topups.model import TopUp
from replenish.wallets import queries as wallets
from replenish.wallets.model import WalletRef


async def charge_payment(*, db: Database, providers: Providers, ref: PaymentRef) -> Payment:
    """Carry a decided payment on to the provider's answer; returns it as it then stands.

    Safe to repeat after a crash at any point: the provider knows the payment by our id, and only the process whose
    transaction has marked it submitted sends it. Raises NotFound, NoProvider.
    """
    payment = await payment_queries.payment_by_ref(db, ref=ref)
    provider = providers.get(payment.provider)
    if not isinstance(provider, ChargesSavedMethod):
        raise NoProvider(f"{payment.provider} is not set up.")
    if payment.state != "decided":
        return payment
    top_up = await topup_queries.top_up_of(db, customer_id=ref.customer_id, top_up_id=payment.top_up_id)
    prepared = await provider.prepare_charge(await _charge(db, payment=payment, top_up=top_up))
    match prepared:
        case Declined():
            return await settle_payment(db=db, providers=providers, ref=ref, standing=prepared)
        case Unknown():
            # No money can have moved; the reconciler prepares it again, under the same id.
            return payment
        case Prepared(outside_id=outside_id):
            pass
        case _:
            assert_never(prepared)
    payment, step = await _submit(db, top_up=top_up, ref=ref, outside_id=outside_id)
    if step == "unwanted":
        closed = await provider.close_payment(account=payment.provider_account, outside_id=outside_id)
        return await settle_payment(db=db, providers=providers, ref=ref, standing=closed)
    if step == "others":
        if payment.state == "cancelled":
            await provider.close_payment(account=payment.provider_account, outside_id=outside_id)
        return payment
    outcome = await provider.submit_charge(account=payment.provider_account, outside_id=outside_id)
    return await settle_payment(db=db, providers=providers, ref=ref, standing=outcome)


async def still_wanted(db: Reads, *, payment: Payment, top_up: TopUp) -> bool:
    """The last look before money can move: false when method, rule or permission have been taken back since the decision.

    A crash can lie between the decision and this look, and in it all the time a customer needs to change their mind.
    """
    if payment.payment_method_id is None:
        raise TypeError("a payment on a hosted page is not charged by us")
    method = await payment_queries.method(db, customer_id=payment.customer_id, method_id=payment.payment_method_id)
    ref = WalletRef(top_up.workspace_id, top_up.customer_id, top_up.credit_currency_id)
    wallet = await wallets.wallet(db, ref=ref)
    if method.detached_at is not None or wallet is None or wallet.frozen_at or wallet.customer_frozen_at:
        return False
    if top_up.origin == "manual":
        return True
    rule = await rules.rule_of_wallet(
        db, workspace_id=top_up.workspace_id, customer_id=top_up.customer_id, wallet_id=top_up.wallet_id
    )
    if rule is None or not rule.enabled or rule.suspended_at is not None:
        return False
    # Decided under another rule: it is decided anew, under this one.
    return rule.updated_at <= top_up.created_at


async def _submit(
    db: Database, *, top_up: TopUp, ref: PaymentRef, outside_id: str
) -> tuple[Payment, Literal["ours", "others", "unwanted"]]:
    """Mark it submitted, unless it was called off, or taken on by another process, in the meantime."""
    async with transaction(db) as tx:
        desk = await open_desk(tx, top_up=top_up, ref=ref, refundable=False)
        if desk.payment.state != "decided":
            return desk.payment, "others"
        if not await still_wanted(tx, payment=desk.payment, top_up=desk.top_up):
            return desk.payment, "unwanted"
        desk.payment = await payments.record_submission(tx, desk.payment, outside_id=outside_id, now=desk.book.now)
        desk.top_up = await topups.mark_submitted(tx, desk.top_up)
        desk.events += await recharge.react(tx, book=desk.book, top_up=desk.top_up, payment=desk.payment)
        await close_desk(desk, finish_request=False)
    return desk.payment, "ours"


async def _charge(db: Database, *, payment: Payment, top_up: TopUp) -> Charge:
    if payment.payment_method_id is None:
        raise TypeError("a payment on a hosted page is not charged by us")
    method = await payment_queries.method(db, customer_id=payment.customer_id, method_id=payment.payment_method_id)
    workspace = await workspaces.workspace(db, workspace_id=payment.workspace_id)
    return Charge(
        account=payment.provider_account,
        payment_id=payment.id,
        customer_id=payment.customer_id,
        amount=payment.money,
        method_outside_id=method.outside_id,
        method_outside_customer_id=method.outside_customer_id,
        merchant_name=workspace.name,
        description=describe(top_up),
        customer_present=payment.customer_present,
        return_url=payment.return_url,
    )


def describe(top_up: TopUp) -> str:
    """What stands on the provider's page and on the card holder's statement."""
    return top_up.product_name if top_up.quantity == 1 else f"{top_up.quantity} x {top_up.product_name}"
