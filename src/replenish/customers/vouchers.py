"""The mark on an address where anybody may pay for one customer, whom it names. Pure.

An address for everybody asks for an e-mail and believes what is typed; one that we answer about a customer already says whose
credits they are. The mark lets its holder pay for that customer and see nothing of them, so it needs no end and is not stored.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from typing import Final

from replenish.core.ids import CUSTOMER, CustomerId

# Its name in an address's query.
PARAMETER: Final = "for"


def voucher(customer_id: CustomerId, *, secret_key: str) -> str:
    """`cus_….SIGNATURE`, safe in an address as it is."""
    return f"{CUSTOMER.text(customer_id)}.{_signature(customer_id, secret_key)}"


def customer_named(given: str, *, secret_keys: Iterable[str]) -> CustomerId | None:
    """Whom it names; None for one that none of these keys signed."""
    name, _, signature = given.partition(".")
    customer_id = CUSTOMER.try_parse(name)
    if customer_id is None:
        return None
    said = signature.encode(errors="replace")
    genuine = any(hmac.compare_digest(_signature(customer_id, key).encode(), said) for key in secret_keys)
    return customer_id if genuine else None


def _signature(customer_id: CustomerId, secret_key: str) -> str:
    digest = hmac.digest(secret_key.encode(), b"pay-for-customer:" + customer_id.bytes, hashlib.sha256)
    return urlsafe_b64encode(digest).decode().rstrip("=")
