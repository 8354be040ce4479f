"""Top-ups: purchases of credits, by hand or automatic."""

from datetime import datetime
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
    LOT,
    PAYMENT_METHOD,
    PRICE,
    PRODUCT,
    RECHARGE_ATTEMPT,
    TOP_UP,
    CurrencyId,
    TopUpId,
)
from replenish.core.money import plain
from replenish.customers import queries as customers
from replenish.flows.buy_credits import buy_with_saved_method, quote_credits, standing_of
from replenish.payments.next_step import Done, NextStep, Refused, TakenBack, Visit, Wait
from replenish.topups import queries
from replenish.topups.model import TopUp, TopUpState


class NewTopup(Body):
    """Buys with a saved method: the customer's default one unless said.

    `return_url` is where a bank's authentication page, if one is needed, sends the customer back to.
    """

    EXAMPLE: ClassVar[Example] = {"customer_id": "user_17", "price_id": "credit_pack_usd"}

    customer_id: CustomerKey
    price_id: PriceKey
    quantity: Annotated[Quantity, Meta(description="How many units of the price.")] = 1
    currency_id: Annotated[
        CurrencyKey | None,
        Meta(description="Which of the price's currencies is paid in; its base currency unless said."),
    ] = None
    payment_method_id: (
        Annotated[
            str,
            Meta(
                max_length=64,
                description="The saved payment method that is charged; the customer's default one unless said.",
            ),
        ]
        | None
    ) = None
    return_url: Annotated[
        Url | None,
        Meta(description="Where a bank's authentication page, if one is needed, sends the customer back to."),
    ] = None
    metadata: Metadata = field(default_factory=dict)


class NextStepView(Shown):
    """What happens next.

    `done`; `visit` this url (a bank asks for the customer); `wait`: it is being confirmed; `refused` with code and
    message: no money moved; `taken_back`: paid, and returned.
    """

    type: Literal["done", "visit", "wait", "refused", "taken_back"]
    url: str | None = None
    expires_at: datetime | None = None
    code: str | None = None
    message: str | None = None


class TopupView(Shown):
    """`credits` is what the whole purchase grants; `credit_grant_id` is set when it is settled."""

    id: str
    number: str
    customer_id: str
    origin: Literal["manual", "automatic"]
    state: TopUpState
    price_id: str
    product_id: str
    product_name: str
    quantity: int
    amount: str
    currency: str
    refunded_amount: str
    credits: str
    credit_currency_id: str
    credit_grant_id: str | None
    payment_method_id: str | None
    checkout_session_id: str | None
    recharge_attempt_id: str | None
    next_step: NextStepView
    metadata: Metadata
    created_at: Time
    settled_at: Time | None
    ended_at: Time | None


class NewQuote(Body):
    """With a customer: what they will have afterwards, owed credits repaid first; without: from zero."""

    EXAMPLE: ClassVar[Example] = {"price_id": "credit_pack_usd", "quantity": 2, "customer_id": "user_17"}

    price_id: PriceKey
    quantity: Annotated[Quantity, Meta(description="How many units of the price.")] = 1
    currency_id: Annotated[
        CurrencyKey | None,
        Meta(description="Which of the price's currencies is paid in; its base currency unless said."),
    ] = None
    customer_id: Annotated[
        CustomerKey | None,
        Meta(description="Whose balance it is added to, by id or external id; from zero unless said."),
    ] = None


class QuoteView(Shown):
    quantity: int
    amount: str
    currency: str
    credits: str
    balance_before: str
    owed: str
    balance_after: str


def show_step(step: NextStep) -> NextStepView:
    match step:
        case Done():
            return NextStepView(type="done")
        case Visit(url=url, expires_at=expires_at):
            return NextStepView(type="visit", url=url, expires_at=expires_at)
        case Wait():
            return NextStepView(type="wait")
        case Refused(code=code, message=message):
            return NextStepView(type="refused", code=code, message=message)
        case TakenBack():
            return NextStepView(type="taken_back")


