"""Automatic top-up: set it up in two steps, see what it does, resume it, switch it off with one click.

The first page is the rule; the second shows the exact sentence that the customer agrees to, with a box that is not ticked for
them (law 12). What is recorded is what was shown: the flow refuses any other wording.
"""

import secrets
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from litestar import Response, get, post
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromQuery

from replenish.core.errors import Invalid, NotFound, Refusal
from replenish.core.ids import PAYMENT_METHOD, PaymentMethodId
from replenish.flows import manage_recharge_rules as flow
from replenish.payments.model import PaymentMethod
from replenish.portal.offers import Offer
from replenish.portal.recharge_form import RuleForm, draft_of, filled_in
from replenish.portal.recharge_page import Setting, attempts_of, first_charge, setting_of
from replenish.portal.rules_in_words import label_of
from replenish.portal.visitor import Visit, visit_of
from replenish.recharge.drafts import needs_consent
from replenish.recharge.model import ConsentOutdated, Draft, GivenConsent, Rule
from replenish.web.pages import Flash, PageRequest, redirect

_AGENT_LONGEST: Final = 500
# The flow names the parts of a rule; these are the fields of the form that hold them.
_FIELDS: Final = {"payment_method_id": "method", "payment_currency_id": "pay_in", "currency_id": "pay_in"}
LABELS: Final = {
    "threshold": "Below",
    "packs": "Packs",
    "target": "Back up to",
    "pay_in": "Pay in",
    "method": "Card",
    "charge_amount_max": "At most per charge",
    "day_amount_max": "At most a day",
    "day_count_max": "Charges a day",
    "month_amount_max": "At most a month",
    "consent": "Your agreement",
}


class Which(msgspec.Struct, frozen=True):
    """The small forms name only the credit currency."""

    currency: str = ""


@get("/auto-recharge")
async def auto_recharge(request: PageRequest, currency: FromQuery[str] = "") -> Response[str]:
    visit = await visit_of(request)
    setting = await setting_of(visit, currency)
    if setting is None:
        return visit.page(request, "portal/buy_nothing.html", section="auto_recharge")
    form = None
    if setting.offer is not None:
        form = filled_in(
            setting.offer,
            currency=setting.holding.key,
            rule=setting.rule,
            method_id=_default(setting.methods),
            bounds=setting.bounds,
        )
    return await _page(request, visit, setting, form)


def _default(methods: Sequence[PaymentMethod]) -> PaymentMethodId | None:
    return next((one.id for one in methods if one.is_default), None)


async def _page(
    request: PageRequest,
    visit: Visit,
    setting: Setting,
    form: RuleForm | None,
    *,
    status: int = 200,
    errors: dict[str, str] | None = None,
    flash: Flash | None = None,
) -> Response[str]:
    return visit.page(
        request,
        "portal/auto_recharge.html",
        section="auto_recharge",
        status=status,
        flash=flash,
        setting=setting,
        state=setting.state,
        rule=setting.rule,
        offer=setting.offer,
        form=form,
        errors=errors or {},
        labels=LABELS,
        methods=[(PAYMENT_METHOD.text(one.id), label_of(one)) for one in setting.methods],
        attempts=await attempts_of(visit, setting),
        tabs=visit.tabs(setting.holding),
        form_key=secrets.token_urlsafe(24),
    )


def _named(wrong: Invalid) -> dict[str, str]:
    return {_FIELDS.get(wrong.field, wrong.field): wrong.detail}


async def _sold(visit: Visit, currency: str) -> tuple[Setting, Offer]:
    setting = await setting_of(visit, currency)
    if setting is None or setting.offer is None:
        raise NotFound("credit currency")
    return setting, setting.offer


@get("/auto-recharge/review")
async def review(
    request: PageRequest,
    currency: FromQuery[str] = "",
    threshold: FromQuery[str] = "",
    mode: FromQuery[str] = "packs",
    packs: FromQuery[str] = "1",
    target: FromQuery[str] = "",
    pay_in: FromQuery[str] = "",
    method: FromQuery[str] = "",
    charge_amount_max: FromQuery[str] = "",
    day_amount_max: FromQuery[str] = "",
    day_count_max: FromQuery[str] = "",
    month_amount_max: FromQuery[str] = "",
) -> Response[str]:
    """Changes nothing: it reads the rule back, and says what would be agreed to."""
    visit = await visit_of(request)
    setting, offer = await _sold(visit, currency)
    form = RuleForm(
        currency=currency,
        threshold=threshold,
        mode=mode,
        packs=packs,
        target=target,
        pay_in=pay_in,
        method=method,
        charge_amount_max=charge_amount_max,
        day_amount_max=day_amount_max,
        day_count_max=day_count_max,
        month_amount_max=month_amount_max,
    )
    return await _review(request, visit, setting, offer, form)


