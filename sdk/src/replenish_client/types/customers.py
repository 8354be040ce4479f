"""Who holds credits, and how much."""

from datetime import datetime
from decimal import Decimal

from replenish_client.types.base import Answer, StoredMetadata


class Customer(Answer, frozen=True, kw_only=True):
    """`external_id` is the merchant's own and never changes. Frozen customers can neither spend nor buy."""

    id: str
    external_id: str
    email: str | None
    name: str
    metadata: StoredMetadata
    frozen_at: datetime | None
    created_at: datetime


class Balance(Answer, frozen=True, kw_only=True):
    """credits - held = available; available - owed = balance, negative while more is owed than available."""

    customer_id: str
    currency_id: str
    credits: Decimal
    held: Decimal
    available: Decimal
    owed: Decimal
    balance: Decimal
    frozen: bool
    as_of: datetime
    top_up_url: str | None


class PortalSession(Answer, frozen=True, kw_only=True):
    """`url` lets the customer into the billing portal, once and until `link_expires_at`; None when it was used."""

    id: str
    customer_id: str
    url: str | None
    return_url: str | None
    created_at: datetime
    link_expires_at: datetime
    expires_at: datetime
    ended_at: datetime | None
