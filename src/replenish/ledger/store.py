"""The ledger's SQL: transfers are added, never changed."""

from collections.abc import Sequence
from typing import Final

from replenish.core.transaction import Tx
from replenish.ledger.model import Transfer

_INSERT: Final = """
insert into transfers (customer_id, id, workspace_id, wallet_id, lot_id, kind, from_account, to_account, amount,
                       cause, cause_id, reverses_id, note, line, balance_after, booked_at, recorded_at)
select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[],
                     $9::numeric[], $10::text[], $11::uuid[], $12::uuid[], $13::text[], $14::bigint[], $15::numeric[],
                     $16::timestamptz[], $17::timestamptz[])
"""


async def insert(tx: Tx, transfers: Sequence[Transfer]) -> None:
    await tx.execute(
        _INSERT,
        [transfer.customer_id for transfer in transfers],
        [transfer.id for transfer in transfers],
        [transfer.workspace_id for transfer in transfers],
        [transfer.wallet_id for transfer in transfers],
        [transfer.lot_id for transfer in transfers],
        [transfer.kind for transfer in transfers],
        [transfer.from_account for transfer in transfers],
        [transfer.to_account for transfer in transfers],
        [transfer.amount.value for transfer in transfers],
        [transfer.cause for transfer in transfers],
        [transfer.cause_id for transfer in transfers],
        [transfer.reverses_id for transfer in transfers],
        [transfer.note for transfer in transfers],
        [transfer.line for transfer in transfers],
        [None if transfer.balance_after is None else transfer.balance_after.value for transfer in transfers],
        [transfer.booked_at for transfer in transfers],
        [transfer.recorded_at for transfer in transfers],
    )
