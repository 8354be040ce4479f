"""The ledger's SQL: transfers are added, never changed."""

from collections.abc import Sequence
from typing import Final

from replenish.core.transaction import Tx
from replenish.ledger.model import Transfer

_COLUMNS: Final = Transfer.__struct_fields__


async def insert(tx: Tx, transfers: Sequence[Transfer]) -> None:
    await tx.copy(
        "transfers",
        _COLUMNS,
        [
            (
                transfer.customer_id,
                transfer.id,
                transfer.workspace_id,
                transfer.wallet_id,
                transfer.lot_id,
                transfer.kind,
                transfer.from_account,
                transfer.to_account,
                transfer.amount.value,
                transfer.cause,
                transfer.cause_id,
                transfer.reverses_id,
                transfer.note,
                transfer.line,
                None if transfer.balance_after is None else transfer.balance_after.value,
                transfer.booked_at,
                transfer.recorded_at,
            )
            for transfer in transfers
        ],
    )
