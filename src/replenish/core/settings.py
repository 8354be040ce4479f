"""Settings: environment variables, read once at the start, each refused with its own name when it is wrong."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from replenish.core.errors import Invalid

PORT_DEFAULT: Final = 8700
_KEY_SHORTEST: Final = 32


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a process needs to know from outside."""

    database_url: str
    # Signs cookies and one-time links, and encrypts stored secrets; 32 characters at least.
    secret_key: str
    # Former ones, until what they sealed is sealed anew (`core.sealing`).
    old_secret_keys: tuple[str, ...] = ()
    # Where customers' browsers reach us: links in answers and e-mails start with it.
    base_url: str
    host: str = "127.0.0.1"
    port: int = PORT_DEFAULT
    # True only under `replenish dev`: live workspaces accept the sandbox provider.
    dev: bool = False
    pool_size: int = 10

    @property
    def master_keys(self) -> tuple[str, ...]:
        """The newest first."""
        return (self.secret_key, *self.old_secret_keys)


def home(environment: Mapping[str, str] = os.environ) -> Path:
    """Where `replenish dev` keeps its database and secrets."""
    return Path(environment.get("REPLENISH_HOME") or ".replenish").resolve()


def port_from(environment: Mapping[str, str] = os.environ) -> int:
    text = environment.get("PORT") or str(PORT_DEFAULT)
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 0 < int(text) < 65536:
        raise Invalid("PORT", f"PORT={text!r} is not a port number from 1 to 65535")
    return int(text)


def database_url_from(environment: Mapping[str, str] = os.environ) -> str:
    """Read `REPLENISH_DATABASE_URL`, the one setting that every command needs. Raises Invalid."""
    database_url = environment.get("REPLENISH_DATABASE_URL", "")
    if not database_url:
        raise Invalid("REPLENISH_DATABASE_URL", "set REPLENISH_DATABASE_URL=postgresql://user:password@host/database")
    if not database_url.startswith(("postgresql://", "postgres://")):
        raise Invalid("REPLENISH_DATABASE_URL", "REPLENISH_DATABASE_URL must start with postgresql://")
    return database_url


def base_url_from(environment: Mapping[str, str] = os.environ) -> str:
    """Read `REPLENISH_BASE_URL`; without it, this machine at `PORT`. Raises Invalid."""
    base_url = (environment.get("REPLENISH_BASE_URL") or f"http://127.0.0.1:{port_from(environment)}").rstrip("/")
    if not base_url.startswith(("http://", "https://")):
        raise Invalid("REPLENISH_BASE_URL", "REPLENISH_BASE_URL must start with http:// or https://")
    return base_url


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read `REPLENISH_DATABASE_URL`, `REPLENISH_SECRET_KEY`, `REPLENISH_BASE_URL`, `HOST`, `PORT`, `REPLENISH_DEV`.

    Raises Invalid naming the variable that is missing or wrong.
    """
    database_url = database_url_from(environment)
    secret_key = environment.get("REPLENISH_SECRET_KEY", "")
    if len(secret_key) < _KEY_SHORTEST:
        raise Invalid("REPLENISH_SECRET_KEY", f"set REPLENISH_SECRET_KEY to {_KEY_SHORTEST} or more random characters")
    old_secret_keys = tuple((environment.get("REPLENISH_OLD_SECRET_KEYS") or "").split())
    if any(len(key) < _KEY_SHORTEST for key in old_secret_keys):
        raise Invalid("REPLENISH_OLD_SECRET_KEYS", "REPLENISH_OLD_SECRET_KEYS holds former keys, separated by blanks")
    port = port_from(environment)
    host = environment.get("HOST") or "127.0.0.1"
    base_url = base_url_from(environment)
    return Settings(
        database_url=database_url,
        secret_key=secret_key,
        old_secret_keys=old_secret_keys,
        base_url=base_url,
        host=host,
        port=port,
        dev=environment.get("REPLENISH_DEV") == "1",
        pool_size=int(environment.get("REPLENISH_POOL_SIZE") or 10),
    )
