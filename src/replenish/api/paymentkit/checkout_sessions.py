"""Checkout sessions: one visit to the hosted checkout, to buy or to save a payment method."""

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

import msgspec

from replenish.api.paymentkit.call import Call, route
from replenish.api.paymentkit.drafts import currency_of, price_of
from replenish.api.paymentkit.errors import NotSupported
from replenish.api.paymentkit.payment_links import LineItem, find_link, quantity_of, single
from replenish.api.paymentkit.people import customer_in, filtered_customer, people_of
from replenish.api.paymentkit.views import show_prices
from replenish.api.paymentkit.wire import (
    Json,
    extras_of,
    listed,
    own_id,
    pack,
    seconds,
    several,
    stamped_at,
    units,
    unpack,
)
from replenish.catalog import queries as catalog
from replenish.catalog.model import Price
from replenish.core.errors import Invalid
from replenish.core.ids import CHECKOUT_SESSION, CURRENCY, CUSTOMER, PAYMENT_LINK, PRICE, TOP_UP, CheckoutSessionId
from replenish.flows import open_checkout, pay_checkout
from replenish.flows.label_objects import label_checkout_session
from replenish.payments import queries as payments
from replenish.payments.model import CheckoutSession


class NewSession(msgspec.Struct, kw_only=True):
    mode: Literal["payment", "setup", "subscription"] = "payment"
    line_items: list[LineItem] = []
    currency_id: str | None = None
    customer_id: str | None = None
    customer_did: str | None = None
    success_url: str | None = None
    cancel_url: str | None = None
    client_reference_id: str | None = None
    metadata: dict[str, object] | None = None


class SessionChanges(msgspec.Struct, kw_only=True):
    metadata: dict[str, object] | None = None


@route("POST", "/checkout-sessions", scope="payments:write", once=True)
async def create_session(call: Call) -> Json:
    """Open a checkout. Without a customer, a buyer is asked for an e-mail address first."""
    data = call.body(NewSession)
    if data.mode == "subscription":
        raise NotSupported("subscriptions; sell credits in mode payment")
    named = data.customer_id or data.customer_did
    customer = None if not named else await customer_in(call, named, field="customer_id")
    price = item = None
    if data.mode == "payment":
        item = single(data.line_items)
        price = await price_of(call, item.price_id, field="line_items[0].price_id")
    currency = None if not data.currency_id else await currency_of(call, data.currency_id, field="currency_id")
    adjustable = None if item is None else item.adjustable_quantity
    session_id, _ = await open_checkout.create_checkout_session(
        db=call.db,
        workspace_id=call.workspace_id,
        mode=data.mode,
        customer_id=None if customer is None else customer.id,
        price_id=None if price is None else price.id,
        quantity=1 if item is None else quantity_of(item),
        quantity_adjustable=adjustable is not None and adjustable.enabled,
        currency_id=None if currency is None else currency.id,
        success_url=data.success_url or None,
        cancel_url=data.cancel_url or None,
        metadata=pack(data.metadata or {}, extras={"client_reference_id": data.client_reference_id}),
        request_key=call.request_key,
    )
    return await _shown(call, session_id)


@route("GET", "/checkout-sessions", scope="read")
async def list_sessions(call: Call) -> Json:
    """List checkout sessions, newest first."""
    link = call.text("payment_link_id")
    paid = call.text("payment_status")
    if paid not in (None, "paid", "unpaid"):
        raise Invalid("payment_status", "must be paid or unpaid")
    if call.text("subscription_id"):
        raise NotSupported("subscriptions (subscription_id)")
    filters = {
        "status": several(call, "status"),
        "customer_id": await filtered_customer(call),
        "payment_link_id": None if link is None else (await find_link(call, link)).id,
        "paid": None if paid is None else paid == "paid",
    }
    return await listed(call, "checkout_sessions", show=show_sessions, filters=filters)


@route("GET", "/checkout-sessions/{key:str}", scope="read")
async def retrieve_session(call: Call) -> Json:
    """Retrieve a checkout session."""
    return await _shown(call, _session_id(call))


