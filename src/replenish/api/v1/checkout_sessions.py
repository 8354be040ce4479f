"""Checkout sessions: one visit of a customer to the hosted checkout, to buy or to save a payment method."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, field

from replenish.api.v1.call import Call
from replenish.api.v1.references import currency_ref, customer_ref, price_ref
from replenish.api.v1.routing import acts, creates, reads
from replenish.api.v1.wire import (
    Body,
    CurrencyKey,
    Cursor,
    CustomerKey,
    Example,
    Key,
    Limit,
    Metadata,
    Page,
    PriceKey,
    Quantity,
    Shown,
    Time,
    Url,
    before,
    page,
    path_id,
)
from replenish.core.ids import (
    CHECKOUT_SESSION,
    CURRENCY,
    CUSTOMER,
    PAYMENT_LINK,
    PAYMENT_METHOD,
    PRICE,
    TOP_UP,
    CheckoutSessionId,
)
from replenish.customers import queries as customers
from replenish.flows import open_checkout, pay_checkout
from replenish.payments import queries
from replenish.payments.model import CheckoutSession


class NewCheckoutSession(Body):
    """`payment` buys a price; `setup` saves a payment method and needs a customer."""

    EXAMPLE: ClassVar[Example] = {
        "customer_id": "user_17",
        "price_id": "credit_pack_usd",
        "success_url": "https://shop.example/thanks",
    }

    mode: Annotated[
        Literal["payment", "setup"], Meta(description="`payment` buys a price, `setup` saves a payment method.")
    ] = "payment"
    customer_id: Annotated[
        CustomerKey | None,
        Meta(
            description="The customer, by id or external id; `setup` needs one. A buyer without one is asked for an e-mail address first."
        ),
    ] = None
    price_id: Annotated[
        PriceKey | None, Meta(description="The price that is bought, by id or lookup key; `payment` needs one.")
    ] = None
    quantity: Annotated[Quantity, Meta(description="How many units of the price.")] = 1
    quantity_adjustable: Annotated[bool, Meta(description="Whether the buyer may change the quantity.")] = True
    currency_id: Annotated[
        CurrencyKey | None,
        Meta(description="Which of the price's currencies is paid in; its base currency unless said."),
    ] = None
    success_url: Annotated[Url | None, Meta(description="Where the customer is sent when it is done.")] = None
    cancel_url: Annotated[Url | None, Meta(description="Where the customer is sent who turns back.")] = None
    metadata: Metadata = field(default_factory=dict)


class CheckoutSessionView(Shown):
    """Send the customer to `url`."""

    id: str
    url: str
    mode: Literal["payment", "setup"]
    state: Literal["open", "complete", "expired"]
    customer_id: str | None
    price_id: str | None
    quantity: int | None
    quantity_adjustable: bool
    currency_id: str | None
    payment_link_id: str | None
    topup_id: str | None
    payment_method_id: str | None
    success_url: str | None
    cancel_url: str | None
    metadata: Metadata
    created_at: Time
    expires_at: Time
    completed_at: Time | None


def show(session: CheckoutSession, *, base_url: str) -> CheckoutSessionView:
    return CheckoutSessionView(
        id=CHECKOUT_SESSION.text(session.id),
        url=f"{base_url}/checkout/{session.slug}",
        mode=session.mode,
        state=session.state,
        customer_id=None if session.customer_id is None else CUSTOMER.text(session.customer_id),
        price_id=None if session.price_id is None else PRICE.text(session.price_id),
        quantity=session.quantity,
        quantity_adjustable=session.quantity_adjustable,
        currency_id=None if session.currency_id is None else CURRENCY.text(session.currency_id),
        payment_link_id=None if session.payment_link_id is None else PAYMENT_LINK.text(session.payment_link_id),
        topup_id=None if session.top_up_id is None else TOP_UP.text(session.top_up_id),
        payment_method_id=None if session.payment_method_id is None else PAYMENT_METHOD.text(session.payment_method_id),
        success_url=session.success_url,
        cancel_url=session.cancel_url,
        metadata=dict(session.metadata),
        created_at=session.created_at,
        expires_at=session.expires_at,
        completed_at=session.completed_at,
    )


@creates("/checkout_sessions", scope="payments:write", errors=(404,))
async def create_checkout_session(data: NewCheckoutSession, call: Call) -> CheckoutSessionView:
    """Open a checkout for a customer. Without a customer, a buyer is asked for an e-mail address first."""
    session_id, _ = await open_checkout.create_checkout_session(
        db=call.db,
        workspace_id=call.workspace_id,
        mode=data.mode,
        customer_id=None if data.customer_id is None else await customer_ref(call, data.customer_id),
        price_id=None if data.price_id is None else await price_ref(call, data.price_id, field="price_id"),
        quantity=data.quantity,
        quantity_adjustable=data.quantity_adjustable,
        currency_id=None
        if data.currency_id is None
        else await currency_ref(call, data.currency_id, field="currency_id"),
        success_url=data.success_url,
        cancel_url=data.cancel_url,
        metadata=data.metadata,
        request_key=call.request_key(data),
    )
    return await _view(call, session_id)


async def _view(call: Call, session_id: CheckoutSessionId) -> CheckoutSessionView:
    session = await queries.session(call.db, workspace_id=call.workspace_id, session_id=session_id)
    return show(session, base_url=call.base_url)


@reads("/checkout_sessions", errors=(404,))
async def list_checkout_sessions(
    call: Call, customer_id: Key | None = None, limit: Limit = 20, cursor: Cursor | None = None
) -> Page[CheckoutSessionView]:
    """List checkout sessions, newest first."""
    customer = None
    if customer_id is not None:
        customer = (await customers.find_customer(call.db, workspace_id=call.workspace_id, key=customer_id)).id
    last = before(cursor)
    rows = await queries.sessions(
        call.db,
        workspace_id=call.workspace_id,
        customer_id=customer,
        before=None if last is None else CheckoutSessionId(last),
        limit=limit + 1,
    )
    return page(rows, limit=limit, show=lambda row: show(row, base_url=call.base_url), id_of=lambda row: row.id)


@reads("/checkout_sessions/{checkout_session_id:str}")
async def retrieve_checkout_session(checkout_session_id: str, call: Call) -> CheckoutSessionView:
    """Retrieve a checkout session."""
    return await _view(call, path_id(CHECKOUT_SESSION, checkout_session_id, "checkout session"))


@acts("/checkout_sessions/{checkout_session_id:str}/expire", scope="payments:write")
async def expire_checkout_session(checkout_session_id: str, call: Call) -> CheckoutSessionView:
    """End a checkout session now; what nobody has paid on it is called off. A complete one stays so."""
    session_id = path_id(CHECKOUT_SESSION, checkout_session_id, "checkout session")
    await queries.session(call.db, workspace_id=call.workspace_id, session_id=session_id)
    await pay_checkout.expire_checkout_session(db=call.db, session_id=session_id)
    return await _view(call, session_id)


routes = [create_checkout_session, list_checkout_sessions, retrieve_checkout_session, expire_checkout_session]
