"""Credit transactions: a customer's statement, line by line."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from replenish.api.v1.call import Call
from replenish.api.v1.routing import reads
from replenish.api.v1.wire import Cursor, Key, Limit, Page, Shown, Time
from replenish.catalog import queries as catalog
from replenish.core.errors import Invalid
from replenish.core.ids import (
    CURRENCY,
    CUSTOMER,
    LOT,
    METER,
    TOP_UP,
    TRANSFER,
    USAGE_EVENT,
    WALLET,
    TransferId,
    UsageEventId,
)
from replenish.core.money import plain
from replenish.customers import queries as customers
from replenish.reports.statement import KINDS, Line, LineKind, position_from, position_text, statement


class CreditTransactionView(Shown):
    """One line. `amount` is what it did to the balance, signed; `moved` the credits that moved.

    `type` is `usage`, `grant`, `expiry`, `void`, `adjustment`, `repayment`, `usage_reversal`…; `description` says it in
    words. `timestamp` is when it happened, `booked_at` when it was booked.
    """

    id: str
    type: LineKind
    customer_id: str
    wallet_id: str
    currency_id: str
    line: int
    amount: str
    moved: str
    balance_after: str
    description: str
    credit_grant_id: str | None
    category: str | None
    source: str | None
    topup_id: str | None
    topup_origin: str | None
    reason: str | None
    meter_id: str | None
    usage_event_id: str | None
    value: str | None
    timestamp: Time
    booked_at: Time
    recorded_at: Time


def show(line: Line) -> CreditTransactionView:
    used = line.kind == "usage"
    return CreditTransactionView(
        id=USAGE_EVENT.text(UsageEventId(line.id)) if used else TRANSFER.text(TransferId(line.id)),
        type=line.kind,
        customer_id=CUSTOMER.text(line.customer_id),
        wallet_id=WALLET.text(line.wallet_id),
        currency_id=CURRENCY.text(line.currency_id),
        line=line.line,
        amount=str(line.amount),
        moved=str(line.moved),
        balance_after=str(line.balance_after),
        description=line.description,
        credit_grant_id=None if line.lot_id is None else LOT.text(line.lot_id),
        category=line.category,
        source=line.source,
        topup_id=None if line.top_up_id is None else TOP_UP.text(line.top_up_id),
        topup_origin=line.top_up_origin,
        reason=line.attempt_detail or line.note or None,
        meter_id=None if line.meter_id is None else METER.text(line.meter_id),
        usage_event_id=USAGE_EVENT.text(UsageEventId(line.id)) if used else None,
        value=None if line.value is None else plain(line.value),
        timestamp=line.occurred_at,
        booked_at=line.booked_at,
        recorded_at=line.recorded_at,
    )


@reads("/credit_transactions", errors=(404,))
async def list_credit_transactions(
    call: Call,
    customer_id: Key,
    currency_id: Key | None = None,
    type: Annotated[str, Meta(max_length=255, description="One or more types, separated by commas.")] | None = None,  # noqa: A002 - the wire's word
    start: Annotated[datetime, Meta(tz=True, description="Booked at this time or later.")] | None = None,
    end: Annotated[datetime, Meta(tz=True, description="Booked before this time.")] | None = None,
    limit: Limit = 20,
    cursor: Cursor | None = None,
) -> Page[CreditTransactionView]:
    """List a customer's statement, newest first."""
    found = await customers.find_customer(call.db, workspace_id=call.workspace_id, key=customer_id)
    currency = None
    if currency_id is not None:
        currency = (await catalog.find_currency(call.db, workspace_id=call.workspace_id, key=currency_id)).id
    rows = await statement(
        call.db,
        workspace_id=call.workspace_id,
        customer_id=found.id,
        currency_id=currency,
        kinds=_kinds(type),
        booked_from=start,
        booked_before=end,
        after=position_from(cursor),
        limit=limit + 1,
    )
    shown = rows[:limit]
    more = len(rows) > limit
    return Page(data=[show(line) for line in shown], next_cursor=position_text(shown[-1].position) if more else None)


def _kinds(given: str | None) -> list[LineKind] | None:
    if given is None:
        return None
    names = given.split(",")
    known: dict[str, LineKind] = {kind: kind for kind in KINDS}
    wrong = [name for name in names if name not in known]
    if wrong:
        raise Invalid("type", f"{wrong[0][:64]!r} is not one of {', '.join(KINDS)}")
    return [known[name] for name in names]


routes = [list_credit_transactions]
