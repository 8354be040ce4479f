"""Laws 16 and 17 asked of every route of the admin, found in the application itself: no page is forgotten."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from litestar.routes import HTTPRoute

from replenish.core import ids
from replenish.core.ids import CampaignId, ProductId
from replenish.flows import manage_catalog, manage_workspaces
from support.admin import Admin
from support.world import World

pytestmark = pytest.mark.anyio
# Where nobody needs to be signed in.
OPEN = {"/admin/sign-in", "/admin/enter/{token:str}"}


def routes(world: World, method: str) -> list[str]:
    found = [
        route.path_format if "{" not in route.path else route.path
        for route in world.app.routes
        if isinstance(route, HTTPRoute) and re.match(r"/admin(/|$)", route.path) and method in route.methods
    ]
    assert len(found) > 5
    return found


def filled(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "anything", path)


async def test_law_17_no_form_of_any_page_works_without_its_token(admin: Admin) -> None:
    for path in routes(admin.world, "POST"):
        await admin.post(filled(path), {"name": "x"}, status=403)
        assert "This form is no longer valid" in admin.text, path


async def test_law_16_every_page_asks_who_it_is(world: World) -> None:
    async with Admin.of(world) as nobody:
        for path in sorted(set(routes(world, "GET")) - OPEN):
            await nobody.go(filled(path))
            assert nobody.path == "/admin/sign-in", path
        token = nobody.page.forms[0].values["csrf_token"] if nobody.page.forms else ""
        for path in sorted(set(routes(world, "POST")) - OPEN):
            await nobody.post(filled(path), {"csrf_token": token}, status=200 if token else 403)
            assert not token or nobody.path == "/admin/sign-in", path


class Theirs:
    """What another merchant, or the other twin, has: the pages of it, and the forms that would change it."""

    def __init__(self, campaign_id: CampaignId, product_id: ProductId) -> None:
        campaign = f"/admin/campaigns/{ids.CAMPAIGN.text(campaign_id)}"
        product = f"/admin/products/{ids.PRODUCT.text(product_id)}"
        self.pages = [campaign, product, f"{product}/pricing"]
        self.forms = [
            *(campaign, f"{campaign}/archive", product, f"{product}/archive"),
            *(f"{product}/pricing", f"{product}/pricing/review"),
        ]
        self.campaign_id, self.product_id = campaign_id, product_id


async def things_of(world: World, workspace_id: UUID) -> Theirs:
    place = ids.WorkspaceId(workspace_id)
    campaign_id = await manage_catalog.create_campaign(db=world.db, workspace_id=place, name="Spring")
    product_id = await manage_catalog.create_product(
        db=world.db, workspace_id=place, name="Theirs", campaign_id=campaign_id
    )
    return Theirs(campaign_id, product_id)


@pytest.mark.parametrize("whose", ["another merchant's", "the other twin's"])
async def test_law_16_what_belongs_to_another_workspace_is_not_found(admin: Admin, whose: str) -> None:
    world = admin.world
    other = world.live
    if whose == "another merchant's":
        other = (await manage_workspaces.create_workspace(db=world.db, name="Fabrikam")).test
    theirs = await things_of(world, other)
    token = admin.form("Sign out").values["csrf_token"]
    for path in theirs.pages:
        await admin.go(path, status=404)
    for path in theirs.forms:
        await admin.post(
            path, {"csrf_token": token, "name": "Mine", "payment_type": "one_time", "price": "1"}, status=404
        )
    await admin.go("/admin/campaigns")
    assert "Spring" not in admin.text
    await admin.go("/admin/products/new")
    campaign = ids.CAMPAIGN.text(theirs.campaign_id)
    await admin.press("Save", status=422, name="Mine", campaign=campaign)
    assert "no such campaign" in admin.text
    names = await world.db.fetch("select name from products union select name from campaigns")
    assert {row["name"] for row in names} == {"Spring", "Theirs"}


async def test_a_viewer_sees_everything_and_changes_nothing(world: World) -> None:
    mine = await things_of(world, world.test)
    async with Admin.of(world) as vera:
        await vera.hire("vera@acme.example", role="viewer")
        await vera.enter(mode="test")
        token = vera.form("Sign out").values["csrf_token"]
        for path in mine.pages:
            await vera.go(path)
            assert not any("Save" in form.buttons for form in vera.page.forms), path
        for path in (*mine.forms, "/admin/campaigns/new", "/admin/products/new"):
            await vera.post(path, {"csrf_token": token, "name": "Hers"}, status=403)
            assert "Your role may look at everything and change nothing." in vera.text
