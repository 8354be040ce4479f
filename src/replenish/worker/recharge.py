"""Due wallets and ended links, each to its flow. The rows are the jobs, so that any number of workers may run these."""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Final

import structlog

from replenish.core.db import Database
from replenish.core.settings import Settings
from replenish.flows.auto_recharge import end_expired_link, recharge_due_wallet
from replenish.payments.provider import Provider
from replenish.wallets import queries as wallets

log = structlog.stdlib.get_logger(__name__)

# Customers wait for this: a wallet that usage has found low is looked at within a quarter of a second.
WALLETS_EVERY_SECONDS: Final = 0.25
LINKS_EVERY_SECONDS: Final = 5.0
# Wallets that one worker looks at side by side: most of the time it waits for a provider.
SIDE_BY_SIDE: Final = 4


async def recharge_due_wallets(db: Database, *, providers: Mapping[str, Provider], settings: Settings) -> int:
    """Look at a few due wallets at once; returns how many were found."""
    if not await wallets.any_to_look_at(db):
        return 0
    looks = (
        recharge_due_wallet(db=db, providers=providers, return_url=return_url(settings)) for _ in range(SIDE_BY_SIDE)
    )
    return sum(await asyncio.gather(*(_each(look, "wallet not recharged") for look in looks)))


async def end_expired_links(db: Database, *, providers: Mapping[str, Provider]) -> int:
    """End one link that no customer followed in time; returns how many were found."""
    return await _each(end_expired_link(db=db, providers=providers), "expired link not ended")


def return_url(settings: Settings) -> str:
    """Where a bank sends a customer back to who has authenticated; it needs no session, they may come from an e-mail."""
    return f"{settings.base_url}/portal/returned"


async def _each(look: Awaitable[bool], failed: str) -> int:
    """One that fails is logged and found: its row waits a while, and must not keep the others waiting."""
    try:
        return int(await look)
    except Exception:
        log.exception(failed)
        return 1
