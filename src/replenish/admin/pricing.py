"""A product's tab Pricing: payment type, price, credits, automatic top-up; a review before, and the ways to buy it after."""

import shlex
from collections.abc import Mapping
from typing import Final

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from replenish.admin.forms import Sent
from replenish.admin.pricing_form import DURATION_UNITS, LABELS, OWN, PricingForm, named, offered, sent, standing
from replenish.admin.products import product_of
from replenish.admin.visitor import Visit, visit_of, writer_of
from replenish.catalog import pricing, queries
from replenish.catalog.errors import StillUsed
from replenish.catalog.model import PaymentCurrency, Product
from replenish.catalog.pricing import Pricing
from replenish.core.errors import Invalid
from replenish.core.ids import CURRENCY, PRICE, PRODUCT
from replenish.flows.manage_addons import Saved, review_pricing, save_pricing
from replenish.web.pages import Flash, PageRequest, redirect

_CURRENCIES_MAX: Final = 500


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """What would be sold and charged; `problem` in its place while the form cannot be saved."""

    before: Pricing | None = None
    after: Pricing | None = None
    problem: Mapping[str, str] = {}

    @property
    def costs_otherwise(self) -> bool:
        """A price that customers may have agreed to is replaced."""
        if self.before is None or self.after is None or self.before.price is None or self.after.price is None:
            return False
        return self.before.price.id != self.after.price.id

    @property
    def ends_add_on(self) -> bool:
        if self.before is None or self.after is None or self.before.price is None:
            return False
        return (self.before.payment_type, self.after.payment_type) == ("add_on", "one_time")


@get("/products/{product:str}/pricing")
async def show(request: PageRequest, product: FromPath[str]) -> Response[str]:
    visit = await visit_of(request)
    now = await pricing.pricing_of(visit.db, product=await product_of(visit, product))
    seen = Review() if now.price is None else Review(before=now, after=now)
    return await _page(request, visit, now, standing(now), seen)


@post("/products/{product:str}/pricing/review", status_code=200)
async def review(request: PageRequest, product: FromPath[str], data: Sent) -> Response[str]:
    """Changes nothing: says what saving this form would do. For a script, only that part of the page."""
    visit = await writer_of(request)
    found = await product_of(visit, product)
    money = await _money(visit)
    form = sent(data, money)
    try:
        saved: Saved = await review_pricing(
            db=visit.db, workspace_id=visit.workspace_id, product_id=found.id, offered=offered(form, money)
        )
        seen = Review(before=saved.before, after=saved.after)
    except Invalid as wrong:
        seen = Review(problem=named(wrong, form))
    now = await pricing.pricing_of(visit.db, product=found)
    return await _page(request, visit, now, form, seen)


@post("/products/{product:str}/pricing", status_code=200)
async def save(request: PageRequest, product: FromPath[str], data: Sent) -> Response[str]:
    visit = await writer_of(request)
    found = await product_of(visit, product)
    money = await _money(visit)
    form = sent(data, money)
    try:
        await save_pricing(
            db=visit.db,
            workspace_id=visit.workspace_id,
            product_id=found.id,
            offered=offered(form, money),
            actor=visit.actor,
        )
    except Invalid as wrong:
        now = await pricing.pricing_of(visit.db, product=found)
        errors = named(wrong, form)
        return await _page(request, visit, now, form, Review(problem=errors), errors=errors)
    except StillUsed as refused:
        now = await pricing.pricing_of(visit.db, product=found)
        return await _page(request, visit, now, form, Review(), flash=Flash("danger", refused.detail))
    return redirect(request, f"{_href(found)}/pricing", flash=Flash("success", "Saved."))


def _href(product: Product) -> str:
    return f"/admin/products/{PRODUCT.text(product.id)}"


async def _money(visit: Visit) -> list[PaymentCurrency]:
    """What a product can be paid in, oldest first: US dollars before the rest."""
    found = await queries.currencies(
        visit.db, workspace_id=visit.workspace_id, type_="standard", active=True, limit=_CURRENCIES_MAX
    )
    return found[::-1]


async def _page(
    request: PageRequest,
    visit: Visit,
    now: Pricing,
    form: PricingForm,
    seen: Review,
    *,
    errors: Mapping[str, str] | None = None,
    flash: Flash | None = None,
) -> Response[str]:
    credit_currencies = await queries.currencies(
        visit.db, workspace_id=visit.workspace_id, type_="credit", active=True, limit=_CURRENCIES_MAX
    )
    money = await _money(visit)
    base_url = visit.context.settings.base_url
    return visit.page(
        request,
        "admin/pricing.html",
        section="campaigns",
        status=422 if errors else 200 if flash is None else 409,
        fragment="review",
        flash=flash,
        product=now.product,
        href=_href(now.product),
        now=now,
        form=form,
        review=seen,
        errors=errors or {},
        labels={**LABELS, **{f"option_{one.unit}": f"Price in {one.unit}" for one in money}},
        money=[(one.unit, one.unit) for one in money],
        credit_currencies=[
            (OWN, "A credit currency of its own"),
            *((CURRENCY.text(one.id), one.name) for one in reversed(credit_currencies)),
        ],
        units=[(unit, unit) for unit in DURATION_UNITS],
        link=None if now.link is None else now.link.url(base_url),
        call=_call(now, base_url),
    )


def _call(now: Pricing, base_url: str) -> str | None:
    """The API call that buys it: answers with the address of a checkout for one customer."""
    if now.price is None or now.price.credit_config is None:
        return None
    body = f'{{"customer_id": "YOUR_CUSTOMER_ID", "price_id": "{PRICE.text(now.price.id)}"}}'
    words = [
        *("curl", "-X", "POST", f"{base_url}/v1/checkout_sessions"),
        *("-H", "Authorization: Bearer YOUR_API_KEY", "-H", "Content-Type: application/json", "-d", body),
    ]
    return shlex.join(words)


routes = [show, review, save]
