"""Passwords: argon2id, in threads of their own (law 17).

One hash takes a tenth of a second and 64 MiB: on the event loop it would stop everybody else, and without a bound a flood of
sign-ins would take the memory of the machine.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from replenish.core.errors import Invalid

SHORTEST: Final = 12
LONGEST: Final = 256
_HASHER: Final = PasswordHasher()
_THREADS: Final = ThreadPoolExecutor(max_workers=2, thread_name_prefix="passwords")


def check_new(password: str, *, field: str) -> None:
    """Long rather than full of special signs. Raises Invalid(field)."""
    if len(password) < SHORTEST:
        raise Invalid(field, f"must have at least {SHORTEST} characters")
    if len(password) > LONGEST:
        raise Invalid(field, f"must have at most {LONGEST} characters")
    if len(set(password)) < SHORTEST // 3:
        raise Invalid(field, "is too easy to guess")
    if not _is_utf8(password):
        raise Invalid(field, "must not contain half a character")


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= sign <= "\udfff" for sign in text)


async def hash_of(password: str) -> str:
    """What is stored: the parameters, a salt and the hash, as one text."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, _HASHER.hash, password)


async def matches(stored: str | None, password: str) -> bool:
    """Whether it is the password. Without a stored one the same work is done for nothing.

    Otherwise the time that the answer takes would tell which addresses have an account.
    """
    if len(password) > LONGEST or not _is_utf8(password):
        stored, password = None, ""
    found = await asyncio.get_running_loop().run_in_executor(_THREADS, _verify, stored or _nobodys(), password)
    return found and stored is not None


def _verify(stored: str, password: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (Argon2Error, InvalidHashError):
        return False


@cache
def _nobodys() -> str:
    return _HASHER.hash("nobody has this one")
