"""Public checkout: payment links, checkout sessions, and the way back from the provider's page.

`/checkout/pay/SLUG` is a payment link, for anybody; `/checkout/SLUG` is one session, whose address nobody can guess. Looking
at either makes nothing: rows are made when somebody pays.
"""

from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromPath, FromQuery

from replenish.access import queries as access
from replenish.catalog import queries as catalog
from replenish.core.clock import utc_now
from replenish.core.errors import Gone, Invalid, NotFound, Refusal
from replenish.core.ids import CURRENCY
from replenish.customers.vouchers import PARAMETER
from replenish.flows import open_checkout, pay_checkout, save_method
from replenish.payments import queries as payments
from replenish.payments.model import CheckoutSession
from replenish.payments.next_step import Done, NextStep, Refused
from replenish.payments.next_step import Visit as VisitPage
from replenish.portal import steps
from replenish.portal.checkout_page import (
    Ordered,
    Till,
    customer_paid_for,
    link_of_session,
    named,
    outside,
    site_of,
    till_of_session,
    till_page,
)
from replenish.portal.offers import link_offer, quantity_of
from replenish.topups import queries as topups
from replenish.wallets import queries as wallets
from replenish.wallets.model import WalletRef
from replenish.web import pages
from replenish.web.context import Context, context_of
from replenish.web.pages import Flash, PageRequest, leave, redirect

_NAMES_NOBODY: Final = "This address does not say whose account is topped up. Type yours, or ask for a new address."
UrlEncoded = Annotated[Ordered, Body(media_type=RequestEncodingType.URL_ENCODED)]


# Payment links


async def _till_of_link(context: Context, slug: str, voucher: str) -> Till:
    """Raises NotFound, Gone for a link that is switched off."""
    link = await catalog.link_by_slug(context.db, slug=slug)
    if not link.active:
        raise Gone("This payment link is no longer used. Ask whoever gave it to you for another one.")
    return Till(
        context=context,
        workspace=await access.workspace(context.db, workspace_id=link.workspace_id),
        offer=await link_offer(context.db, link=link),
        adjustable=link.quantity_adjustable,
        paid_for=await customer_paid_for(context, link.workspace_id, voucher),
    )


@get("/pay/{slug:str}")
async def link_page(
    request: PageRequest,
    slug: FromPath[str],
    qty: FromQuery[str] = "",
    quantity: FromQuery[str] = "",
    pay_in: FromQuery[str] = "",
    redirect: FromQuery[str] = "",
    cancel_url: FromQuery[str] = "",
) -> Response[str]:
    context = context_of(request)
    voucher = request.query_params.get(PARAMETER, "")
    till = await _till_of_link(context, slug, voucher)
    link = await catalog.link_by_slug(context.db, slug=slug)
    asked = (quantity or qty) if link.quantity_adjustable else ""
    ordered = Ordered(
        quantity=asked or str(link.quantity), pay_in=pay_in, redirect=redirect, cancel_url=cancel_url, voucher=voucher
    )
    names_nobody = Flash("warning", _NAMES_NOBODY) if voucher and till.paid_for is None else None
    return await _link_page(request, till, slug, ordered, flash=names_nobody)


async def _link_page(
    request: PageRequest,
    till: Till,
    slug: str,
    ordered: Ordered,
    *,
    status: int = 200,
    errors: dict[str, str] | None = None,
    flash: Flash | None = None,
) -> Response[str]:
    return await till_page(
        request,
        till,
        ordered,
        action=f"/checkout/pay/{slug}",
        asks_email=till.paid_for is None,
        status=status,
        errors=errors,
        flash=flash,
        back_url=outside(ordered.cancel_url),
        portal_href=f"/portal/buy?{urlencode({'link': slug, 'quantity': ordered.quantity})}",
    )