async def _review(
    request: PageRequest,
    visit: Visit,
    setting: Setting,
    offer: Offer,
    form: RuleForm,
    *,
    status: int = 200,
    errors: dict[str, str] | None = None,
    flash: Flash | None = None,
) -> Response[str]:
    try:
        draft = draft_of(form, offer=offer)
        wording = await _wording(visit, setting, draft)
    except Invalid as wrong:
        return await _page(request, visit, setting, form, status=422, errors=_named(wrong))
    except NotFound:
        raise
    except Refusal as refused:
        says = Flash("danger", refused.detail)
        return await _page(request, visit, setting, form, status=409, flash=says)
    return visit.page(
        request,
        "portal/auto_recharge_review.html",
        section="auto_recharge",
        status=status,
        flash=flash,
        setting=setting,
        form=form,
        wording=wording,
        asks=needs_consent(setting.rule, draft),
        charge=await first_charge(visit, setting, draft, offer),
        errors=errors or {},
        back=setting.href,
    )


async def _wording(visit: Visit, setting: Setting, draft: Draft) -> str:
    return await flow.wording_of(
        db=visit.db,
        providers=visit.context.providers,
        workspace_id=visit.workspace_id,
        customer_id=visit.customer_id,
        currency_id=setting.holding.currency.id,
        draft=draft,
    )


@post("/auto-recharge", status_code=200)
async def save(
    request: PageRequest, data: Annotated[RuleForm, Body(media_type=RequestEncodingType.URL_ENCODED)]
) -> Response[str]:
    visit = await visit_of(request)
    setting, offer = await _sold(visit, data.currency)
    consent = None
    if data.consent == "yes":
        consent = GivenConsent(
            actor="customer",
            wording=data.wording,
            ip=request.client.host if request.client else None,
            user_agent=request.headers.get("user-agent", "")[:_AGENT_LONGEST] or None,
        )
    try:
        saved = await flow.save_rule(
            db=visit.db,
            providers=visit.context.providers,
            workspace_id=visit.workspace_id,
            customer_id=visit.customer_id,
            currency_id=setting.holding.currency.id,
            draft=draft_of(data, offer=offer),
            consent=consent,
        )
    except ConsentOutdated:
        says = Flash("warning", "The price or the rule has changed since you read it. Please read it again.")
        return await _review(request, visit, setting, offer, data, status=409, flash=says)
    except Invalid as wrong:
        if wrong.field == "consent":
            errors = {"consent": "Tick the box if you agree. Without it nothing is switched on."}
            return await _review(request, visit, setting, offer, data, status=422, errors=errors)
        return await _page(request, visit, setting, data, status=422, errors=_named(wrong))
    text = "Automatic top-up is on."
    if saved.charges_now:
        text += " You are below your line, so the first charge is on its way."
    return redirect(request, setting.href, flash=Flash("success", text))


def _rule_of(setting: Setting | None) -> Rule:
    if setting is None or setting.rule is None:
        raise NotFound("recharge rule")
    return setting.rule


@post("/auto-recharge/off", status_code=200)
async def switch_off(
    request: PageRequest, data: Annotated[Which, Body(media_type=RequestEncodingType.URL_ENCODED)]
) -> Response[str]:
    visit = await visit_of(request)
    setting = await setting_of(visit, data.currency)
    rule = _rule_of(setting)
    await flow.disable_rule(
        db=visit.db, workspace_id=visit.workspace_id, rule_id=rule.id, customer_id=visit.customer_id
    )
    says = Flash("success", "Automatic top-up is off. Nothing is charged without you.")
    return redirect(request, "/portal/auto-recharge" if setting is None else setting.href, flash=says)


@post("/auto-recharge/resume", status_code=200)
async def resume(
    request: PageRequest, data: Annotated[Which, Body(media_type=RequestEncodingType.URL_ENCODED)]
) -> Response[str]:
    visit = await visit_of(request)
    setting = await setting_of(visit, data.currency)
    rule = _rule_of(setting)
    try:
        charges_now = await flow.resume_rule(
            db=visit.db, workspace_id=visit.workspace_id, rule_id=rule.id, customer_id=visit.customer_id
        )
        says = Flash("success", "Automatic top-up goes on." + (" A charge is on its way." if charges_now else ""))
    except Invalid as refused:
        says = Flash("danger", f"It cannot be resumed here: {refused.detail}.")
    return redirect(request, "/portal/auto-recharge" if setting is None else setting.href, flash=says)
