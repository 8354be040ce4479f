"""One purchase: what it is, what became of it, and what is left for the customer to do."""

from typing import Final

from litestar import Response, get, post
from litestar.params import FromPath

from replenish.core.errors import NotFound, Unauthenticated
from replenish.core.ids import TOP_UP
from replenish.flows import buy_credits
from replenish.flows.reconcile_payments import carry_on
from replenish.payments import queries as payments
from replenish.payments.next_step import NextStep
from replenish.payments.next_step import Visit as VisitPage
from replenish.portal import steps
from replenish.portal.rules_in_words import label_of
from replenish.portal.visitor import Visit, visit_of
from replenish.recharge import queries as recharge
from replenish.topups import queries as topups
from replenish.topups.model import TopUp
from replenish.wallets import queries as wallets
from replenish.web.pages import PageRequest, leave, page, redirect

_REFUNDS_SHOWN: Final = 100
_LABELS = {
    "open": "Not paid yet",
    "submitted": "Being confirmed",
    "settled": "Paid",
    "failed": "Declined",
    "cancelled": "Cancelled",
    "expired": "Expired",
}


def _label(top_up: TopUp) -> str:
    if not top_up.refunded_amount:
        return _LABELS[top_up.state]
    return "Refunded" if top_up.refunded_amount == top_up.amount else "Partly refunded"


async def _theirs(visit: Visit, text: str) -> TopUp:
    top_up_id = TOP_UP.try_parse(text)
    if top_up_id is None:
        raise NotFound("top-up")
    return await topups.top_up(
        visit.db, workspace_id=visit.workspace_id, top_up_id=top_up_id, customer_id=visit.customer_id
    )


def _is_own(top_up: TopUp) -> bool:
    """Bought on our pages: on a checkout page, or by a form of the portal. Else the merchant's program did it for them."""
    by_form = top_up.request_key is not None and top_up.request_key.startswith(steps.KEY_PREFIX)
    return top_up.checkout_session_id is not None or by_form


async def look_up(visit: Visit, top_up: TopUp) -> NextStep:
    """Ask the provider about what is still open, so that whoever comes back from a bank's page sees what is true now."""
    for payment in await payments.payments_of_top_up(visit.db, customer_id=visit.customer_id, top_up_id=top_up.id):
        if payment.is_open and payment.outside_id is not None:
            await carry_on(db=visit.db, providers=visit.context.providers, ref=payment.ref)
    return (await buy_credits.standing_of(db=visit.db, customer_id=visit.customer_id, top_up_id=top_up.id)).step


@get("/top-ups/{top_up_id:str}")
async def top_up_page(request: PageRequest, top_up_id: FromPath[str]) -> Response[str]:
    visit = await visit_of(request)
    found = await _theirs(visit, top_up_id)
    step = await look_up(visit, found) if found.is_open else None
    if step is not None:
        found = await _theirs(visit, top_up_id)
        # What the look-up has changed stands in the header, too.
        visit = await visit_of(request)
    holding = next((one for one in visit.holdings if one.currency.id == found.credit_currency_id), None)
    lot = None
    if found.lot_id is not None:
        lot = await wallets.lot(visit.db, workspace_id=visit.workspace_id, lot_id=found.lot_id)
    attempt = None
    if found.recharge_attempt_id is not None:
        attempt = await recharge.attempt(
            visit.db,
            workspace_id=visit.workspace_id,
            attempt_id=found.recharge_attempt_id,
            customer_id=visit.customer_id,
        )
    method = None
    if found.payment_method_id is not None:
        method = await payments.method(visit.db, customer_id=visit.customer_id, method_id=found.payment_method_id)
    refunds = await payments.refunds(
        visit.db,
        workspace_id=visit.workspace_id,
        customer_id=visit.customer_id,
        top_up_id=found.id,
        limit=_REFUNDS_SHOWN,
    )
    return visit.page(
        request,
        "portal/top_up.html",
        section="history",
        fragment="state",
        top_up=found,
        key=top_up_id,
        label=_label(found),
        refunds=[each for each in refunds if each.state != "failed"],
        unit="credits" if holding is None else holding.unit,
        buy_href=None if holding is None else f"/portal/buy?currency={holding.key}",
        balance=None if holding is None else holding.balance.balance,
        lot=lot,
        attempt=attempt,
        started_by="You" if _is_own(found) else visit.workspace.name,
        method=None if method is None else label_of(method),
        step=step,
        step_name=None if step is None else steps.name_of(step),
    )


@post("/top-ups/{top_up_id:str}/continue", status_code=200)
async def continue_top_up(request: PageRequest, top_up_id: FromPath[str]) -> Response[str]:
    """To the page where the customer pays or confirms, as it stands at this moment."""
    visit = await visit_of(request)
    found = await _theirs(visit, top_up_id)
    step = await look_up(visit, found)
    if isinstance(step, VisitPage):
        return leave(request, step.url)
    return redirect(request, f"/portal/top-ups/{top_up_id}")


@get("/returned")
async def returned(request: PageRequest) -> Response[str]:
    """Back from a bank's page, which was given this address before the purchase had an id: to the newest purchase.

    Whoever came by a link in an e-mail has no session here; their bank has told, or will tell, the provider.
    """
    try:
        visit = await visit_of(request)
    except Unauthenticated:
        return page(request, "portal/returned.html")
    newest = await topups.top_ups(visit.db, workspace_id=visit.workspace_id, customer_id=visit.customer_id, limit=1)
    return redirect(request, f"/portal/top-ups/{TOP_UP.text(newest[0].id)}" if newest else "/portal")
