"""The link that an e-mail carries to a customer whose bank wants them. Pure.

It leads to our own page, which sends on to the bank's while the attempt waits and says so when it no longer does: the
bank's address itself would outlive the attempt. Nothing of it is stored: it is derived, so each mail carries the same one.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from typing import Final

from replenish.core.ids import RECHARGE_ATTEMPT, RechargeAttemptId

PATH: Final = "/portal/confirm"


def link_to_confirm(attempt_id: RechargeAttemptId, *, base_url: str, secret_key: str) -> str:
    """`https://…/portal/confirm/ra_…/…`."""
    return f"{base_url}{PATH}/{RECHARGE_ATTEMPT.text(attempt_id)}/{signature(attempt_id, secret_key=secret_key)}"


def signature(attempt_id: RechargeAttemptId, *, secret_key: str) -> str:
    digest = hmac.digest(secret_key.encode(), b"recharge-confirm:" + attempt_id.bytes, hashlib.sha256)
    return urlsafe_b64encode(digest).decode().rstrip("=")


def is_genuine(attempt_id: RechargeAttemptId, given: str, *, secret_key: str) -> bool:
    """Whether this link came from us: whoever holds it may confirm this one payment, and see nothing else."""
    return hmac.compare_digest(signature(attempt_id, secret_key=secret_key).encode(), given.encode(errors="replace"))
