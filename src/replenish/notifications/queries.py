"""The feed of events. It ends before the oldest running transaction (law 15).

An event whose transaction commits late can so never appear behind a place that a reader has passed.
"""

from typing import Literal
from uuid import UUID

import msgspec

from replenish.core.db import Reads
from replenish.core.errors import NotFound
from replenish.core.ids import CustomerId, EventId, WorkspaceId
from replenish.core.rows import row_to, rows_to
from replenish.notifications import store
from replenish.notifications.model import Event

Order = Literal["newest", "oldest"]


class Place(msgspec.Struct, frozen=True):
    """A place in the feed: the transaction that wrote an event, and its id."""

    written_by: str
    event_id: UUID


async def feed(
    db: Reads,
    *,
    workspace_id: WorkspaceId,
    customer_id: CustomerId | None = None,
    type_: str | None = None,
    order: Order = "newest",
    beyond: Place | None = None,
    limit: int = 100,
) -> list[Event]:
    """Events beyond a place, in feed order or against it."""
    place = None if beyond is None else (beyond.written_by, beyond.event_id)
    read = store.newest if order == "newest" else store.oldest
    return rows_to(Event, await read(db, workspace_id, customer_id, type_, place, limit))


async def event(db: Reads, *, workspace_id: WorkspaceId, event_id: EventId) -> Event:
    found = await store.event(db, workspace_id, event_id)
    if found is None:
        raise NotFound("event")
    return row_to(Event, found)
