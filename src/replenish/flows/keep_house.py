"""What the database needs now and then, so that the usage path never has to stop for it."""

from typing import Final

from replenish.core.db import Database
from replenish.core.transaction import transaction
from replenish.usage import operations as usage

# Months made ahead: a worker that was off for a quarter of a year still finds a partition waiting.
MONTHS_AHEAD: Final = 3


async def make_usage_months(*, db: Database) -> int:
    """Make the partitions of usage events for this month and the next ones. Returns 0: there is never more to do."""
    async with transaction(db) as tx:
        await usage.make_months(tx, ahead=MONTHS_AHEAD)
    return 0
