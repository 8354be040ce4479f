"""What every mode prints and keeps."""

import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path

import asyncpg
import msgspec

SHOWN_SETTINGS = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "wal_level")
NAMES = {
    "a": "raw SQL, one function an event (pgbench)",
    "b": "a transaction an event, Python",
    "c": "our flow, in process",
    "d": "our HTTP endpoint, one event a request",
    "e": "a POST that does nothing, same server",
    "f": "our batch endpoint, 1,000 events a request",
}
RESULTS = Path(__file__).parent / "results"


def show_machine() -> None:
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")


async def show_settings(url: str, *more: str, of: str = "") -> dict[str, str]:
    """Print and return the server's settings, those named in `more` too."""
    connection = await asyncpg.connect(url)
    try:
        shown = {
            name: str(await connection.fetchval("select current_setting($1)", name))
            for name in (*SHOWN_SETTINGS, *more)
        }
    finally:
        await connection.close()
    print(of + ", ".join(f"{name} {value}" for name, value in shown.items()), "\n", flush=True)
    return shown


def keep(found: Mapping[str, object]) -> None:
    """As JSON, in a file of its own."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(found)))
    print(f"\nwritten to {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")
