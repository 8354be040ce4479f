"""Deliver one due notification: claimed and counted, sent outside any transaction, then booked (law 15: at least once)."""

from typing import Final

import structlog

from replenish.core.db import Database
from replenish.core.sealing import Box, CannotOpenError
from replenish.core.transaction import transaction
from replenish.notifications.ipn import operations as ipn
from replenish.notifications.ipn import queries
from replenish.notifications.ipn.model import CONTENT_TYPE, Delivery, signed
from replenish.notifications.outgoing import Post, Reply

log = structlog.stdlib.get_logger(__name__)

_AGENT: Final = "Replenish-IPN"


async def deliver_ipn(*, db: Database, post: Post, box: Box) -> int:
    """Returns how many were due: 0 or 1. A kill in between leaves it leased, and sent again after that."""
    async with transaction(db) as tx:
        delivery = await ipn.claim(tx)
    if delivery is None:
        return 0
    url, reply = await _send(db, delivery, post=post, box=box)
    async with transaction(db) as tx:
        await ipn.book(tx, delivery=delivery, url=url, reply=reply)
    return 1


async def _send(db: Database, delivery: Delivery, *, post: Post, box: Box) -> tuple[str, Reply]:
    """To today's address, signed with today's secret: a merchant who mends one of them gets what was waiting."""
    target = await queries.target(db, workspace_id=delivery.workspace_id, product_id=delivery.product_id)
    sealed = await queries.sealed_secret(db, campaign_id=delivery.campaign_id)
    if target is None or sealed is None:
        return "", Reply(None, "the product has no address for notifications any more")
    try:
        secret = box.open(sealed)
    except CannotOpenError as error:
        log.exception("ipn secret cannot be opened", delivery=str(delivery.id), exc_info=error)
        return target.url, Reply(None, "the campaign's secret cannot be read; set it anew")
    fields = [(name, value) for name, value in delivery.fields]
    body = signed(fields, secret=secret, charset=target.charset)
    return target.url, await post(
        url=target.url, headers={"Content-Type": CONTENT_TYPE, "User-Agent": _AGENT}, body=body
    )
