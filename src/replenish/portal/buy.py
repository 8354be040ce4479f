"""Buying credits: choose, see what it costs and what there will be afterwards, pay.

The page shows one exact quote, and its "Pay" button sends exactly what was quoted: choosing something else makes a new page (or,
with scripts, a new quote) first. Nobody pays for what they did not see.
"""

import secrets
from collections.abc import Sequence
from typing import Annotated, Final
from urllib.parse import urlencode

import msgspec
from litestar import Response, get, post
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromPath, FromQuery

from replenish.core.errors import Invalid, NotFound, Refusal
from replenish.core.ids import CURRENCY, PAYMENT_METHOD, PRICE, TOP_UP, CheckoutSessionId
from replenish.flows import buy_credits, open_checkout, pay_checkout
from replenish.payments import queries as payments
from replenish.payments.model import PaymentMethod
from replenish.payments.next_step import NextStep, Refused
from replenish.payments.next_step import Visit as VisitPage
from replenish.portal import steps
from replenish.portal.offers import Offer, base_offer, linked_offer, quantity_of
from replenish.portal.rules_in_words import label_of
from replenish.portal.visitor import Holding, Visit, visit_of
from replenish.topups.model import Quote
from replenish.web.pages import Flash, PageRequest, leave, redirect

NEW: Final = "new"


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What a page asks for, as text: in an address when it is shown, in a form when it is paid."""

    currency: str = ""
    link: str = ""
    price: str = ""
    quantity: str = "1"
    pay_in: str = ""
    method: str = ""
    save: str = ""
    form_key: str = ""

    @property
    def href(self) -> str:
        named = {"currency": self.currency, "link": self.link, "quantity": self.quantity, "pay_in": self.pay_in}
        return f"/portal/buy?{urlencode({name: value for name, value in named.items() if value})}"


class Counter(msgspec.Struct, frozen=True, kw_only=True):
    """What is sold to this customer on this page."""

    holding: Holding
    offer: Offer


@get("/buy")
async def buy_page(
    request: PageRequest,
    currency: FromQuery[str] = "",
    link: FromQuery[str] = "",
    quantity: FromQuery[str] = "1",
    pay_in: FromQuery[str] = "",
) -> Response[str]:
    visit = await visit_of(request)
    choice = Choice(currency=currency, link=link, quantity=quantity, pay_in=pay_in)
    counter = await _counter(visit, choice)
    if counter is None:
        return visit.page(request, "portal/buy_nothing.html", section="buy")
    return await _page(request, visit, counter, choice)


@post("/buy", status_code=200)
async def buy(
    request: PageRequest, data: Annotated[Choice, Body(media_type=RequestEncodingType.URL_ENCODED)]
) -> Response[str]:
    visit = await visit_of(request)
    counter = await _counter(visit, data)
    if counter is None:
        raise NotFound("credit currency")
    if data.price != PRICE.text(counter.offer.price.id):
        changed = Flash("warning", "The price has changed since you opened this page. Nothing was charged; look again.")
        return await _page(request, visit, counter, data, status=409, flash=changed)
    try:
        if data.method == NEW or not data.method:
            return await _pay_on_page(request, visit, counter, data)
        return await _pay_with_saved(request, visit, counter, data)
    except Invalid as wrong:
        return await _page(request, visit, counter, data, status=422, errors=_named(wrong))
    except Refusal as refused:
        if isinstance(refused, NotFound):
            raise
        return await _page(request, visit, counter, data, status=409, flash=Flash("danger", refused.detail))


def _named(wrong: Invalid) -> dict[str, str]:
    """The flows' names of fields, in the words of this form."""
    field = {"payment_method_id": "method", "currency_id": "pay_in"}.get(wrong.field, wrong.field)
    return {field: wrong.detail}


async def _counter(visit: Visit, choice: Choice) -> Counter | None:
    """Only what this page may sell: no address or form can name any other price. Raises NotFound."""
    if choice.link:
        offer = await linked_offer(visit.db, workspace_id=visit.workspace_id, slug=choice.link)
        holding = visit.holding(CURRENCY.text(offer.credit_currency.id)) or await visit.empty(offer.credit_currency)
        return Counter(holding=holding, offer=offer)
    holding = visit.holding(choice.currency) if choice.currency else visit.usual
    if choice.currency and (holding is None or not holding.is_sold):
        raise NotFound("credit currency")
    if holding is None:
        return None
    offer = await base_offer(visit.db, workspace_id=visit.workspace_id, currency=holding.currency)
    return None if offer is None else Counter(holding=holding, offer=offer)


async def _page(
    request: PageRequest,
    visit: Visit,
    counter: Counter,
    choice: Choice,
    *,
    status: int = 200,
    errors: dict[str, str] | None = None,
    flash: Flash | None = None,
) -> Response[str]:
    found = dict(errors or {})
    quote: Quote | None = None
    option = counter.offer.price.base
    try:
        option = counter.offer.option(choice.pay_in)
        quote = await buy_credits.quote_credits(
            db=visit.db,
            workspace_id=visit.workspace_id,
            price_id=counter.offer.price.id,
            quantity=quantity_of(choice.quantity),
            currency_id=option.currency_id,
            customer_id=visit.customer_id,
        )
    except Invalid as wrong:
        found.setdefault(*_named(wrong).popitem())
        status = 422 if status == 200 else status
    except Refusal as refused:
        flash = flash or Flash("danger", refused.detail)
    methods = await payments.methods(visit.db, workspace_id=visit.workspace_id, customer_id=visit.customer_id)
    tabs = visit.tabs(counter.holding)
    return visit.page(
        request,
        "portal/buy.html",
        section="buy",
        status=status,
        fragment="quote",
        flash=flash,
        holding=counter.holding,
        offer=counter.offer,
        price_key=PRICE.text(counter.offer.price.id),
        pay_in=CURRENCY.text(option.currency_id),
        choice=choice,
        quote=quote,
        errors=found,
        methods=_method_choices(methods),
        method=choice.method or _preferred(methods),
        tabs=tabs,
        never_held=[one for one in visit.holdings if one.is_sold and one not in tabs],
        form_key=secrets.token_urlsafe(24),
    )


