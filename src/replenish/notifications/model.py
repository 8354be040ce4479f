"""Events: something happened to a customer's credits, money or settings."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from replenish.core.ids import CustomerId, EventId, WorkspaceId


class NewEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What a flow tells. `type` is `noun.verb_in_past_tense`; `object_type` and `object_id` name what it is about.

    `data` holds what the receiver needs, in wire form: ids and amounts as text, no secrets.
    """

    workspace_id: WorkspaceId
    customer_id: CustomerId
    type: str
    object_type: str
    object_id: UUID
    data: Mapping[str, object]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A stored event. `number` counts a customer's events without gaps; `written_by` and `id` are its place in the feed."""

    id: EventId
    workspace_id: WorkspaceId
    customer_id: CustomerId
    number: int
    type: str
    object_type: str
    object_id: UUID
    data: Mapping[str, object]
    created_at: datetime
    written_by: str
