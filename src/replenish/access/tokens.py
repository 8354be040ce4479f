"""Secrets: how they are made and what of them is stored (law 17). Pure, apart from the machine's randomness.

Keys and tokens carry 32 random bytes, so SHA-256 without salt is enough: there is nothing to guess.
"""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from typing import Final
from uuid import UUID

from replenish.access.model import Mode

_BYTES: Final = 32
_HINT: Final = 4
PREFIXES: Final[dict[Mode, str]] = {"live": "rk_live_", "test": "rk_test_"}


def new_api_key(mode: Mode) -> str:
    """`rk_live_…` or `rk_test_…`: the prefix tells people and secret scanners what they found."""
    return PREFIXES[mode] + secrets.token_urlsafe(_BYTES)


def new_token() -> str:
    return secrets.token_urlsafe(_BYTES)


def link_token(secret_key: str, session_id: UUID) -> str:
    """The token of a portal link, derived from its session's id.

    So a repeated request gets the same link (law 7), although only the hash is stored.
    """
    digest = hmac.digest(secret_key.encode(), b"portal-link:" + session_id.bytes, hashlib.sha256)
    return urlsafe_b64encode(digest).decode().rstrip("=")


def hash_of(secret: str) -> bytes:
    """What is stored. Any text may be asked about: a lone surrogate hashes to something nobody has."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).digest()


def hint_of(key: str) -> str:
    """The last characters, so that people can tell keys apart."""
    return key[-_HINT:]


def portal_link(base_url: str, token: str) -> str:
    """Where a portal session's one-time link leads."""
    return f"{base_url}/portal/enter/{token}"


def admin_link(base_url: str, token: str) -> str:
    """Where an operator's one-time sign-in link leads."""
    return f"{base_url}/admin/enter/{token}"
