"""Posting to the ledger; only `wallets.operations` calls it, so that no transfer exists without its wallet's row."""

from collections.abc import Sequence

from replenish.core.transaction import Tx
from replenish.ledger import store
from replenish.ledger.model import Transfer


async def post(tx: Tx, transfers: Sequence[Transfer]) -> None:
    if transfers:
        await store.insert(tx, transfers)
