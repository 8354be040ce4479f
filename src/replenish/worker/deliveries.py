"""What is owed to other machines: due rows, each to its flow."""

import asyncio
from collections.abc import Sequence
from typing import Final

from replenish.core.db import Database
from replenish.core.sealing import Box
from replenish.core.settings import Settings
from replenish.flows.deliver_ipn import deliver_ipn
from replenish.flows.manage_ipn import reseal_secrets
from replenish.notifications.outgoing import Post
from replenish.worker.jobs import Job

# One slow receiver must not keep the others waiting: most of the time a delivery waits for its answer.
SIDE_BY_SIDE: Final = 8


def delivery_jobs(db: Database, *, post: Post, settings: Settings) -> Sequence[Job]:
    """Deliveries, and keeping the secrets that sign them under the newest master key."""
    box = Box(settings.master_keys)

    async def deliver() -> int:
        # Asked alone first: an idle worker asks often, and eight times the same is seven too many.
        if not await deliver_ipn(db=db, post=post, box=box):
            return 0
        return 1 + sum(await asyncio.gather(*(deliver_ipn(db=db, post=post, box=box) for _ in range(SIDE_BY_SIDE))))

    return (
        Job(name="deliver IPN", every_seconds=1.0, run=deliver),
        Job(name="seal secrets under the newest key", every_seconds=3600.0, run=lambda: _reseal(db, box)),
    )


async def _reseal(db: Database, box: Box) -> int:
    await reseal_secrets(db=db, box=box)
    return 0
