"""Writes of targets, secrets and deliveries. Called by flows, inside their transaction."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from replenish.core.ids import (
    IPN_DELIVERY,
    IPN_TRY,
    CampaignId,
    CustomerId,
    ProductId,
    TopUpId,
    WorkspaceId,
)
from replenish.core.rows import row_to, value
from replenish.core.sealing import Box
from replenish.core.text import clean_url
from replenish.core.transaction import Tx
from replenish.notifications.ipn import store
from replenish.notifications.ipn.model import Charset, Delivery, Fields
from replenish.notifications.outgoing import Reply

# Longer than the longest try, so that no two workers send the same one at once.
LEASE: Final = timedelta(minutes=1)
# After the first try that failed, the second …; about three days in all.
PAUSES: Final = (
    *(timedelta(seconds=30), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2)),
    *(timedelta(hours=6), timedelta(hours=12), timedelta(hours=24), timedelta(hours=24)),
)


async def set_target(
    tx: Tx, *, workspace_id: WorkspaceId, product_id: ProductId, url: str | None, charset: Charset
) -> None:
    """None ends it; what is due already waits for another address, and is given up in the end. Raises Invalid(url)."""
    if url is None:
        await store.delete_target(tx, workspace_id, product_id)
        return
    clean_url(url, field="url")
    await store.set_target(tx, workspace_id, product_id, url, charset)


async def add_secret(tx: Tx, *, box: Box, workspace_id: WorkspaceId, campaign_id: CampaignId, secret: str) -> bool:
    """Whether it was stored: a campaign that has a secret keeps it."""
    return bool(await store.add_secret(tx, workspace_id, campaign_id, box.seal(secret)))


async def replace_secret(tx: Tx, *, box: Box, workspace_id: WorkspaceId, campaign_id: CampaignId, secret: str) -> None:
    """From the next try on, whatever is due is signed with the new one."""
    await store.replace_secret(tx, workspace_id, campaign_id, box.seal(secret))


async def reseal(tx: Tx, *, box: Box) -> int:
    """Seal anew what is not under the newest master key; returns how many. Raises CannotOpenError."""
    changed = 0
    for row in await store.lock_secrets(tx):
        sealed = box.reseal(value(row, "sealed", bytes))
        if sealed is not None:
            changed += 1
            await store.reseal(tx, CampaignId(value(row, "campaign_id", UUID)), sealed)
    return changed


async def owe(
    tx: Tx,
    *,
    workspace_id: WorkspaceId,
    customer_id: CustomerId,
    top_up_id: TopUpId,
    product_id: ProductId,
    campaign_id: CampaignId,
    event: str,
    fields: Fields,
) -> None:
    """A due delivery. A second one for the same purchase and event is a unique violation."""
    await store.insert_delivery(
        tx,
        customer_id=customer_id,
        delivery_id=IPN_DELIVERY.new(),
        workspace_id=workspace_id,
        top_up_id=top_up_id,
        product_id=product_id,
        campaign_id=campaign_id,
        event=event,
        fields=fields,
    )


async def claim(tx: Tx) -> Delivery | None:
    """Take the next due delivery for a minute; its try counts from here."""
    found = await store.claim(tx, LEASE)
    return None if found is None else row_to(Delivery, found)


async def book(tx: Tx, *, delivery: Delivery, url: str, reply: Reply) -> None:
    """Log the try, and end the delivery or have it tried again later."""
    await store.insert_try(tx, delivery.customer_id, IPN_TRY.new(), delivery.id, url, reply)
    if reply.accepted:
        await store.end(tx, delivery.customer_id, delivery.id, delivered=True)
    elif delivery.tries > len(PAUSES):
        await store.end(tx, delivery.customer_id, delivery.id, delivered=False)
    else:
        await store.wait(tx, delivery.customer_id, delivery.id, PAUSES[delivery.tries - 1])
