"""Secrets that must be read again (law 17): encrypted under a master key that can be rotated.

What is only ever compared is hashed instead. Rotating: the new key goes first, the old ones stay behind it until everything
was sealed anew.
"""

import base64
from collections.abc import Sequence
from typing import Final, final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

# Cookies and links are signed with the same master key: derived apart, neither use can be turned against the other.
_PURPOSE: Final = b"replenish: sealed secrets"


class CannotOpenError(Exception):
    """None of the known keys opens it: it was sealed under one that is gone, or it was changed."""

    def __init__(self) -> None:
        super().__init__(
            "a stored secret was sealed under a key that is not known; add it to REPLENISH_OLD_SECRET_KEYS"
        )


@final
class Box:
    """Seals under the first master key, opens with any."""

    __slots__ = ("_all", "_newest")

    def __init__(self, master_keys: Sequence[str]) -> None:
        keys = [Fernet(_derived(key)) for key in master_keys]
        self._newest = keys[0]
        self._all = MultiFernet(keys)

    def seal(self, secret: str) -> bytes:
        return self._newest.encrypt(secret.encode())

    def open(self, sealed: bytes) -> str:
        """Raises CannotOpenError."""
        try:
            return self._all.decrypt(sealed).decode()
        except InvalidToken:
            raise CannotOpenError from None

    def reseal(self, sealed: bytes) -> bytes | None:
        """The same secret under the newest key; None when it is under that already. Raises CannotOpenError."""
        try:
            self._newest.decrypt(sealed)
        except InvalidToken:
            return self.seal(self.open(sealed))
        return None


def _derived(master_key: str) -> bytes:
    found = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(master_key.encode())
    return base64.urlsafe_b64encode(found)
