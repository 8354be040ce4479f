"""The statement: everything that happened to the customer's credits, a page at a time, and all of it as CSV."""

import csv
import io
from collections.abc import AsyncIterator, Sequence
from typing import Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from litestar import Response, get
from litestar.params import FromQuery
from litestar.response import Stream

from replenish.core.clock import utc_now
from replenish.core.errors import Invalid, NotFound
from replenish.core.ids import CurrencyId
from replenish.portal.lines import shown
from replenish.portal.visitor import Visit, visit_of
from replenish.reports.statement import LineKind, Position, position_from, position_text, statement
from replenish.web.pages import PageRequest

_PAGE: Final = 25
_CHUNK: Final = 1000
# What a customer asks for, and the kinds of lines that answer it.
FILTERS: Final[dict[str, tuple[str, tuple[LineKind, ...]]]] = {
    "added": ("Added", ("grant",)),
    "usage": ("Used", ("usage", "usage_reversal", "owe_reversal", "repayment", "repayment_reversal")),
    "ended": ("Expired or taken back", ("expiry", "void", "refund", "refund_owed", "write_off")),
    "adjustments": ("Adjustments", ("adjustment",)),
}
_COLUMNS: Final = (
    "happened", "booked", "kind", "description", "reason", "credits", "balance_after", "credit_currency", "top_up",
)  # fmt: skip
# A spreadsheet runs what begins with one of these; text that a merchant or an event wrote must stay text.
_RUNS: Final = ("=", "+", "-", "@", "\t", "\r")


@get("/history")
async def history(
    request: PageRequest, currency: FromQuery[str] = "", kind: FromQuery[str] = "", cursor: FromQuery[str] = ""
) -> Response[str]:
    visit = await visit_of(request)
    currency_id, kinds = _chosen(visit, currency, kind)
    lines = await statement(
        visit.db,
        workspace_id=visit.workspace_id,
        customer_id=visit.customer_id,
        currency_id=currency_id,
        kinds=kinds,
        after=position_from(cursor or None),
        limit=_PAGE + 1,
    )
    more = position_text(lines[_PAGE - 1].position) if len(lines) > _PAGE else None
    chosen = {name: value for name, value in (("currency", currency), ("kind", kind)) if value}
    return visit.page(
        request,
        "portal/history.html",
        section="history",
        lines=[shown(line) for line in lines[:_PAGE]],
        kinds=[("", "Everything"), *((name, text) for name, (text, _) in FILTERS.items())],
        currencies=[("", "All of them"), *((one.key, one.label) for one in visit.shown)],
        currency=currency,
        kind=kind,
        csv_href=_href("/portal/history.csv", chosen),
        next_href=None if more is None else _href("/portal/history", {**chosen, "cursor": more}),
        first_href=_href("/portal/history", chosen) if cursor else None,
    )


def _href(path: str, query: dict[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path


def _chosen(visit: Visit, currency: str, kind: str) -> tuple[CurrencyId | None, Sequence[LineKind] | None]:
    """Raises NotFound for a currency that is none of theirs, Invalid(kind)."""
    holding = visit.holding(currency) if currency else None
    if currency and holding is None:
        raise NotFound("credit currency")
    if kind and kind not in FILTERS:
        raise Invalid("kind", f"is none of {', '.join(FILTERS)}")
    return None if holding is None else holding.currency.id, FILTERS[kind][1] if kind else None


@get("/history.csv")
async def history_csv(request: PageRequest, currency: FromQuery[str] = "", kind: FromQuery[str] = "") -> Stream:
    visit = await visit_of(request)
    currency_id, kinds = _chosen(visit, currency, kind)
    name = f"credits-{utc_now():%Y-%m-%d}.csv"
    return Stream(
        _rows(visit, currency_id, kinds),
        media_type="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


async def _rows(visit: Visit, currency_id: CurrencyId | None, kinds: Sequence[LineKind] | None) -> AsyncIterator[str]:
    """The whole statement, newest first, in pieces: however long, it never stands in memory."""
    yield _csv([_COLUMNS])
    after: Position | None = None
    while True:
        lines = await statement(
            visit.db,
            workspace_id=visit.workspace_id,
            customer_id=visit.customer_id,
            currency_id=currency_id,
            kinds=kinds,
            after=after,
            limit=_CHUNK,
        )
        zone = ZoneInfo(visit.workspace.time_zone)
        yield _csv(
            [
                (
                    line.occurred_at.astimezone(zone).isoformat(),
                    line.booked_at.astimezone(zone).isoformat(),
                    line.kind,
                    _text(line.description),
                    _text(line.attempt_detail or ""),
                    str(line.amount),
                    str(line.balance_after),
                    _text(visit.units.get(line.currency_id, "")),
                    line.top_up_number or "",
                )
                for line in lines
            ]
        )
        if len(lines) < _CHUNK:
            return
        after = lines[-1].position


def _text(value: str) -> str:
    return f"'{value}" if value.startswith(_RUNS) else value


def _csv(rows: Sequence[Sequence[str]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()