@post("/pay/{slug:str}", status_code=200)
async def pay_link(request: PageRequest, slug: FromPath[str], data: UrlEncoded) -> Response[str]:
    context = context_of(request)
    till = await _till_of_link(context, slug, data.voucher)
    paid_for = till.paid_for
    try:
        # Before anything is made: a mistyped field must not leave a session behind.
        quantity = quantity_of(data.quantity)
        till.offer.option(data.pay_in)
        if paid_for is None:
            await open_checkout.check_address(db=context.db, workspace_id=till.workspace.id, email=data.email)
        session = await open_checkout.open_payment_link(
            db=context.db,
            slug=slug,
            customer_id=None if paid_for is None else paid_for.id,
            customer_known=False,
            quantity=quantity,
            success_url=outside(data.redirect),
            cancel_url=outside(data.cancel_url),
        )
        if paid_for is None:
            session = await open_checkout.name_buyer(db=context.db, slug=session.slug, email=data.email)
        return await _pay(request, context, session, data)
    except Invalid as wrong:
        return await _link_page(request, till, slug, data, status=422, errors=named(wrong))
    except (NotFound, Gone):
        raise
    except Refusal as refused:
        return await _link_page(request, till, slug, data, status=409, flash=Flash("danger", refused.detail))


async def _pay(request: PageRequest, context: Context, session: CheckoutSession, ordered: Ordered) -> Response[str]:
    till = await till_of_session(context, session, voucher=ordered.voucher)
    base_url = context.settings.base_url
    named_by = "" if till.paid_for is None else f"?{urlencode({PARAMETER: ordered.voucher})}"
    step = await pay_checkout.pay_checkout(
        db=context.db,
        providers=context.providers,
        slug=session.slug,
        quantity=quantity_of(ordered.quantity),
        currency_id=till.offer.option(ordered.pay_in).currency_id,
        save_method=ordered.save == "yes",
        return_url=f"{base_url}/checkout/{session.slug}/return",
        cancel_url=f"{base_url}/checkout/{session.slug}{named_by}",
    )
    if isinstance(step, VisitPage):
        return leave(request, step.url)
    return redirect(request, f"/checkout/{session.slug}/return")


# Sessions


@get("/{slug:str}")
async def session_page(
    request: PageRequest, slug: FromPath[str], quantity: FromQuery[str] = "", pay_in: FromQuery[str] = ""
) -> Response[str]:
    context = context_of(request)
    session = await payments.session_by_slug(context.db, slug=slug)
    if session.state == "complete":
        return redirect(request, f"/checkout/{slug}/return")
    if _has_ended(session):
        return await _ended(request, context, session)
    if session.mode == "setup":
        return await _setup_page(request, context, session)
    voucher = request.query_params.get(PARAMETER, "")
    return await _session_page(request, context, session, _as_asked(session, quantity, pay_in, voucher))


def _as_asked(session: CheckoutSession, quantity: str, pay_in: str, voucher: str) -> Ordered:
    kept = "" if session.currency_id is None else CURRENCY.text(session.currency_id)
    asked = quantity if session.quantity_adjustable else ""
    return Ordered(quantity=asked or str(session.quantity or 1), pay_in=pay_in or kept, voucher=voucher)


def _has_ended(session: CheckoutSession) -> bool:
    """Also when the worker has not ended it yet."""
    return session.state == "expired" or (session.state == "open" and session.expires_at <= utc_now())


async def _session_page(
    request: PageRequest,
    context: Context,
    session: CheckoutSession,
    ordered: Ordered,
    *,
    status: int = 200,
    errors: dict[str, str] | None = None,
    flash: Flash | None = None,
) -> Response[str]:
    return await till_page(
        request,
        await till_of_session(context, session, voucher=ordered.voucher),
        ordered,
        action=f"/checkout/{session.slug}",
        asks_email=session.customer_id is None,
        status=status,
        errors=errors,
        flash=flash,
        back_url=session.cancel_url,
    )


async def _ended(request: PageRequest, context: Context, session: CheckoutSession) -> Response[str]:
    workspace = await access.workspace(context.db, workspace_id=session.workspace_id)
    return pages.page(
        request,
        "portal/checkout_ended.html",
        status=HTTPStatus.GONE,
        merchant=workspace.name,
        again=await link_of_session(context, session),
    )


