"""The statement: one list of everything that happened to a wallet, newest first, with the balance after each line.

A usage event is a line; so is every transfer that is not usage. Both times are shown: when it happened and when it was
booked. A grant's line says where it came from: bought by hand, topped up automatically and why, given, adjusted.
"""

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, Literal, cast, get_args
from uuid import UUID

import msgspec

from replenish.core.db import Reads
from replenish.core.errors import Invalid
from replenish.core.ids import CurrencyId, CustomerId, LotId, MeterId, TopUpId, WalletId, WorkspaceId
from replenish.core.money import Credits, grouped
from replenish.core.rows import rows_to

LineKind = Literal[
    "usage", "grant", "hold", "hold_release", "repayment", "expiry", "void", "adjustment", "usage_reversal", "owe_reversal",
    "repayment_reversal", "refund", "refund_owed", "write_off",
]  # fmt: skip


KINDS: Final[tuple[LineKind, ...]] = get_args(LineKind)
_SIGNED: Final = struct.Struct(">qq16s")
_LATE: Final = timedelta(minutes=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


_WORDS: Final[Mapping[LineKind, str]] = {
    "hold": "Held",
    "hold_release": "Hold ended",
    "repayment": "Paid what was owed",
    "expiry": "Expired",
    "void": "Taken back",
    "adjustment": "Adjustment",
    "usage_reversal": "Usage taken back",
    "owe_reversal": "Usage taken back",
    "repayment_reversal": "Usage taken back",
    "refund": "Refund",
    "refund_owed": "Refund of used credits",
    "write_off": "Written off",
}


class Position(msgspec.Struct, frozen=True):
    """Where a page ended: the last line's real time, number and wallet."""

    recorded_at: datetime
    line: int
    wallet_id: WalletId


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One credit transaction. `amount` is what it did to the balance, signed: a repayment moves 0."""

    id: UUID
    kind: LineKind
    customer_id: CustomerId
    wallet_id: WalletId
    currency_id: CurrencyId
    line: int
    amount: Credits
    balance_after: Credits
    # The credits that moved, always positive; for a usage event its debit.
    moved: Credits
    lot_id: LotId | None
    lot_name: str | None
    # Of a grant: paid | promotional, and where it came from.
    category: str | None
    source: str | None
    top_up_id: TopUpId | None
    top_up_number: str | None
    top_up_origin: str | None
    # Of an automatic top-up: why it was made, by the numbers that were judged; what became of it is the attempt's to say.
    attempt_balance: Credits | None
    attempt_threshold: Credits | None
    meter_id: MeterId | None
    meter_name: str | None
    unit: str | None
    value: Decimal | None
    owed: Credits | None
    key: str | None
    note: str
    occurred_at: datetime
    booked_at: datetime
    recorded_at: datetime

    @property
    def position(self) -> Position:
        return Position(self.recorded_at, self.line, self.wallet_id)

    @property
    def attempt_detail(self) -> str | None:
        if self.attempt_balance is None or self.attempt_threshold is None:
            return None
        return f"The balance of {grouped(self.attempt_balance)} was below {grouped(self.attempt_threshold)}."

    @property
    def late(self) -> bool:
        """Booked so much later than it happened that it is worth saying."""
        return self.booked_at - self.occurred_at > _LATE

    @property
    def description(self) -> str:
        """The line in words, for people."""
        if self.kind == "usage":
            return self._usage_in_words()
        if self.kind == "grant":
            return self._grant_in_words()
        words = _WORDS[self.kind]
        return f"{words}: {self.note}" if self.note else words

    def _usage_in_words(self) -> str:
        if self.meter_name is None:
            return "Usage"
        used = f"{self.meter_name}: {grouped(self.value or Decimal(0))}"
        unit = self.unit or "units"
        # "API calls: 80" rather than "API calls: 80 call": units are the merchant's words, we know no plural of them.
        told = {unit.casefold(), f"{unit}s".casefold()} & set(self.meter_name.casefold().split())
        return used if told else f"{used} {unit}"

    def _grant_in_words(self) -> str:
        if self.source == "top_up":
            bought = "Automatic top-up" if self.top_up_origin == "automatic" else "Top-up"
            return f"{bought} {self.top_up_number}"
        if self.source == "adjustment":
            return f"Adjustment: {self.lot_name}" if self.lot_name else "Adjustment"
        if self.source == "schedule":
            return f"Recurring grant: {self.lot_name}" if self.lot_name else "Recurring grant"
        return self.lot_name or ("Credits" if self.category == "paid" else "Promotional credits")


_LINES: Final = """
with mine as (
    select w.customer_id, w.id as wallet_id, w.currency_id from wallets w
    where w.workspace_id = $1 and w.customer_id = $2 and ($3::uuid is null or w.currency_id = $3)
), usage_lines as (
    select e.id, 'usage' as kind, e.customer_id, e.wallet_id, mine.currency_id, e.line, -e.debit as amount,
           e.balance_after, e.debit as moved, null::uuid as lot_id, null::uuid as cause_id, e.meter_id, e.value, e.owed,
           e.key, coalesce(e.properties ->> 'notes', '') as note, e.occurred_at, e.booked_at, e.recorded_at
    from mine cross join lateral (
        select * from usage_events u
        where u.customer_id = mine.customer_id and u.wallet_id = mine.wallet_id
          and ($4::timestamptz is null or (u.recorded_at, u.line, u.wallet_id) < ($4, $5::bigint, $6::uuid))
          and ($4::timestamptz is null or u.recorded_at <= $4)
          and ($8::text[] is null or 'usage' = any($8))
          and ($9::timestamptz is null or u.booked_at >= $9) and ($10::timestamptz is null or u.booked_at < $10)
        order by u.recorded_at desc, u.line desc limit $7
    ) e
), transfer_lines as (
    select t.id, t.kind, t.customer_id, t.wallet_id, mine.currency_id, t.line,
           case when t.to_account in ('available', 'owed') then t.amount else 0 end
           - case when t.from_account in ('available', 'owed') then t.amount else 0 end as amount,
           t.balance_after, t.amount as moved, t.lot_id, t.cause_id, null::uuid as meter_id, null::numeric as value,
           null::numeric as owed, null::text as key, t.note, t.booked_at as occurred_at, t.booked_at, t.recorded_at
    from mine cross join lateral (
        select * from transfers x
        where x.customer_id = mine.customer_id and x.wallet_id = mine.wallet_id and x.line is not null
          and ($4::timestamptz is null or (x.recorded_at, x.line, x.wallet_id) < ($4, $5::bigint, $6::uuid))
          and ($8::text[] is null or x.kind = any($8))
          and ($9::timestamptz is null or x.booked_at >= $9) and ($10::timestamptz is null or x.booked_at < $10)
        order by x.line desc limit $7
    ) t
), page as (
    select * from usage_lines union all select * from transfer_lines
    order by recorded_at desc, line desc, wallet_id desc limit $7
)
select page.*, lots.name as lot_name, lots.category, lots.source,
       top_ups.id as top_up_id, top_ups.number as top_up_number, top_ups.origin as top_up_origin,
       recharge_attempts.balance as attempt_balance, recharge_attempts.threshold as attempt_threshold, meters.name as meter_name, meters.unit
from page
left join lots on lots.customer_id = page.customer_id and lots.id = page.lot_id
left join refunds on page.kind = 'refund_owed' and refunds.customer_id = page.customer_id and refunds.id = page.cause_id
left join top_ups on top_ups.customer_id = page.customer_id
    and top_ups.id = coalesce(refunds.top_up_id, case when lots.source = 'top_up' then lots.source_id end)
left join recharge_attempts on recharge_attempts.customer_id = page.customer_id
    and recharge_attempts.id = top_ups.recharge_attempt_id
left join meters on meters.id = page.meter_id
order by page.recorded_at desc, page.line desc, page.wallet_id desc
"""


async def statement(
    db: Reads,
    *,
    workspace_id: WorkspaceId,
    customer_id: CustomerId,
    currency_id: CurrencyId | None = None,
    kinds: Sequence[LineKind] | None = None,
    booked_from: datetime | None = None,
    booked_before: datetime | None = None,
    after: Position | None = None,
    limit: int = 20,
) -> list[Line]:
    """A customer's lines, newest first; `after` is the last line's position of the page before."""
    rows = await db.fetch(
        _LINES,
        workspace_id,
        customer_id,
        currency_id,
        None if after is None else after.recorded_at,
        None if after is None else after.line,
        None if after is None else after.wallet_id,
        limit,
        None if kinds is None else list(kinds),
        booked_from,
        booked_before,
    )
    return rows_to(Line, rows)


def position_text(position: Position) -> str:
    """A page's end as an opaque cursor."""
    since = (position.recorded_at - _EPOCH) // timedelta(microseconds=1)
    raw = _SIGNED.pack(since, position.line, position.wallet_id.bytes)
    return urlsafe_b64encode(raw).decode().rstrip("=")


def position_from(cursor: str | None) -> Position | None:
    """Read a cursor back. Raises Invalid(cursor)."""
    if cursor is None:
        return None
    try:
        raw = urlsafe_b64decode(f"{cursor}==")
        since, line, wallet = cast("tuple[int, int, bytes]", _SIGNED.unpack(raw))
        recorded_at = _EPOCH + timedelta(microseconds=since)
    except (Base64Error, ValueError, struct.error, OverflowError):
        raise Invalid("cursor", "is not a next_cursor of this list") from None
    return Position(recorded_at, line, WalletId(UUID(bytes=wallet)))
