"""Credit grants with their credit currency, and their sums: by currency, by holder, by day."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

import msgspec

from replenish.core.db import Reads
from replenish.core.ids import CurrencyId, CustomerId, WorkspaceId
from replenish.core.rows import row_to, rows_to, value
from replenish.wallets.model import Lot


class Grant(msgspec.Struct, frozen=True):
    """A lot and what it is in."""

    lot: Lot
    currency_id: CurrencyId


class Usable(msgspec.Struct, frozen=True):
    """Grants that can be spent now: how many, and how much they were made of."""

    currency_id: CurrencyId
    grants: int
    amount: Decimal


class Holder(msgspec.Struct, frozen=True):
    customer_id: CustomerId
    available: Decimal
    grants: int


class Day(msgspec.Struct, frozen=True):
    """What was granted on one day, and what became of it since."""

    day: date
    grants: int
    granted: Decimal
    remaining: Decimal
    consumed: Decimal


_NOW: Final = "coalesce(workspaces.test_clock, clock_timestamp())"
_USABLE: Final = (
    f"l.closed_at is null and l.voided_at is null and l.effective_at <= {_NOW}"
    f" and (l.expires_at is null or l.expires_at > {_NOW}) and (l.remaining > 0 or l.opened_at is null)"
)


async def grants(db: Reads, *, workspace_id: WorkspaceId, ids: Sequence[UUID]) -> dict[UUID, Grant]:
    """Those of `ids` that this workspace has."""
    rows = await db.fetch(
        "select l.*, w.currency_id from lots l join wallets w on w.customer_id = l.customer_id and w.id = l.wallet_id"
        " where l.workspace_id = $1 and l.id = any($2)",
        workspace_id,
        list(ids),
    )
    found = [Grant(row_to(Lot, row), CurrencyId(value(row, "currency_id", UUID))) for row in rows]
    return {grant.lot.id: grant for grant in found}


async def usable(db: Reads, *, workspace_id: WorkspaceId, customer_id: CustomerId) -> list[Usable]:
    """By credit currency. What is left of them is the wallet's to say."""
    rows = await db.fetch(
        "select w.currency_id, count(*)::int as grants, sum(l.amount) as amount from workspaces"  # noqa: S608 - a constant above
        " join wallets w on w.workspace_id = workspaces.id"
        " join lots l on l.customer_id = w.customer_id and l.wallet_id = w.id"
        f" where workspaces.id = $1 and w.customer_id = $2 and {_USABLE} group by 1",
        workspace_id,
        customer_id,
    )
    return rows_to(Usable, rows)


async def holders(
    db: Reads, *, workspace_id: WorkspaceId, currency_id: CurrencyId, page: int, page_size: int
) -> tuple[int, list[Holder]]:
    """Customers who have something to spend, the richest first, and how many they are."""
    count = await db.fetchval(
        "select count(*)::int from wallets where workspace_id = $1 and currency_id = $2 and available > 0",
        workspace_id,
        currency_id,
    )
    rows = await db.fetch(
        "select w.customer_id, w.available,"  # noqa: S608 - a constant above
        " (select count(*)::int from lots l where l.customer_id = w.customer_id and l.wallet_id = w.id"
        f" and {_USABLE}) as grants"
        " from workspaces join wallets w on w.workspace_id = workspaces.id"
        " where workspaces.id = $1 and w.currency_id = $2 and w.available > 0"
        " order by w.available desc, w.id limit $3 offset $4",
        workspace_id,
        currency_id,
        page_size,
        (page - 1) * page_size,
    )
    return (count if isinstance(count, int) else 0), rows_to(Holder, rows)


async def by_day(
    db: Reads,
    *,
    workspace_id: WorkspaceId,
    currency_id: CurrencyId,
    start: datetime,
    end: datetime,
    offset_minutes: int = 0,
    category: str | None = None,
    granted_by: str | None = None,
) -> list[Day]:
    """Grants made between `start` and `end`, by their day in a zone of that many minutes from UTC."""
    rows = await db.fetch(
        "select (l.created_at at time zone 'UTC' + make_interval(mins => $5))::date as day, count(*)::int as grants,"
        " sum(l.amount) as granted, sum(l.remaining) as remaining, sum(c.consumed) as consumed"
        " from wallets w join lots l on l.customer_id = w.customer_id and l.wallet_id = w.id"
        " cross join lateral (select coalesce(sum(case when t.kind in ('usage', 'repayment') then t.amount"
        " else -t.amount end), 0) as consumed from transfers t where t.customer_id = l.customer_id and t.lot_id = l.id"
        " and t.kind in ('usage', 'repayment', 'usage_reversal', 'repayment_reversal')) c"
        " where w.workspace_id = $1 and w.currency_id = $2 and l.created_at between $3 and $4"
        " and ($6::text is null or l.category = $6) and ($7::text is null or l.metadata ->> 'granted_by' = $7)"
        " group by 1 order by 1",
        workspace_id,
        currency_id,
        start,
        end,
        offset_minutes,
        category,
        granted_by,
    )
    return rows_to(Day, rows)
