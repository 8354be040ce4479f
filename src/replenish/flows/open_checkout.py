"""Hosted checkout: a session, its provider's page, and the way back."""

import secrets
from datetime import timedelta
from typing import Final

import msgspec

from replenish.access import operations as access
from replenish.access.model import RequestKey
from replenish.catalog import queries as catalog
from replenish.core import ids
from replenish.core.clock import utc_now
from replenish.core.db import Database, Reads
from replenish.core.errors import Conflict, Gone, Invalid
from replenish.core.ids import CheckoutSessionId, CurrencyId, CustomerId, PriceId, WorkspaceId
from replenish.core.metadata import Metadata, clean_metadata
from replenish.core.text import clean_email, clean_url
from replenish.core.transaction import transaction
from replenish.customers import operations as customer_operations
from replenish.customers import queries as customers
from replenish.customers.model import Customer
from replenish.flows._sale import load_sale, refuse_unsellable
from replenish.payments import operations as payments
from replenish.payments import queries as payment_queries
from replenish.payments.model import CheckoutSession, SessionMode

SESSION_LASTS: Final = timedelta(hours=24)
_CREATED: Final = 201


class SessionEnded(Gone):
    code = "checkout_session_ended"

    def __init__(self) -> None:
        super().__init__("This checkout has ended; nothing was charged on it. Start again from where you came from.")


async def create_checkout_session(
    *,
    db: Database,
    workspace_id: WorkspaceId,
    mode: SessionMode = "payment",
    customer_id: CustomerId | None = None,
    price_id: PriceId | None = None,
    quantity: int = 1,
    quantity_adjustable: bool = True,
    currency_id: CurrencyId | None = None,
    success_url: str | None = None,
    cancel_url: str | None = None,
    metadata: Metadata | None = None,
    request_key: RequestKey | None = None,
) -> tuple[CheckoutSessionId, bool]:
    """A session for a known customer (or, to buy, for nobody yet). Returns its id, and whether this was a replay.

    Raises NotFound(customer | price), Invalid(customer_id | price_id | quantity | currency_id | success_url | …).
    """
    if mode == "setup" and customer_id is None:
        raise Invalid("customer_id", "is required to save a payment method")
    if mode == "payment" and price_id is None:
        raise Invalid("price_id", "is required to buy")
    if mode == "setup" and price_id is not None:
        raise Invalid("price_id", "a session that saves a payment method buys nothing")
    for field, url in (("success_url", success_url), ("cancel_url", cancel_url)):
        if url is not None:
            clean_url(url, field=field)
    now = utc_now()
    session = CheckoutSession(
        id=ids.CHECKOUT_SESSION.new(),
        workspace_id=workspace_id,
        slug=new_slug(),
        mode=mode,
        state="open",
        customer_id=customer_id,
        customer_known=customer_id is not None,
        price_id=price_id,
        quantity=quantity if mode == "payment" else None,
        quantity_adjustable=quantity_adjustable,
        currency_id=currency_id,
        success_url=success_url,
        cancel_url=cancel_url,
        metadata=clean_metadata(metadata or {}),
        created_at=now,
        expires_at=now + SESSION_LASTS,
    )
    async with transaction(db) as tx:
        made = await access.claim_request_key(tx, request_key, session.id, _CREATED)
        if made is not None:
            return CheckoutSessionId(made), True
        customer = None
        if customer_id is not None:
            customer = await customers.customer(tx, workspace_id=workspace_id, customer_id=customer_id)
        if price_id is not None:
            sale = await load_sale(tx, workspace_id=workspace_id, price_id=price_id, currency_id=currency_id)
            refuse_unsellable(sale, customer)
            if not 1 <= quantity <= sale.price.quantity_max:
                raise Invalid("quantity", f"must be between 1 and {sale.price.quantity_max}")
        await payments.create_session(tx, session)
    return session.id, False


