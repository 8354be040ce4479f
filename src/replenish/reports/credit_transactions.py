"""Credits in and out, one row for each grant that was touched: what the original calls credit transactions.

A usage event that three grants paid for is three rows; the part that none could pay is none, until a later grant repays it.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

import msgspec

from replenish.core.db import Reads
from replenish.core.ids import CurrencyId, CustomerId, LotId, MeterId, TransferId, UsageEventId, WorkspaceId
from replenish.core.money import Credits
from replenish.core.rows import row_to, rows_to
from replenish.ledger.model import Kind

CONSUMPTION: Final[tuple[Kind, ...]] = ("usage", "repayment")
# Everything that touches a grant, apart from its own beginning.
MOVEMENTS: Final[tuple[Kind, ...]] = (
    *CONSUMPTION,
    "expiry",
    "void",
    "adjustment",
    "refund",
    "write_off",
    "usage_reversal",
    "repayment_reversal",
)
COUNT_MAX: Final = 100_000


class CreditTransaction(msgspec.Struct, frozen=True, kw_only=True):
    """`place` counts the grants that paid for one event; None for everything that is not usage. `moved` is positive."""

    id: UUID
    place: int | None
    kind: Kind
    customer_id: CustomerId
    currency_id: CurrencyId
    lot_id: LotId
    moved: Credits
    balance_after: Credits
    meter_id: MeterId | None
    event_id: UsageEventId | None
    # Of usage: the share of the reported value that these credits paid for.
    quantity: Decimal | None
    note: str
    booked_at: datetime


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Filters; None = any."""

    kinds: Sequence[Kind]
    customer_id: CustomerId | None = None
    lot_id: LotId | None = None
    meter_id: MeterId | None = None
    currency_id: CurrencyId | None = None
    event_id: UsageEventId | None = None
    start: datetime | None = None
    end: datetime | None = None
    # One row: the id of a transfer.
    transfer_id: TransferId | None = None


class Total(msgspec.Struct, frozen=True):
    quantity: Decimal
    moved: Credits
    rows: int


_ROWS: Final = """
with found as (
    select e.id, (a.place - 1)::int as place, 'usage' as kind, e.customer_id, w.currency_id, a.lot_id, a.amount as moved,
           e.balance_after + e.debit
               - sum(a.amount) over (partition by e.id order by a.place) as balance_after,
           e.meter_id, e.id as event_id,
           case when e.debit = 0 then 0 else trim_scale(round(e.value * a.amount / e.debit, 18)) end as quantity,
           '' as note, e.booked_at, e.recorded_at, e.line
    from usage_events e
    join wallets w on w.customer_id = e.customer_id and w.id = e.wallet_id
    cross join lateral unnest(e.lot_ids, e.lot_amounts) with ordinality as a (lot_id, amount, place)
    where e.workspace_id = $1 and 'usage' = any($2) and $10::uuid is null
      and ($3::uuid is null or e.customer_id = $3) and ($5::uuid is null or e.meter_id = $5)
      and ($6::uuid is null or w.currency_id = $6) and ($7::uuid is null or e.id = $7)
      and ($8::timestamptz is null or e.booked_at >= $8) and ($9::timestamptz is null or e.booked_at <= $9)
    union all
    select t.id, null, t.kind, t.customer_id, w.currency_id, t.lot_id, t.amount, t.balance_after,
           o.meter_id, case when o.cause = 'usage' then o.cause_id end,
           case when t.kind = 'repayment' then t.amount end, t.note, t.booked_at, t.recorded_at, t.line
    from transfers t
    join wallets w on w.customer_id = t.customer_id and w.id = t.wallet_id
    left join owed_items o on t.kind in ('repayment', 'repayment_reversal') and o.customer_id = t.customer_id
        and o.id = t.cause_id
    where t.workspace_id = $1 and t.kind = any($2) and t.line is not null and t.lot_id is not null
      and ($3::uuid is null or t.customer_id = $3) and ($5::uuid is null or o.meter_id = $5)
      and ($6::uuid is null or w.currency_id = $6) and ($7::uuid is null or (o.cause = 'usage' and o.cause_id = $7))
      and ($8::timestamptz is null or t.booked_at >= $8) and ($9::timestamptz is null or t.booked_at <= $9)
      and ($10::uuid is null or t.id = $10)
), mine as (select * from found where $4::uuid is null or lot_id = $4)
"""


def _arguments(workspace_id: WorkspaceId, asked: Asked) -> list[object]:
    return [
        workspace_id,
        list(asked.kinds),
        asked.customer_id,
        asked.lot_id,
        asked.meter_id,
        asked.currency_id,
        asked.event_id,
        asked.start,
        asked.end,
        asked.transfer_id,
    ]


async def transactions(
    db: Reads, *, workspace_id: WorkspaceId, asked: Asked, page: int, page_size: int, ascending: bool = False
) -> tuple[int, list[CreditTransaction]]:
    """One page, newest first, and how many there are in all (up to COUNT_MAX)."""
    arguments = _arguments(workspace_id, asked)
    count = await db.fetchval(
        f"{_ROWS} select count(*)::int from (select from mine limit {COUNT_MAX}) counted",  # noqa: S608 - constants above
        *arguments,
    )
    turn = "asc" if ascending else "desc"
    rows = await db.fetch(
        f"{_ROWS} select * from mine order by recorded_at {turn}, line {turn}, place {turn} limit $11 offset $12",  # noqa: S608 - constants above
        *arguments,
        page_size,
        (page - 1) * page_size,
    )
    return (count if isinstance(count, int) else 0), rows_to(CreditTransaction, rows)


async def total(db: Reads, *, workspace_id: WorkspaceId, asked: Asked) -> Total:
    row = await db.fetchrow(
        f"{_ROWS} select coalesce(sum(quantity), 0) as quantity, coalesce(sum(moved), 0) as moved, count(*)::int as rows"  # noqa: S608 - a constant above
        " from mine",
        *_arguments(workspace_id, asked),
    )
    if row is None:
        raise RuntimeError("a sum is always one row")
    return row_to(Total, row)
