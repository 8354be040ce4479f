"""Campaigns: named groups of products."""

from typing import Annotated, ClassVar

from msgspec import UNSET, Meta, UnsetType, field

from replenish.api.v1.call import Call
from replenish.api.v1.routing import changes, creates, reads
from replenish.api.v1.wire import Body, Cursor, Example, Limit, Metadata, Name, Page, Shown, Time, before, page, path_id
from replenish.catalog import queries
from replenish.catalog.model import Campaign
from replenish.core.ids import CAMPAIGN
from replenish.flows import manage_catalog


class NewCampaign(Body):
    EXAMPLE: ClassVar[Example] = {"name": "Spring"}

    name: Annotated[Name, Meta(description="What the campaign is called.")]
    metadata: Metadata = field(default_factory=dict)


class CampaignChanges(Body):
    MADE_BY = NewCampaign
    EXAMPLE: ClassVar[Example] = {"name": "Spring 2027"}

    name: Annotated[Name, Meta(description="What the campaign is called.")] | UnsetType = UNSET
    archived: Annotated[bool, Meta(description="True archives the campaign, false brings it back.")] | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET


class CampaignView(Shown):
    id: str
    number: int
    name: str
    metadata: Metadata
    created_at: Time
    archived_at: Time | None


def show(campaign: Campaign) -> CampaignView:
    return CampaignView(
        id=CAMPAIGN.text(campaign.id),
        number=campaign.number,
        name=campaign.name,
        metadata=dict(campaign.metadata),
        created_at=campaign.created_at,
        archived_at=campaign.archived_at,
    )


async def find_campaign(call: Call, key: str) -> Campaign:
    if key.isascii() and key.isdigit() and len(key) <= 10:
        return await queries.campaign_by_number(call.db, workspace_id=call.workspace_id, number=int(key))
    campaign_id = path_id(CAMPAIGN, key, "campaign")
    return await queries.campaign(call.db, workspace_id=call.workspace_id, campaign_id=campaign_id)


@creates("/campaigns", scope="catalog:write")
async def create_campaign(data: NewCampaign, call: Call) -> CampaignView:
    """Create a campaign. It gets the workspace's next short number."""
    campaign_id = await manage_catalog.create_campaign(
        db=call.db,
        workspace_id=call.workspace_id,
        name=data.name,
        metadata=data.metadata,
        request_key=call.request_key(data),
    )
    return show(await queries.campaign(call.db, workspace_id=call.workspace_id, campaign_id=campaign_id))


@reads("/campaigns")
async def list_campaigns(call: Call, limit: Limit = 20, cursor: Cursor | None = None) -> Page[CampaignView]:
    """List campaigns, newest first."""
    rows = await queries.campaigns(call.db, workspace_id=call.workspace_id, before=before(cursor), limit=limit + 1)
    return page(rows, limit=limit, show=show, id_of=lambda row: row.id)


@reads("/campaigns/{key:str}")
async def retrieve_campaign(key: str, call: Call) -> CampaignView:
    """Retrieve a campaign by its id or short number."""
    return show(await find_campaign(call, key))


@changes("/campaigns/{key:str}", scope="catalog:write")
async def change_campaign(key: str, data: CampaignChanges, call: Call) -> CampaignView:
    """Change a campaign. What is not given stays; metadata is replaced as a whole."""
    found = await find_campaign(call, key)
    await manage_catalog.change_campaign(
        db=call.db,
        workspace_id=call.workspace_id,
        campaign_id=found.id,
        name=data.name,
        archived=data.archived,
        metadata=data.metadata,
    )
    return show(await queries.campaign(call.db, workspace_id=call.workspace_id, campaign_id=found.id))


routes = [create_campaign, list_campaigns, retrieve_campaign, change_campaign]