async def open_payment_link(
    *,
    db: Database,
    slug: str,
    customer_id: CustomerId | None = None,
    customer_known: bool = True,
    quantity: int | None = None,
    success_url: str | None = None,
    cancel_url: str | None = None,
) -> CheckoutSession:
    """A new session of a payment link.

    `customer_id`: for whom it is, if that is settled; `customer_known`: whether they are at the
    screen, or somebody who may only pay for them: then nothing of theirs is shown, and no method saved.

    `success_url` and `cancel_url`: where the address that the buyer followed asks to lead afterwards; the first comes
    before the link's own.

    A quantity from the address is taken only where the link lets the buyer choose.
    Raises NotFound(payment link | customer), Invalid(price_id | quantity | success_url | cancel_url), SessionEnded when inactive.
    """
    for field, url in (("success_url", success_url), ("cancel_url", cancel_url)):
        if url is not None:
            clean_url(url, field=field)
    link = await catalog.link_by_slug(db, slug=slug)
    if not link.active:
        raise SessionEnded
    chosen = quantity if quantity is not None and link.quantity_adjustable else link.quantity
    now = utc_now()
    async with transaction(db) as tx:
        customer = None
        if customer_id is not None:
            customer = await customers.customer(tx, workspace_id=link.workspace_id, customer_id=customer_id)
        # A link that was sent out or built into a site sells the product at today's price, which the buyer sees and accepts.
        price_id = await catalog.newest_version(tx, workspace_id=link.workspace_id, price_id=link.price_id)
        sale = await load_sale(tx, workspace_id=link.workspace_id, price_id=price_id, currency_id=None)
        refuse_unsellable(sale, customer)
        if not 1 <= chosen <= sale.price.quantity_max:
            raise Invalid("quantity", f"must be between 1 and {sale.price.quantity_max}")
        session = CheckoutSession(
            id=ids.CHECKOUT_SESSION.new(),
            workspace_id=link.workspace_id,
            slug=new_slug(),
            mode="payment",
            state="open",
            customer_id=customer_id,
            customer_known=customer_id is not None and customer_known,
            price_id=price_id,
            quantity=chosen,
            quantity_adjustable=link.quantity_adjustable,
            payment_link_id=link.id,
            success_url=success_url or link.after_completion_url,
            cancel_url=cancel_url,
            created_at=now,
            expires_at=now + SESSION_LASTS,
        )
        await payments.create_session(tx, session)
    return session


async def check_address(*, db: Reads, workspace_id: WorkspaceId, email: str) -> None:
    """Whether `name_buyer` would take it, asked before a session is made. Raises Invalid(email)."""
    await _customer_of_address(db, workspace_id, clean_email(email.strip().lower(), field="email"))


async def name_buyer(*, db: Database, slug: str, email: str) -> CheckoutSession:
    """The buyer of a payment link says who they are: the customer whose address it is, or a new one.

    Whoever types an address has proved nothing: such a session may buy for that customer, and neither show their balance
    nor save a method (`customer_known` stays false). Raises NotFound, Invalid(email), SessionEnded, Conflict when the
    session has its customer already.
    """
    address = clean_email(email.strip().lower(), field="email")
    session = await payment_queries.session_by_slug(db, slug=slug)
    async with transaction(db) as tx:
        session = await payments.lock_session(tx, session_id=session.id)
        if session.state != "open" or session.expires_at <= utc_now():
            raise SessionEnded
        if session.customer_id is not None and (session.customer_known or session.top_up_id is not None):
            raise Conflict("This checkout has its customer already.", code="customer_set")
        customer = await _customer_of_address(tx, session.workspace_id, address)
        if customer is None:
            customer = await customer_operations.create_customer(
                tx,
                customer_id=ids.CUSTOMER.new(),
                workspace_id=session.workspace_id,
                external_id=address,
                email=address,
                name="",
                metadata={},
                now=utc_now(),
            )
        return await payments.change_session(tx, msgspec.structs.replace(session, customer_id=customer.id))


async def _customer_of_address(db: Reads, workspace_id: WorkspaceId, address: str) -> Customer | None:
    """The one account that has this e-mail or is named by it. Several: nobody guesses whose money it is."""
    having = await customers.customers(db, workspace_id=workspace_id, email=address, limit=2)
    named = await customers.customers_by_external_id(db, names=[(workspace_id, address)])
    found = {customer.id: customer for customer in (*having, *named.values())}
    if len(found) > 1:
        raise Invalid("email", "Several accounts use this address. Please open your own billing page to buy.")
    return next(iter(found.values()), None)


def new_slug() -> str:
    """A session's public address cannot be guessed: whoever holds it may pay on it."""
    return secrets.token_urlsafe(24)