def _preferred(methods: Sequence[PaymentMethod]) -> str:
    chosen = next((one for one in methods if one.is_default), None)
    return PAYMENT_METHOD.text(chosen.id) if chosen is not None else NEW


def _method_choices(methods: Sequence[PaymentMethod]) -> list[tuple[str, str, str | None, None]]:
    saved = [
        (PAYMENT_METHOD.text(one.id), label_of(one), _expiry(one), None)
        for one in sorted(methods, key=lambda one: (not one.is_default, one.id))
    ]
    return [*saved, (NEW, "Another card" if saved else "Card", "You enter it on the payment page.", None)]


def _expiry(method: PaymentMethod) -> str | None:
    if method.expires_month is None or method.expires_year is None:
        return None
    return f"Expires {method.expires_month:02}/{method.expires_year}"


def _fields(choice: Choice, counter: Counter) -> tuple[str, ...]:
    return ("buy", PRICE.text(counter.offer.price.id), choice.quantity, choice.pay_in, choice.method, choice.save)


async def _pay_with_saved(request: PageRequest, visit: Visit, counter: Counter, choice: Choice) -> Response[str]:
    method_id = PAYMENT_METHOD.try_parse(choice.method)
    if method_id is None:
        raise Invalid("method", "is no saved payment method")
    purchase = await buy_credits.buy_with_saved_method(
        db=visit.db,
        providers=visit.context.providers,
        workspace_id=visit.workspace_id,
        customer_id=visit.customer_id,
        price_id=counter.offer.price.id,
        quantity=quantity_of(choice.quantity),
        currency_id=counter.offer.option(choice.pay_in).currency_id,
        payment_method_id=method_id,
        return_url=f"{visit.context.settings.base_url}/portal/returned",
        customer_present=True,
        request_key=steps.request_key(
            workspace_id=visit.workspace_id,
            customer_id=visit.customer_id,
            form_key=choice.form_key,
            fields=_fields(choice, counter),
        ),
    )
    if isinstance(purchase.step, VisitPage):
        return leave(request, purchase.step.url)
    return redirect(request, f"/portal/top-ups/{TOP_UP.text(purchase.top_up_id)}", flash=_told(purchase.step))


def _told(step: NextStep) -> Flash | None:
    match steps.name_of(step):
        case "done":
            return Flash("success", "Thank you. Your credits are there.")
        case "refused":
            return Flash("danger", step.message if isinstance(step, Refused) else "Nothing was charged.")
        case _:
            return None


async def _pay_on_page(request: PageRequest, visit: Visit, counter: Counter, choice: Choice) -> Response[str]:
    quantity = quantity_of(choice.quantity)
    option = counter.offer.option(choice.pay_in)
    session_id, _ = await open_checkout.create_checkout_session(
        db=visit.db,
        workspace_id=visit.workspace_id,
        customer_id=visit.customer_id,
        price_id=counter.offer.price.id,
        quantity=quantity,
        currency_id=option.currency_id,
        request_key=steps.request_key(
            workspace_id=visit.workspace_id,
            customer_id=visit.customer_id,
            form_key=choice.form_key,
            fields=_fields(choice, counter),
        ),
    )
    slug = await _slug(visit, session_id)
    base_url = visit.context.settings.base_url
    step = await pay_checkout.pay_checkout(
        db=visit.db,
        providers=visit.context.providers,
        slug=slug,
        quantity=quantity,
        currency_id=option.currency_id,
        save_method=choice.save == "yes",
        return_url=f"{base_url}/portal/purchases/{slug}",
        cancel_url=f"{base_url}{choice.href}",
    )
    if isinstance(step, VisitPage):
        return leave(request, step.url)
    return redirect(request, f"/portal/purchases/{slug}", flash=_told(step))


async def _slug(visit: Visit, session_id: CheckoutSessionId) -> str:
    return (await payments.session(visit.db, workspace_id=visit.workspace_id, session_id=session_id)).slug


@get("/purchases/{slug:str}")
async def purchase_return(request: PageRequest, slug: FromPath[str]) -> Response[str]:
    """Back from the payment page: book what the provider says, then show the purchase."""
    visit = await visit_of(request)
    session = await payments.session_by_slug(visit.db, slug=slug)
    if session.customer_id != visit.customer_id:
        raise NotFound("purchase")
    step = await pay_checkout.return_to_checkout(db=visit.db, providers=visit.context.providers, slug=slug)
    session = await payments.session_by_slug(visit.db, slug=slug)
    if session.top_up_id is None:
        return redirect(request, "/portal/buy", flash=Flash("info", "Nothing was charged."))
    return redirect(request, f"/portal/top-ups/{TOP_UP.text(session.top_up_id)}", flash=_told(step))
