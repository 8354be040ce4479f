"""Where a product's notifications go, and the campaign's secret that signs them."""

import secrets
from typing import Final

import msgspec

from replenish.catalog import queries as catalog
from replenish.core.db import Database
from replenish.core.errors import Invalid
from replenish.core.ids import CampaignId, ProductId, WorkspaceId
from replenish.core.sealing import Box
from replenish.core.text import clean_text
from replenish.core.transaction import transaction
from replenish.notifications.ipn import operations as ipn
from replenish.notifications.ipn.model import Charset

_SECRET_BYTES: Final = 24
_SECRET_SHORTEST: Final = 8
_SECRET_LONGEST: Final = 255


class SavedTarget(msgspec.Struct, frozen=True):
    """`secret` is the campaign's, when this made it: shown once."""

    secret: str | None


async def set_ipn(
    *,
    db: Database,
    box: Box,
    workspace_id: WorkspaceId,
    product_id: ProductId,
    url: str | None,
    charset: Charset = "utf-8",
) -> SavedTarget:
    """Send this product's notifications to `url`; None = send none. Raises NotFound, Invalid(url | product_id)."""
    product = await catalog.product(db, workspace_id=workspace_id, product_id=product_id)
    if url is not None and product.campaign_id is None:
        raise Invalid("product_id", "belongs to no campaign, and notifications are signed with the campaign's secret")
    secret = None
    async with transaction(db) as tx:
        await ipn.set_target(tx, workspace_id=workspace_id, product_id=product_id, url=url, charset=charset)
        if url is not None and product.campaign_id is not None:
            made = secrets.token_urlsafe(_SECRET_BYTES)
            new = await ipn.add_secret(
                tx, box=box, workspace_id=workspace_id, campaign_id=product.campaign_id, secret=made
            )
            secret = made if new else None
    return SavedTarget(secret)


async def set_ipn_secret(
    *, db: Database, box: Box, workspace_id: WorkspaceId, campaign_id: CampaignId, secret: str | None = None
) -> str:
    """A new secret, or the one that the merchant's consumers know already; returned once. Raises NotFound, Invalid."""
    await catalog.campaign(db, workspace_id=workspace_id, campaign_id=campaign_id)
    if secret is not None:
        clean_text(secret, field="secret", longest=_SECRET_LONGEST, shortest=_SECRET_SHORTEST)
    kept = secret or secrets.token_urlsafe(_SECRET_BYTES)
    async with transaction(db) as tx:
        await ipn.replace_secret(tx, box=box, workspace_id=workspace_id, campaign_id=campaign_id, secret=kept)
    return kept


async def reseal_secrets(*, db: Database, box: Box) -> int:
    """After the master key was rotated: everything that is under an old one goes under the newest. Returns how many."""
    async with transaction(db) as tx:
        return await ipn.reseal(tx, box=box)