@route("PUT", "/checkout-sessions/{key:str}", scope="payments:write")
async def change_session(call: Call) -> Json:
    """Change metadata; nothing else may change."""
    session_id = _session_id(call)
    session = await payments.session(call.db, workspace_id=call.workspace_id, session_id=session_id)
    data = call.body(SessionChanges)
    if data.metadata is not None:
        await label_checkout_session(
            db=call.db,
            workspace_id=call.workspace_id,
            session_id=session_id,
            metadata=pack(data.metadata, extras=extras_of(session.metadata)),
        )
    return await _shown(call, session_id)


@route("PUT", "/checkout-sessions/{key:str}/expire", scope="payments:write")
async def expire_session(call: Call) -> Json:
    """End it now; what nobody has paid on it is called off. A complete one stays so."""
    session_id = _session_id(call)
    await payments.session(call.db, workspace_id=call.workspace_id, session_id=session_id)
    await pay_checkout.expire_checkout_session(db=call.db, session_id=session_id)
    return await _shown(call, session_id)


def _session_id(call: Call) -> CheckoutSessionId:
    return own_id(CHECKOUT_SESSION, call.path(), "checkout session")


async def _shown(call: Call, session_id: CheckoutSessionId) -> Json:
    return (await show_sessions(call, [session_id]))[0]


async def show_sessions(call: Call, ids: Sequence[UUID]) -> list[Json]:
    """Sessions with their price and customer."""
    found = [
        await payments.session(call.db, workspace_id=call.workspace_id, session_id=CheckoutSessionId(each))
        for each in ids
    ]
    wanted = {each.price_id for each in found if each.price_id is not None}
    prices = await catalog.prices_by_id(call.db, workspace_id=call.workspace_id, ids=wanted)
    views = {each["id"]: each for each in await show_prices(call, list(wanted))}
    people = await people_of(call, (each.customer_id for each in found if each.customer_id is not None))
    shown: list[Json] = []
    for session in found:
        price = None if session.price_id is None else prices.get(session.price_id)
        view = session_view(call, session, price)
        if price is not None:
            price_id = PRICE.text(price.id)
            view["line_items"] = [{"price_id": price_id, "quantity": session.quantity, "price": views[price_id]}]
        customer = None if session.customer_id is None else people.get(session.customer_id)
        view["customer_did"] = None if customer is None else customer.external_id
        shown.append(view)
    return shown


def session_view(call: Call, session: CheckoutSession, price: Price | None) -> Json:
    amount = None
    currency_id = session.currency_id
    if price is not None and session.quantity is not None:
        option = price.base if currency_id is None else price.option(currency_id) or price.base
        currency_id = option.currency_id
        amount = units(option.money_for(session.quantity).amount, option.decimals)
    return {
        "id": CHECKOUT_SESSION.text(session.id),
        "object": "checkout.session",
        "livemode": call.livemode,
        "url": f"{call.base_url}/checkout/{session.slug}",
        "mode": session.mode,
        "status": session.state,
        "payment_status": _payment_status(session),
        "line_items": [],
        "amount_subtotal": amount or "0",
        "amount_total": amount or "0",
        "currency_id": None if currency_id is None else CURRENCY.text(currency_id),
        "customer_id": None if session.customer_id is None else CUSTOMER.text(session.customer_id),
        "payment_link_id": None if session.payment_link_id is None else PAYMENT_LINK.text(session.payment_link_id),
        "subscription_id": None,
        "invoice_id": None if session.top_up_id is None else TOP_UP.text(session.top_up_id),
        "success_url": session.success_url,
        "cancel_url": session.cancel_url,
        "client_reference_id": extras_of(session.metadata).get("client_reference_id"),
        "expires_at": seconds(session.expires_at),
        "discounts": [],
        "metadata": unpack(session.metadata),
        **stamped_at(session.created_at),
    }


def _payment_status(session: CheckoutSession) -> str:
    if session.mode == "setup":
        return "no_payment_required"
    return "paid" if session.state == "complete" else "unpaid"


routes = [create_session, list_sessions, retrieve_session, change_session, expire_session]
