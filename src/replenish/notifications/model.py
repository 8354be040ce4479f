"""Events: something happened to a customer's credits, money or settings."""

from collections.abc import Mapping
from uuid import UUID

import msgspec

from replenish.core.ids import CustomerId, WorkspaceId


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
