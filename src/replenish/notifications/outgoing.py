"""What whoever sends a message out answers, and how it is asked: handed in by `main`, so that no flow knows a network."""

from collections.abc import Mapping
from typing import Protocol

import msgspec


class Reply(msgspec.Struct, frozen=True):
    """`status` None: nobody answered, and `detail` says why, in words that may be shown to the merchant."""

    status: int | None
    detail: str

    @property
    def accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Post(Protocol):
    """POST `body` to `url`. Never raises for what the other side does; a redirect is an answer, not an order."""

    async def __call__(self, *, url: str, headers: Mapping[str, str], body: bytes) -> Reply: ...
