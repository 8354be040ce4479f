"""A product's settings: the tab General. The tab Pricing is in pricing.py."""

from collections.abc import Mapping
from typing import Final

from litestar import Response, get, post
from litestar.params import FromPath, FromQuery

from replenish.admin.forms import Sent, path_id, refuse_other_workspace, text_of
from replenish.admin.visitor import Visit, visit_of, writer_of
from replenish.catalog import queries as catalog
from replenish.catalog.model import Product
from replenish.core.errors import Conflict, Invalid
from replenish.core.ids import CAMPAIGN, PRODUCT, CampaignId
from replenish.flows import manage_catalog as flow
from replenish.web.pages import Flash, PageRequest, redirect

_CAMPAIGNS_MAX: Final = 500
_LABELS: Final = {"campaign_id": "campaign"}


async def product_of(visit: Visit, text: str) -> Product:
    """The product of an address, in the workspace that is looked at. Raises NotFound."""
    return await catalog.product(
        visit.db, workspace_id=visit.workspace_id, product_id=path_id(PRODUCT, text, "product")
    )


@get("/products/new")
async def new_product(request: PageRequest, campaign: FromQuery[str] = "") -> Response[str]:
    return await _form(request, await visit_of(request), None, {"campaign": campaign})


@post("/products/new", status_code=200)
async def create_product(request: PageRequest, data: Sent) -> Response[str]:
    visit = await writer_of(request)
    refuse_other_workspace(visit, data)
    try:
        product_id = await flow.create_product(
            db=visit.db,
            workspace_id=visit.workspace_id,
            name=text_of(data, "name"),
            campaign_id=_campaign(data),
            description=text_of(data, "description"),
            actor=visit.actor,
        )
    except Invalid as wrong:
        return await _form(request, visit, None, data, wrong)
    href = f"/admin/products/{PRODUCT.text(product_id)}/pricing"
    return redirect(request, href, flash=Flash("success", "The product is there. Now say what it costs."))


@get("/products/{product:str}")
async def edit_product(request: PageRequest, product: FromPath[str]) -> Response[str]:
    visit = await visit_of(request)
    found = await product_of(visit, product)
    campaign = "" if found.campaign_id is None else CAMPAIGN.text(found.campaign_id)
    sent = {"name": found.name, "description": found.description, "campaign": campaign}
    return await _form(request, visit, found, sent)


@post("/products/{product:str}", status_code=200)
async def save_product(request: PageRequest, product: FromPath[str], data: Sent) -> Response[str]:
    visit = await writer_of(request)
    found = await product_of(visit, product)
    try:
        await flow.change_product(
            db=visit.db,
            workspace_id=visit.workspace_id,
            product_id=found.id,
            name=text_of(data, "name"),
            description=text_of(data, "description"),
            campaign_id=_campaign(data),
            actor=visit.actor,
        )
    except Invalid as wrong:
        return await _form(request, visit, found, data, wrong)
    return redirect(request, f"/admin/products/{PRODUCT.text(found.id)}", flash=Flash("success", "Saved."))


@post("/products/{product:str}/archive", status_code=200)
async def archive_product(request: PageRequest, product: FromPath[str], data: Sent) -> Response[str]:
    """It is sold no longer, and automatic top-ups of it stop. With `restore`: on sale again."""
    visit = await writer_of(request)
    found = await product_of(visit, product)
    active = text_of(data, "restore") == "yes"
    try:
        await flow.change_product(
            db=visit.db, workspace_id=visit.workspace_id, product_id=found.id, active=active, actor=visit.actor
        )
        says = Flash("success", "The product is on sale again." if active else "The product is archived.")
    except Conflict as refused:
        says = Flash("danger", refused.detail)
    return redirect(request, f"/admin/products/{PRODUCT.text(found.id)}", flash=says)


def _campaign(sent: Mapping[str, str]) -> CampaignId | None:
    text = text_of(sent, "campaign")
    return CAMPAIGN.parse(text, field="campaign") if text else None


async def _form(
    request: PageRequest, visit: Visit, product: Product | None, sent: Mapping[str, str], wrong: Invalid | None = None
) -> Response[str]:
    known = await catalog.campaigns(visit.db, workspace_id=visit.workspace_id, limit=_CAMPAIGNS_MAX)
    chosen = text_of(sent, "campaign")
    choices = [("", "None")]
    choices += [
        (CAMPAIGN.text(one.id), one.name) for one in known if one.archived_at is None or CAMPAIGN.text(one.id) == chosen
    ]
    return visit.page(
        request,
        "admin/product.html",
        section="campaigns",
        status=200 if wrong is None else 422,
        product=product,
        href=None if product is None else f"/admin/products/{PRODUCT.text(product.id)}",
        name=text_of(sent, "name"),
        description=text_of(sent, "description"),
        campaign=chosen,
        campaigns=choices,
        errors={} if wrong is None else {_LABELS.get(wrong.field, wrong.field): wrong.detail},
    )


routes = [new_product, create_product, edit_product, save_product, archive_product]