async def _setup_page(
    request: PageRequest, context: Context, session: CheckoutSession, *, flash: Flash | None = None
) -> Response[str]:
    workspace = await access.workspace(context.db, workspace_id=session.workspace_id)
    return pages.page(request, "portal/checkout_setup.html", merchant=workspace.name, flash=flash)


@post("/{slug:str}", status_code=200)
async def pay_session(request: PageRequest, slug: FromPath[str], data: UrlEncoded) -> Response[str]:
    context = context_of(request)
    session = await payments.session_by_slug(context.db, slug=slug)
    if session.state == "complete":
        return redirect(request, f"/checkout/{slug}/return")
    if _has_ended(session):
        return await _ended(request, context, session)
    if session.mode == "setup":
        return await _open_method_page(request, context, session)
    try:
        if session.customer_id is None:
            session = await open_checkout.name_buyer(db=context.db, slug=slug, email=data.email)
        return await _pay(request, context, session, data)
    except Invalid as wrong:
        return await _session_page(request, context, session, data, status=422, errors=named(wrong))
    except (NotFound, Gone):
        raise
    except Refusal as refused:
        says = Flash("danger", refused.detail)
        return await _session_page(request, context, session, data, status=409, flash=says)


async def _open_method_page(request: PageRequest, context: Context, session: CheckoutSession) -> Response[str]:
    base_url = context.settings.base_url
    try:
        step = await save_method.open_method_page(
            db=context.db,
            providers=context.providers,
            session_id=session.id,
            workspace_id=session.workspace_id,
            return_url=f"{base_url}/checkout/{session.slug}/return",
            cancel_url=f"{base_url}/checkout/{session.slug}",
        )
    except NotFound:
        raise
    except Refusal as refused:
        return await _setup_page(request, context, session, flash=Flash("danger", refused.detail))
    if isinstance(step, VisitPage):
        return leave(request, step.url)
    return redirect(request, f"/checkout/{session.slug}/return")


@get("/{slug:str}/return")
async def session_return(request: PageRequest, slug: FromPath[str]) -> Response[str]:
    """Back from the provider's page: book what it says, then tell. Asked again and again while it is being confirmed."""
    context = context_of(request)
    session = await payments.session_by_slug(context.db, slug=slug)
    if session.mode == "setup":
        step = await save_method.finish_saving(db=context.db, providers=context.providers, session_id=session.id)
    elif session.top_up_id is None:
        return (
            redirect(request, f"/checkout/{slug}")
            if not _has_ended(session)
            else await _ended(request, context, session)
        )
    else:
        step = await pay_checkout.return_to_checkout(db=context.db, providers=context.providers, slug=slug)
    return await _outcome(request, context, session, step)


async def _outcome(request: PageRequest, context: Context, session: CheckoutSession, step: NextStep) -> Response[str]:
    workspace = await access.workspace(context.db, workspace_id=session.workspace_id)
    top_up, unit, balance = None, "credits", None
    if session.customer_id is not None and session.top_up_id is not None:
        top_up = await topups.top_up_of(context.db, customer_id=session.customer_id, top_up_id=session.top_up_id)
        credit_currency = await catalog.currency(
            context.db, workspace_id=session.workspace_id, currency_id=top_up.credit_currency_id
        )
        unit = credit_currency.name
        if session.customer_known and isinstance(step, Done):
            ref = WalletRef(session.workspace_id, session.customer_id, top_up.credit_currency_id)
            now = await access.now(context.db, session.workspace_id)
            balance = (await wallets.balance(context.db, ref=ref, now=now)).balance
    home = session.success_url
    return pages.page(
        request,
        "portal/checkout_outcome.html",
        zone=workspace.time_zone,
        fragment="content",
        merchant=workspace.name,
        step_name=steps.name_of(step),
        message=step.message if isinstance(step, Refused) else "",
        mode=session.mode,
        top_up=top_up,
        unit=unit,
        balance=balance,
        home=home,
        home_site=None if home is None else site_of(home),
        again=None if _has_ended(session) else f"/checkout/{session.slug}",
    )
