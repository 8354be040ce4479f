"""The workspace that `replenish dev` fills on its first start, so that there is something to look at and to talk to."""

from replenish.core.db import Database
from replenish.core.settings import Settings


async def ensure_demo(*, db: Database, settings: Settings, api_key: str | None) -> list[tuple[str, str]]:
    """Fill the demo workspace if it is not there, and return what to print about it: label and value, in order.

    Called at every start of `replenish dev`, before web and worker. `api_key`, when given, becomes the key of the demo's test
    workspace.
    """
    _ = (db, settings, api_key)
    return []
