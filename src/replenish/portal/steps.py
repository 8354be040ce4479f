"""What the customer does next, from a flow's neutral answer to a page. No provider is named here, and none is known."""

import hashlib
import re
from typing import Final

from replenish.access.model import RequestKey
from replenish.core.errors import Invalid
from replenish.core.ids import CUSTOMER, CustomerId, WorkspaceId
from replenish.payments.next_step import Done, NextStep, Refused, TakenBack, Visit, Wait

_FORM_KEY: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")


def name_of(step: NextStep) -> str:
    """The word that templates choose by: done, visit, wait, refused, taken_back."""
    match step:
        case Done():
            return "done"
        case Visit():
            return "visit"
        case Wait():
            return "wait"
        case Refused():
            return "refused"
        case TakenBack():
            return "taken_back"


# How a purchase made by one of our forms is known from one that the merchant's program made.
KEY_PREFIX: Final = "portal:"


def request_key(
    *, workspace_id: WorkspaceId, customer_id: CustomerId, form_key: str, fields: tuple[str, ...]
) -> RequestKey:
    """One form, sent twice, buys once: each form carries a random key of its own (law 7).

    The customer's id is part of it, so nobody can take, or spoil, another customer's key. Raises Invalid(form_key).
    """
    if not _FORM_KEY.fullmatch(form_key):
        raise Invalid("form_key", "is missing; reload the page and send the form again")
    return RequestKey(
        workspace_id=workspace_id,
        key=f"{KEY_PREFIX}{CUSTOMER.text(customer_id)}:{form_key}",
        fingerprint=hashlib.sha256("\0".join(fields).encode(errors="surrogatepass")).digest(),
    )
