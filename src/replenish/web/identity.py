"""Who asks: API keys and cookies become identities, once a request.

An API key's answer is remembered for at most one second (law 17): a busy client costs one look-up a second, and a revoked
key stops within that. Unknown keys are never remembered, so a key works from the moment it is made.
"""

import time
from collections.abc import Callable
from typing import Final

from replenish.access import queries
from replenish.access.model import Identity, OperatorVisitor, PortalVisitor
from replenish.access.tokens import PREFIXES, hash_of
from replenish.core.db import Reads
from replenish.core.errors import Unauthenticated
from replenish.core.remember import Remember

REMEMBERED_SECONDS: Final = 1.0
_REMEMBERED_MAX: Final = 10_000
_LONGEST: Final = 256


class Doorkeeper:
    """Resolves keys and cookies. `clock` gives seconds that never run backwards."""

    __slots__ = ("_db", "_known")

    def __init__(self, db: Reads, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._known = Remember[bytes, Identity](size_max=_REMEMBERED_MAX, seconds=REMEMBERED_SECONDS, clock=clock)

    async def identity(self, authorization: str | None) -> Identity:
        """The API key of an `Authorization: Bearer …` header. Raises Unauthenticated, the same for every wrong key."""
        scheme, _, key = (authorization or "").strip().partition(" ")
        key = key.strip()
        if not key or scheme.lower() != "bearer":
            raise Unauthenticated("Send your API key as 'Authorization: Bearer rk_…'.", code="api_key_missing")
        if len(key) > _LONGEST or not key.startswith(tuple(PREFIXES.values())):
            raise _wrong_key()
        hash_ = hash_of(key)
        remembered = self._known.get(hash_)
        if remembered is not None:
            return remembered
        # Counted from before the look-up: a key revoked while it ran must not live longer than a second, either.
        since = self._known.now()
        found = await queries.identity(self._db, key=key)
        if found is None:
            self._known.forget(hash_)
            raise _wrong_key()
        self._known.keep(hash_, found, since=since)
        return found

    async def portal_visitor(self, cookie: str | None) -> PortalVisitor | None:
        """Whose portal cookie this is; None when nobody's."""
        if not cookie or len(cookie) > _LONGEST:
            return None
        return await queries.portal_visitor(self._db, cookie=cookie)

    async def operator_visitor(self, cookie: str | None) -> OperatorVisitor | None:
        """Whose admin cookie this is; None when nobody's."""
        if not cookie or len(cookie) > _LONGEST:
            return None
        return await queries.operator_visitor(self._db, cookie=cookie)


def _wrong_key() -> Unauthenticated:
    return Unauthenticated("This API key is unknown, revoked or expired.", code="api_key_invalid")
