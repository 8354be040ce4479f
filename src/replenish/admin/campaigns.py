"""Campaigns: the list, with each campaign's products in a menu, and the page of one."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery

from replenish.admin.forms import Sent, path_id, refuse_other_workspace, text_of
from replenish.admin.visitor import Visit, visit_of, writer_of
from replenish.catalog import queries as catalog
from replenish.catalog.model import Campaign, Product
from replenish.core.errors import Invalid
from replenish.core.ids import CAMPAIGN, PRODUCT, CampaignId
from replenish.flows import manage_catalog as flow
from replenish.web.pages import Flash, PageRequest, redirect

_PAGE: Final = 50


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the list; without a campaign: the products that belong to none."""

    campaign: Campaign | None
    products: Sequence[Product]

    @property
    def href(self) -> str | None:
        return None if self.campaign is None else f"/admin/campaigns/{CAMPAIGN.text(self.campaign.id)}"

    @property
    def new_product_href(self) -> str:
        return "/admin/products/new" + ("" if self.campaign is None else f"?campaign={CAMPAIGN.text(self.campaign.id)}")


def product_href(product: Product) -> str:
    return f"/admin/products/{PRODUCT.text(product.id)}"


@get("/campaigns")
async def campaigns(request: PageRequest, before: FromQuery[str] = "") -> Response[str]:
    visit = await visit_of(request)
    last = path_id(CAMPAIGN, before, "campaign") if before else None
    found = await catalog.campaigns(visit.db, workspace_id=visit.workspace_id, before=last, limit=_PAGE + 1)
    shown = found[:_PAGE]
    products = await catalog.products_of_campaigns(
        visit.db, workspace_id=visit.workspace_id, campaign_ids=[one.id for one in shown]
    )
    rows = [
        Row(campaign=one, products=[product for product in products if product.campaign_id == one.id]) for one in shown
    ]
    loose = [product for product in products if product.campaign_id is None]
    if loose and last is None:
        rows.append(Row(campaign=None, products=loose))
    return visit.page(
        request,
        "admin/campaigns.html",
        section="campaigns",
        rows=rows,
        product_href=product_href,
        next_href=f"/admin/campaigns?before={CAMPAIGN.text(shown[-1].id)}" if len(found) > _PAGE else None,
    )


@get("/campaigns/new")
async def new_campaign(request: PageRequest) -> Response[str]:
    visit = await visit_of(request)
    return _form(request, visit, None, {})


@post("/campaigns/new", status_code=200)
async def create_campaign(request: PageRequest, data: Sent) -> Response[str]:
    visit = await writer_of(request)
    refuse_other_workspace(visit, data)
    try:
        campaign_id = await flow.create_campaign(
            db=visit.db, workspace_id=visit.workspace_id, name=text_of(data, "name"), actor=visit.actor
        )
    except Invalid as wrong:
        return _form(request, visit, None, data, wrong)
    href = f"/admin/products/new?campaign={CAMPAIGN.text(campaign_id)}"
    return redirect(request, href, flash=Flash("success", "The campaign is there. Add its first product."))


@get("/campaigns/{campaign:str}")
async def edit_campaign(request: PageRequest, campaign: FromPath[str]) -> Response[str]:
    visit = await visit_of(request)
    found = await _campaign(visit, campaign)
    return _form(request, visit, found, {"name": found.name})


@post("/campaigns/{campaign:str}", status_code=200)
async def save_campaign(request: PageRequest, campaign: FromPath[str], data: Sent) -> Response[str]:
    visit = await writer_of(request)
    found = await _campaign(visit, campaign)
    try:
        await flow.change_campaign(
            db=visit.db,
            workspace_id=visit.workspace_id,
            campaign_id=found.id,
            name=text_of(data, "name"),
            actor=visit.actor,
        )
    except Invalid as wrong:
        return _form(request, visit, found, data, wrong)
    return redirect(request, "/admin/campaigns", flash=Flash("success", "Saved."))


@post("/campaigns/{campaign:str}/archive", status_code=200)
async def archive_campaign(request: PageRequest, campaign: FromPath[str], data: Sent) -> Response[str]:
    """Its products sell on. With `restore`: bring it back."""
    visit = await writer_of(request)
    found = await _campaign(visit, campaign)
    archived = text_of(data, "restore") != "yes"
    await flow.change_campaign(
        db=visit.db, workspace_id=visit.workspace_id, campaign_id=found.id, archived=archived, actor=visit.actor
    )
    says = "The campaign is archived; its products sell on." if archived else "The campaign is back."
    return redirect(request, "/admin/campaigns", flash=Flash("success", says))


async def _campaign(visit: Visit, text: str) -> Campaign:
    campaign_id: CampaignId = path_id(CAMPAIGN, text, "campaign")
    return await catalog.campaign(visit.db, workspace_id=visit.workspace_id, campaign_id=campaign_id)


def _form(
    request: PageRequest,
    visit: Visit,
    campaign: Campaign | None,
    sent: Mapping[str, str],
    wrong: Invalid | None = None,
) -> Response[str]:
    return visit.page(
        request,
        "admin/campaign.html",
        section="campaigns",
        status=200 if wrong is None else 422,
        campaign=campaign,
        href=None if campaign is None else f"/admin/campaigns/{CAMPAIGN.text(campaign.id)}",
        name=text_of(sent, "name"),
        errors={} if wrong is None else {wrong.field: wrong.detail},
    )


routes = [campaigns, new_campaign, create_campaign, edit_campaign, save_campaign, archive_campaign]