async def _show(call: Call, top_up: TopUp) -> TopupView:
    purchase = await standing_of(db=call.db, customer_id=top_up.customer_id, top_up_id=top_up.id)
    return TopupView(
        id=TOP_UP.text(top_up.id),
        number=top_up.number,
        customer_id=CUSTOMER.text(top_up.customer_id),
        origin=top_up.origin,
        state=top_up.state,
        price_id=PRICE.text(top_up.price_id),
        product_id=PRODUCT.text(top_up.product_id),
        product_name=top_up.product_name,
        quantity=top_up.quantity,
        amount=plain(top_up.amount),
        currency=top_up.currency,
        refunded_amount=plain(top_up.refunded_amount),
        credits=str(top_up.credit_amount),
        credit_currency_id=CURRENCY.text(top_up.credit_currency_id),
        credit_grant_id=None if top_up.lot_id is None else LOT.text(top_up.lot_id),
        payment_method_id=None if top_up.payment_method_id is None else PAYMENT_METHOD.text(top_up.payment_method_id),
        checkout_session_id=None
        if top_up.checkout_session_id is None
        else CHECKOUT_SESSION.text(top_up.checkout_session_id),
        recharge_attempt_id=None
        if top_up.recharge_attempt_id is None
        else RECHARGE_ATTEMPT.text(top_up.recharge_attempt_id),
        next_step=show_step(purchase.step),
        metadata=dict(top_up.metadata),
        created_at=top_up.created_at,
        settled_at=top_up.settled_at,
        ended_at=top_up.ended_at,
    )


@creates("/topups", scope="payments:write", errors=(404,))
async def create_topup(data: NewTopup, call: Call) -> TopupView:
    """Buy credits with a saved payment method, now. `next_step` says what became of it.

    A declined card is an answer, not an error: the top-up stands, `failed`. Send an `Idempotency-Key`: with the same one
    nothing is ever bought twice.
    """
    method_id = None
    if data.payment_method_id is not None:
        method_id = PAYMENT_METHOD.parse(data.payment_method_id, field="payment_method_id")
    purchase = await buy_with_saved_method(
        db=call.db,
        providers=call.context.providers,
        workspace_id=call.workspace_id,
        customer_id=await customer_ref(call, data.customer_id),
        price_id=await price_ref(call, data.price_id, field="price_id"),
        quantity=data.quantity,
        currency_id=await _currency(call, data.currency_id),
        payment_method_id=method_id,
        return_url=data.return_url or f"{call.base_url}/portal",
        metadata=data.metadata,
        request_key=call.request_key(data),
    )
    return await _show(
        call, await queries.top_up(call.db, workspace_id=call.workspace_id, top_up_id=purchase.top_up_id)
    )


@acts("/topups/quote", scope="read", errors=(404,))
async def quote_topup(data: NewQuote, call: Call) -> QuoteView:
    """What a purchase would cost and grant. Stores nothing and binds nobody."""
    customer_id = None if data.customer_id is None else await customer_ref(call, data.customer_id)
    quote = await quote_credits(
        db=call.db,
        workspace_id=call.workspace_id,
        price_id=await price_ref(call, data.price_id, field="price_id"),
        quantity=data.quantity,
        currency_id=await _currency(call, data.currency_id),
        customer_id=customer_id,
    )
    return QuoteView(
        quantity=quote.quantity,
        amount=plain(quote.amount.amount),
        currency=quote.amount.currency,
        credits=str(quote.credits),
        balance_before=str(quote.balance_before),
        owed=str(quote.owed),
        balance_after=str(quote.balance_after),
    )


async def _currency(call: Call, key: str | None) -> CurrencyId | None:
    return None if key is None else await currency_ref(call, key, field="currency_id")


@reads("/topups", errors=(404,))
async def list_topups(
    call: Call,
    customer_id: Key | None = None,
    in_state: TopUpState | None = None,
    limit: Limit = 20,
    cursor: Cursor | None = None,
) -> Page[TopupView]:
    """List top-ups, newest first."""
    customer = None
    if customer_id is not None:
        customer = (await customers.find_customer(call.db, workspace_id=call.workspace_id, key=customer_id)).id
    last = before(cursor)
    rows = await queries.top_ups(
        call.db,
        workspace_id=call.workspace_id,
        customer_id=customer,
        states=None if in_state is None else [in_state],
        before=None if last is None else TopUpId(last),
        limit=limit + 1,
    )
    views = {row.id: await _show(call, row) for row in rows[:limit]}
    return page(rows, limit=limit, show=lambda row: views[row.id], id_of=lambda row: row.id)


@reads("/topups/{topup_id:str}")
async def retrieve_topup(topup_id: str, call: Call) -> TopupView:
    """Retrieve a top-up as it is now."""
    found = path_id(TOP_UP, topup_id, "top-up")
    return await _show(call, await queries.top_up(call.db, workspace_id=call.workspace_id, top_up_id=found))


routes = [create_topup, quote_topup, list_topups, retrieve_topup]
