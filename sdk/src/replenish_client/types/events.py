"""What happened."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from replenish_client.types.base import Answer


class Event(Answer, frozen=True, kw_only=True):
    """`type` is `noun.verb_in_past_tense`. `number` counts a customer's events without gaps. `data` is as it was then."""

    id: str
    type: str
    number: int
    customer_id: str
    object_type: str
    object_id: str
    data: Mapping[str, Any]
    created_at: datetime
