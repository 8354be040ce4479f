"""Saved payment methods: add one on the provider's page, choose the default, let one go."""

import secrets
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from litestar import Response, get, post
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromPath, FromQuery

from replenish.core.errors import NotFound, Refusal
from replenish.core.ids import PAYMENT_METHOD, PaymentMethodId
from replenish.flows import open_checkout, save_method
from replenish.payments import queries as payments
from replenish.payments.model import PaymentMethod
from replenish.payments.next_step import Refused
from replenish.payments.next_step import Visit as VisitPage
from replenish.portal import steps
from replenish.portal.rules_in_words import label_of
from replenish.portal.visitor import Visit, visit_of
from replenish.recharge import queries as recharge
from replenish.recharge.model import Rule
from replenish.web.pages import Flash, PageRequest, leave, redirect

# Where somebody who saved a card goes next; an address of ours by name, never an address from outside.
_NEXT: Final = {"auto-recharge": "/portal/auto-recharge"}
_HOME: Final = "/portal/payment-methods"


class AddForm(msgspec.Struct, frozen=True):
    form_key: str = ""
    next: str = ""


class ShownMethod(msgspec.Struct, frozen=True, kw_only=True):
    method: PaymentMethod
    key: str
    label: str
    # The credit currencies whose automatic top-up charges it: why it cannot go yet.
    charged_for: str


@get("/payment-methods")
async def payment_methods(request: PageRequest) -> Response[str]:
    visit = await visit_of(request)
    found = await payments.methods(visit.db, workspace_id=visit.workspace_id, customer_id=visit.customer_id)
    rules = await _enabled_rules(visit)
    return visit.page(
        request,
        "portal/payment_methods.html",
        section="payment_methods",
        methods=[
            ShownMethod(
                method=one,
                key=PAYMENT_METHOD.text(one.id),
                label=label_of(one),
                charged_for=_charged_for(visit, one.id, rules),
            )
            for one in found
        ],
        form_key=secrets.token_urlsafe(24),
    )


async def _enabled_rules(visit: Visit) -> Sequence[Rule]:
    found = await recharge.rules(visit.db, workspace_id=visit.workspace_id, customer_id=visit.customer_id, limit=100)
    return [rule for rule in found if rule.enabled]


def _charged_for(visit: Visit, method_id: PaymentMethodId, rules: Sequence[Rule]) -> str:
    wallets = {rule.wallet_id for rule in rules if rule.payment_method_id == method_id}
    return ", ".join(one.unit for one in visit.holdings if one.balance.wallet_id in wallets)


@post("/payment-methods", status_code=200)
async def add_payment_method(
    request: PageRequest, data: Annotated[AddForm, Body(media_type=RequestEncodingType.URL_ENCODED)]
) -> Response[str]:
    visit = await visit_of(request)
    try:
        session_id, _ = await open_checkout.create_checkout_session(
            db=visit.db,
            workspace_id=visit.workspace_id,
            mode="setup",
            customer_id=visit.customer_id,
            request_key=steps.request_key(
                workspace_id=visit.workspace_id,
                customer_id=visit.customer_id,
                form_key=data.form_key,
                fields=("save", data.next),
            ),
        )
        session = await payments.session(visit.db, workspace_id=visit.workspace_id, session_id=session_id)
        base_url = visit.context.settings.base_url
        after = f"?next={data.next}" if data.next in _NEXT else ""
        step = await save_method.open_method_page(
            db=visit.db,
            providers=visit.context.providers,
            session_id=session_id,
            workspace_id=visit.workspace_id,
            return_url=f"{base_url}{_HOME}/saved/{session.slug}{after}",
            cancel_url=f"{base_url}{_NEXT.get(data.next, _HOME)}",
        )
    except Refusal as refused:
        return redirect(request, _HOME, flash=Flash("danger", refused.detail))
    if isinstance(step, VisitPage):
        return leave(request, step.url)
    return redirect(request, f"{_HOME}/saved/{session.slug}")


@get("/payment-methods/saved/{slug:str}")
async def method_saved(request: PageRequest, slug: FromPath[str], next: FromQuery[str] = "") -> Response[str]:  # noqa: A002 - the name in the address
    """Back from the provider's page: keep what was saved there."""
    visit = await visit_of(request)
    session = await payments.session_by_slug(visit.db, slug=slug)
    if session.customer_id != visit.customer_id or session.mode != "setup":
        raise NotFound("payment method")
    step = await save_method.finish_saving(db=visit.db, providers=visit.context.providers, session_id=session.id)
    home = _NEXT.get(next, _HOME)
    match steps.name_of(step):
        case "done":
            return redirect(request, home, flash=Flash("success", "Your card is saved. Nothing was charged."))
        case "refused" if isinstance(step, Refused):
            return redirect(request, home, flash=Flash("danger", step.message))
        case "wait":
            says = "The card is not confirmed yet. Reload this page in a moment."
            return redirect(request, home, flash=Flash("info", says))
        case _:
            return redirect(request, home, flash=Flash("info", "No card was saved."))


def _id(text: str) -> PaymentMethodId:
    found = PAYMENT_METHOD.try_parse(text)
    if found is None:
        raise NotFound("payment method")
    return found


@post("/payment-methods/{method_id:str}/default", status_code=200)
async def make_default(request: PageRequest, method_id: FromPath[str]) -> Response[str]:
    visit = await visit_of(request)
    await save_method.make_default_method(
        db=visit.db, workspace_id=visit.workspace_id, customer_id=visit.customer_id, method_id=_id(method_id)
    )
    return redirect(request, _HOME, flash=Flash("success", "This card is now used first."))


@post("/payment-methods/{method_id:str}/remove", status_code=200)
async def remove(request: PageRequest, method_id: FromPath[str]) -> Response[str]:
    """Not while automatic top-up charges it: that would stop without a word at the worst moment."""
    visit = await visit_of(request)
    found = await payments.method(visit.db, customer_id=visit.customer_id, method_id=_id(method_id))
    used = _charged_for(visit, found.id, await _enabled_rules(visit))
    if used:
        says = f"Automatic top-up of {used} charges this card. Choose another card there, or switch it off, first."
        return redirect(request, _HOME, flash=Flash("warning", says))
    await save_method.detach_method(
        db=visit.db,
        providers=visit.context.providers,
        workspace_id=visit.workspace_id,
        customer_id=visit.customer_id,
        method_id=found.id,
    )
    return redirect(request, _HOME, flash=Flash("success", f"{label_of(found)} was removed."))
