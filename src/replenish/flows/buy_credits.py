"""Buying credits: what it would cost, and a purchase with a saved method."""

from typing import Final

import msgspec

from replenish.access import operations as access
from replenish.access import queries as workspaces
from replenish.access.model import RequestKey
from replenish.core import ids
from replenish.core.db import Database, Reads
from replenish.core.errors import Invalid, NotFound, Refusal
from replenish.core.ids import CurrencyId, CustomerId, PaymentMethodId, PriceId, TopUpId, WorkspaceId
from replenish.core.metadata import Metadata, clean_metadata
from replenish.core.transaction import transaction
from replenish.customers import queries as customers
from replenish.customers.model import Customer
from replenish.flows._payment_events import top_up_event
from replenish.flows._providers import Providers, charges
from replenish.flows._sale import Sale, load_sale, new_payment, new_top_up, refuse_unsellable
from replenish.flows.charge_payment import charge_payment
from replenish.notifications import operations as notifications
from replenish.payments import operations as payments
from replenish.payments import queries as payment_queries
from replenish.payments.model import PaymentMethod
from replenish.payments.next_step import NextStep, next_step
from replenish.topups import operations as topups
from replenish.topups.model import Quote, quote
from replenish.wallets import operations as wallets
from replenish.wallets import queries as wallet_queries

_CREATED: Final = 201


class Purchase(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase and what its customer does next. `replayed`: the same request had made it before (law 7)."""

    top_up_id: TopUpId
    step: NextStep
    replayed: bool


async def quote_credits(
    *,
    db: Reads,
    workspace_id: WorkspaceId,
    price_id: PriceId,
    quantity: int,
    currency_id: CurrencyId | None = None,
    customer_id: CustomerId | None = None,
) -> Quote:
    """What `quantity` units cost, and what the customer will have afterwards; for nobody in particular: from zero.

    Raises NotFound(price | customer), Invalid(price_id | currency_id | quantity), CustomerFrozen.
    """
    customer = None
    if customer_id is not None:
        customer = await customers.customer(db, workspace_id=workspace_id, customer_id=customer_id)
    sale = await load_sale(db, workspace_id=workspace_id, price_id=price_id, currency_id=currency_id)
    refuse_unsellable(sale, customer)
    return await _quote(db, sale=sale, quantity=quantity, customer_id=customer_id)


async def _quote(db: Reads, *, sale: Sale, quantity: int, customer_id: CustomerId | None) -> Quote:
    nothing = sale.credit.amount - sale.credit.amount
    if customer_id is None:
        return quote(sale.offer, quantity=quantity, balance=nothing, owed=nothing)
    now = await workspaces.now(db, sale.price.workspace_id)
    found = await wallet_queries.balance(db, ref=sale.wallet_of(customer_id), now=now)
    return quote(sale.offer, quantity=quantity, balance=found.balance, owed=found.owed)


async def buy_with_saved_method(
    *,
    db: Database,
    providers: Providers,
    workspace_id: WorkspaceId,
    customer_id: CustomerId,
    price_id: PriceId,
    quantity: int,
    return_url: str,
    currency_id: CurrencyId | None = None,
    payment_method_id: PaymentMethodId | None = None,
    customer_present: bool = False,
    metadata: Metadata | None = None,
    request_key: RequestKey | None = None,
) -> Purchase:
    """Buy now, with this method or the customer's default one, and charge it.

    `return_url`: where a bank's page sends the customer back to. Whatever the provider answers, the purchase stands and
    says what became of it; a lost reply leaves it waiting for the reconciler.
    Raises NotFound(customer | price | payment method), Invalid(price_id | currency_id | quantity | payment_method_id),
    CustomerFrozen, WalletFrozen, NoProvider, Conflict(in_progress | idempotency_mismatch).
    """
    clean_metadata(metadata or {})
    customer = await customers.customer(db, workspace_id=workspace_id, customer_id=customer_id)
    sale = await load_sale(db, workspace_id=workspace_id, price_id=price_id, currency_id=currency_id)
    wallet = sale.wallet_of(customer_id)
    chosen = await _choose(db, providers=providers, sale=sale, customer=customer, method_id=payment_method_id)
    top_up_id = ids.TOP_UP.new()
    async with transaction(db) as tx:
        book = (await wallets.open_books(tx, refs=[wallet]))[wallet]
        made = await access.claim_request_key(tx, request_key, top_up_id, _CREATED, running=True)
        if made is not None:
            return await standing_of(db=tx, customer_id=customer_id, top_up_id=TopUpId(made), replayed=True)
        refuse_unsellable(sale, customer)
        book.refuse_frozen()
        quote(sale.offer, quantity=quantity, balance=book.balance, owed=book.owed)
        if isinstance(chosen, Refusal):
            raise chosen
        top_up = new_top_up(
            sale,
            book=book,
            quantity=quantity,
            origin="manual",
            top_up_id=top_up_id,
            payment_method_id=chosen.id,
            metadata=metadata,
            request_key=None if request_key is None else request_key.key,
        )
        payment = new_payment(
            top_up,
            provider=chosen.provider,
            provider_account=chosen.provider_account,
            customer_present=customer_present,
            return_url=return_url,
        )
        await topups.create_top_up(tx, top_up)
        await payments.create_payment(tx, payment)
        await wallets.save_books(tx, books=[book])
        await notifications.emit(tx, [top_up_event(top_up, "created")])
    payment = await charge_payment(db=db, providers=providers, ref=payment.ref)
    return Purchase(top_up_id=top_up_id, step=next_step(payment), replayed=False)


async def standing_of(*, db: Reads, customer_id: CustomerId, top_up_id: TopUpId, replayed: bool = False) -> Purchase:
    """A purchase as it is now: by its settled payment, else by its newest. Raises NotFound."""
    tries = await payment_queries.payments_of_top_up(db, customer_id=customer_id, top_up_id=top_up_id)
    if not tries:
        raise NotFound("top-up")
    payment = next((one for one in tries if one.state == "settled"), tries[-1])
    return Purchase(top_up_id=top_up_id, step=next_step(payment), replayed=replayed)


async def _choose(
    db: Reads, *, providers: Providers, sale: Sale, customer: Customer, method_id: PaymentMethodId | None
) -> PaymentMethod | Refusal:
    """The method to charge, or why there is none.

    The refusal is a value: a replay is answered even if the method is gone by now, and that is known only later.
    """
    workspace = await workspaces.workspace(db, workspace_id=sale.price.workspace_id)
    try:
        if method_id is None:
            method = await payment_queries.default_method(db, workspace_id=workspace.id, customer_id=customer.id)
        else:
            method = await payment_queries.method(db, customer_id=customer.id, method_id=method_id)
        if method is None:
            return Invalid("payment_method_id", "this customer has no saved payment method", code="no_payment_method")
        if method.detached_at is not None:
            return Invalid("payment_method_id", "this payment method was removed", code="payment_method_detached")
        await charges(providers, workspace=workspace, method=method, currency=sale.option.code)
    except Refusal as refusal:
        return refusal
    return method
