"""The customer's credit grants: what was bought or given, what is left of each, and when it ends."""

from typing import Final

import msgspec
from litestar import Response, get
from litestar.params import FromQuery

from replenish.catalog import queries as catalog
from replenish.core.errors import NotFound
from replenish.core.ids import LOT, TOP_UP, LotId, TopUpId
from replenish.portal.visitor import Visit, visit_of
from replenish.wallets import queries as wallets
from replenish.wallets.model import Lot
from replenish.web.pages import PageRequest

_PAGE: Final = 20
_SOURCES: Final = {
    "top_up": "Bought",
    "api": "Given",
    "adjustment": "Adjustment",
    "schedule": "Given regularly",
    "reinstatement": "Given back",
}
_STATES: Final = {"pending": "Not started", "granted": "Usable", "depleted": "Used up", "voided": "Taken back"}


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    lot: Lot
    name: str
    unit: str
    status: str
    label: str
    source: str
    # Names of the meters that it may pay for; empty = anything.
    scope: str
    href: str | None


@get("/credit-grants")
async def credit_grants(
    request: PageRequest, currency: FromQuery[str] = "", cursor: FromQuery[str] = "", closed: FromQuery[str] = ""
) -> Response[str]:
    visit = await visit_of(request)
    chosen = visit.holding(currency)
    if currency and chosen is None:
        raise NotFound("credit currency")
    show_closed = closed == "yes"
    lots = await wallets.lots(
        visit.db,
        workspace_id=visit.workspace_id,
        customer_id=visit.customer_id,
        currency_id=None if chosen is None else chosen.currency.id,
        only_open=not show_closed,
        before=LOT.parse(cursor, field="cursor") if cursor else None,
        limit=_PAGE + 1,
    )
    grants = await _shown(visit, lots[:_PAGE])
    here = f"/portal/credit-grants?currency={currency}"
    return visit.page(
        request,
        "portal/credit_grants.html",
        section="credit_grants",
        grants=grants,
        show_closed=show_closed,
        toggle_href=here if show_closed else f"{here}&closed=yes",
        next_href=f"{here}&closed={closed}&cursor={LOT.text(_last(lots))}" if len(lots) > _PAGE else None,
        first_href=f"{here}&closed={closed}" if cursor else None,
    )


def _last(lots: list[Lot]) -> LotId:
    return lots[_PAGE - 1].id


async def _shown(visit: Visit, lots: list[Lot]) -> list[Grant]:
    by_wallet = {one.balance.wallet_id: one for one in visit.holdings}
    named = {meter_id for lot in lots for meter_id in lot.scope}
    meters = await catalog.meters_by_id(visit.db, workspace_id=visit.workspace_id, ids=named)
    shown: list[Grant] = []
    for lot in lots:
        holding = by_wallet.get(lot.wallet_id)
        if holding is None:
            raise LookupError("a grant without its wallet")
        status = lot.status(holding.balance.as_of)
        shown.append(
            Grant(
                lot=lot,
                name=lot.name or ("Credits" if lot.category == "paid" else "Promotional credits"),
                unit=holding.unit,
                status={"granted": "usable"}.get(status, status),
                label=_STATES.get(status, status.capitalize()),
                source=_SOURCES[lot.source],
                scope=", ".join(meters[meter_id].name for meter_id in lot.scope if meter_id in meters),
                href=f"/portal/top-ups/{TOP_UP.text(TopUpId(lot.source_id))}"
                if lot.source == "top_up" and lot.source_id is not None
                else None,
            )
        )
    return shown
