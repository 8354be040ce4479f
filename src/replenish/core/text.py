"""Text from outside, made safe to keep: no NUL (PostgreSQL refuses it), no lone surrogate (not UTF-8), bounded length."""

import re
from typing import Final
from urllib.parse import urlsplit

from replenish.core.errors import Invalid

# C0 controls except tab and line ends, DEL, and surrogates: none of them has a meaning in a name, and some break storage.
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_KEY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@+-]*")
URL_LONGEST: Final = 2048


def clean_text(text: str, *, field: str, longest: int, shortest: int = 0) -> str:
    """Return `text` when it may be stored; raises Invalid(field). Blank text does not count as text."""
    if _FORBIDDEN.search(text):
        raise Invalid(field, "must not contain control characters")
    if len(text) > longest:
        raise Invalid(field, f"must have at most {longest} characters")
    if shortest and len(text.strip()) < shortest:
        raise Invalid(field, "must not be empty" if shortest == 1 else f"must have at least {shortest} characters")
    return text


def clean_key(text: str, *, field: str, longest: int = 255) -> str:
    """A name that goes into addresses and look-ups: letters, digits and `_.:@+-`, starting with a letter or digit."""
    if len(text) > longest:
        raise Invalid(field, f"must have at most {longest} characters")
    if not _KEY.fullmatch(text):
        raise Invalid(field, "must be letters, digits or any of _ . : @ + -, and start with a letter or digit")
    return text


def clean_url(text: str, *, field: str) -> str:
    """An absolute http(s) address: links we show must never run a script or point into our own origin by accident."""
    clean_text(text, field=field, longest=URL_LONGEST, shortest=1)
    try:
        parts = urlsplit(text)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        raise Invalid(field, "is not an address such as 'https://example.com/done'") from None
    spaced = any(letter.isspace() or letter in '<>"\\' for letter in text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_fine or spaced or parts.username:
        raise Invalid(field, "is not an address such as 'https://example.com/done'")
    return text


def clean_email(text: str, *, field: str) -> str:
    """Something@somewhere: whether it exists is the mail server's to say."""
    clean_text(text, field=field, longest=254)
    if not re.fullmatch(r"[^@\s<>\"(),;:\\]+@[^@\s<>\"(),;:\\]+\.[^@\s<>\"(),;:\\.]+", text):
        raise Invalid(field, "is not an e-mail address")
    return text
