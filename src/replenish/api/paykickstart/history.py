"""What happened to a balance, and whether a deduction would be taken: questions only."""

from typing import Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from replenish.api.paykickstart.answers import Answer, Served, refusal
from replenish.api.paykickstart.call import WITHOUT_KEY, Call
from replenish.api.paykickstart.usage import AddonView, BuyerView, find, show_addon, show_buyer
from replenish.catalog import queries as catalog
from replenish.core.ids import LOT, TRANSFER, USAGE_EVENT, LotId, TransferId, UsageEventId
from replenish.core.money import plain
from replenish.flows import check_usage as flow
from replenish.flows.add_addon_credits import NAME
from replenish.flows.record_usage import NewUsage
from replenish.reports.statement import Line, position_from, position_text, statement

_LIMIT_DEFAULT: Final = 20
_LIMIT_MAX: Final = 100


class LineView(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the statement; `units` is what it did to the balance. Times in Unix seconds."""

    entry_id: str
    type: str
    direction: Literal["deduct", "add", "none"]
    units: str
    balance: str
    description: str
    notes: str
    idempotency_key: str | None
    occurred_at: int
    recorded_at: int
    version: int


class HistoryView(msgspec.Struct, frozen=True, kw_only=True):
    """Newest first; send `next_cursor` as `cursor` for the page after."""

    buyer: BuyerView
    addon: AddonView
    entries: list[LineView]
    next_cursor: str | None


class CheckView(msgspec.Struct, frozen=True, kw_only=True):
    """`reason` is the refusal's type that a deduction would get now."""

    allowed: bool
    required: str
    balance: str
    reason: str | UnsetType = UNSET


async def retrieve_history(call: Call) -> Served:
    """The lines of one balance."""
    call.require("read")
    limit = call.fields.whole("limit", lowest=1, highest=_LIMIT_MAX) or _LIMIT_DEFAULT
    after = position_from(call.fields.text("cursor"))
    selected = await find(call)
    lines = await statement(
        call.db,
        workspace_id=call.workspace_id,
        customer_id=selected.buyer.id,
        currency_id=selected.addon.currency_id,
        after=after,
        limit=limit + 1,
    )
    shown = lines[:limit]
    data = HistoryView(
        buyer=show_buyer(selected),
        addon=show_addon(selected),
        entries=[_show(line) for line in shown],
        next_cursor=position_text(shown[-1].position) if len(lines) > limit else None,
    )
    return Served(Answer(message="Buyer addon history", data=data))


def _show(line: Line) -> LineView:
    moved = line.amount.value
    key = None if line.key is None or line.key.startswith(WITHOUT_KEY) else line.key
    given = line.lot_name if line.lot_name and line.lot_name != NAME else ""
    return LineView(
        entry_id=_entry_id(line),
        type=line.kind,
        direction="none" if not moved else "deduct" if moved < 0 else "add",
        units=plain(moved),
        balance=str(line.balance_after),
        description=line.description,
        notes=line.note or (given if line.kind == "grant" and line.source == "api" else ""),
        idempotency_key=key,
        occurred_at=int(line.occurred_at.timestamp()),
        recorded_at=int(line.recorded_at.timestamp()),
        version=line.line,
    )


def _entry_id(line: Line) -> str:
    """The id that the change had in its own answer."""
    if line.kind == "usage":
        return USAGE_EVENT.text(UsageEventId(line.id))
    if line.kind == "grant" and line.lot_id is not None:
        return LOT.text(LotId(line.lot_id))
    return TRANSFER.text(TransferId(line.id))


async def check_usage(call: Call) -> Served:
    """Whether so many units (of either sign) could be taken now. Takes and reserves nothing."""
    call.require("read")
    call.fields.units()
    selected = await find(call)
    credit = await catalog.currency(call.db, workspace_id=call.workspace_id, currency_id=selected.addon.currency_id)
    required = abs(call.fields.units(decimals=credit.decimals))
    usage = NewUsage(
        workspace_id=call.workspace_id,
        customer_id=selected.ref.customer_id,
        currency=credit,
        meter=None,
        key="check",
        value=required,
    )
    found = await flow.check_usage(call.db, usage=usage)
    why_not = found.refusal
    data = CheckView(
        allowed=why_not is None,
        required=plain(required),
        balance=str(found.balance),
        reason=UNSET if why_not is None else refusal(why_not).error.type,
    )
    return Served(Answer(message="Addon usage check", data=data, balance=data.balance, credits=data.balance))
