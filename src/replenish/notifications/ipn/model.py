"""What a notification is made of, and how it is signed for consumers of either kind. Pure."""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal
from urllib.parse import urlencode

import msgspec

from replenish.core.ids import CampaignId, CustomerId, IpnDeliveryId, ProductId, TopUpId, WorkspaceId

Charset = Literal["utf-8", "iso-8859-1"]
Fields = Sequence[tuple[str, str]]

_HASH: Final = "hash"
_CODE: Final = "verification_code"
# PHP's trim.
_BLANK: Final = " \t\n\r\0\x0b"
CONTENT_TYPE: Final = "application/x-www-form-urlencoded"


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where a product's notifications go."""

    product_id: ProductId
    workspace_id: WorkspaceId
    url: str
    charset: Charset
    created_at: datetime


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One notification that is due. `fields` as [name, value], unsigned."""

    customer_id: CustomerId
    id: IpnDeliveryId
    workspace_id: WorkspaceId
    top_up_id: TopUpId
    product_id: ProductId
    campaign_id: CampaignId
    event: str
    fields: Sequence[Sequence[str]]
    created_at: datetime
    due_at: datetime | None
    tries: int
    delivered_at: datetime | None
    given_up_at: datetime | None


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the delivery log."""

    delivery_id: IpnDeliveryId
    url: str
    status: int | None
    detail: str
    created_at: datetime


def signed(fields: Fields, *, secret: str, charset: Charset = "utf-8") -> bytes:
    """The body of the POST: the fields, then `hash`, then `verification_code` over everything before it.

    In this order, because consumers of the older kind leave out only their own code, and so sign the hash, too.
    """
    hashed = [*fields, (_HASH, hash_of(fields, secret=secret, charset=charset))]
    coded = [*hashed, (_CODE, verification_code_of(hashed, secret=secret, charset=charset))]
    return urlencode(coded).encode()


def hash_of(fields: Fields, *, secret: str, charset: Charset = "utf-8") -> str:
    """Values in the order of their names. A value that is blank or "0" takes no part: PHP's array_filter drops it."""
    kept = {name: value for name, value in _trimmed(fields) if name not in {_HASH, _CODE}}
    ordered = [kept[name] for name in sorted(kept, key=str.encode) if kept[name] not in {"", "0"}]
    return _hmac(ordered, secret=secret, charset=charset)


def verification_code_of(fields: Fields, *, secret: str, charset: Charset = "utf-8") -> str:
    """Values by their place as text (0, 1, 10, 11, 2 …): what the older consumers compute, names and all forgotten."""
    kept = [value for name, value in _trimmed(fields) if name != _CODE and value not in {"", "0"}]
    places = sorted(range(len(kept)), key=str)
    return _hmac([kept[place] for place in places], secret=secret, charset=charset)


def _trimmed(fields: Fields) -> list[tuple[str, str]]:
    return [(name, value.strip(_BLANK)) for name, value in fields]


def _hmac(values: Sequence[str], *, secret: str, charset: Charset) -> str:
    text = "|".join(values)
    raw = text.encode() if charset == "utf-8" else text.encode("iso-8859-1", errors="ignore")
    # SHA-1 is what the consumers out there check; our own webhooks are signed better.
    return hmac.new(secret.encode(), raw, hashlib.sha1).hexdigest()
