"""Who asks and where: arguments, else the environment."""

import os
from typing import Final
from urllib.parse import urlsplit

import msgspec

_KEY: Final = "REPLENISH_API_KEY"
_URL: Final = "REPLENISH_BASE_URL"


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What each request needs to know. Its `repr` must not show the key."""

    api_key: str
    base_url: str
    timeout_seconds: float
    retries: int

    def __repr__(self) -> str:
        return f"Options(base_url={self.base_url!r}, api_key='{self.api_key[:8]}…')"


def options(*, api_key: str | None, base_url: str | None, timeout_seconds: float, retries: int) -> Options:
    """Raises ValueError naming what is missing or cannot be."""
    key = os.environ.get(_KEY, "") if api_key is None else api_key
    url = os.environ.get(_URL, "") if base_url is None else base_url
    if not key:
        raise ValueError(f"api_key is missing: give it, or set {_KEY}")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ValueError("api_key must not contain spaces, line ends or other than ASCII characters")
    if not url:
        raise ValueError(f"base_url is missing: give it, or set {_URL}; for example 'http://127.0.0.1:8700'")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"base_url must be an address such as 'https://credits.example.com', not {url!r}")
    if timeout_seconds <= 0:
        raise ValueError("timeout_seconds must be above 0")
    if retries < 0:
        raise ValueError("retries must not be negative")
    # People paste it with the version, too.
    return Options(
        api_key=key,
        base_url=url.rstrip("/").removesuffix("/v1"),
        timeout_seconds=timeout_seconds,
        retries=retries,
    )
