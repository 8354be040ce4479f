"""The first page: what the customer has, what expires next, what automatic top-up is doing, what happened last."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec
from litestar import Response, get

from replenish.access import queries as access
from replenish.core.ids import TOP_UP, WalletId
from replenish.core.money import ZERO
from replenish.portal.lines import shown
from replenish.portal.rules_in_words import RuleState, state_of
from replenish.portal.visitor import Visit, visit_of
from replenish.reports.statement import statement
from replenish.schedules import queries as schedules
from replenish.schedules.model import grant_in_words
from replenish.schedules.periods import next_start
from replenish.usage import queries as usage
from replenish.wallets import queries as wallets
from replenish.wallets.model import Expiring
from replenish.web.pages import PageRequest

_RECENT: Final = 8
_DAYS: Final = 30


class Used(msgspec.Struct, frozen=True):
    """What each wallet used on the UTC days up to `today`."""

    today: date
    by_day: Mapping[tuple[WalletId, date], Decimal]


_SCHEDULES: Final = 100


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """One credit currency on the overview."""

    state: RuleState
    expiring: Expiring | None
    # [UTC day, credits used] for each of the last days; empty when nothing was used.
    days: Sequence[tuple[date, Decimal]]
    # Credits that come by themselves: how many, and when.
    coming: tuple[str, datetime] | None
    # Where the customer confirms the payment that waits for them.
    confirm_href: str | None


async def _coming(visit: Visit, wallet_id: WalletId | None, *, now: datetime) -> tuple[str, datetime] | None:
    """The next scheduled grant of a wallet."""
    found = await schedules.schedules(
        visit.db,
        workspace_id=visit.workspace_id,
        customer_id=visit.customer_id,
        only_running=True,
        limit=_SCHEDULES,
    )
    ahead = [(at, one) for one in found if one.wallet_id == wallet_id and (at := next_start(one, now=now)) is not None]
    at, schedule = min(ahead, key=lambda each: each[0], default=(None, None))
    return None if at is None or schedule is None else (grant_in_words(schedule), at)


async def _card(visit: Visit, state: RuleState, used: Used) -> Card:
    wallet_id = state.holding.balance.wallet_id
    expiring = None
    if wallet_id is not None:
        expiring = await wallets.next_expiry(
            visit.db, customer_id=visit.customer_id, wallet_id=wallet_id, now=state.holding.balance.as_of
        )
    top_up_id = None if state.waiting is None else state.waiting.top_up_id
    return Card(
        state=state,
        expiring=expiring,
        days=() if wallet_id is None else _days(wallet_id, used),
        coming=await _coming(visit, wallet_id, now=state.holding.balance.as_of),
        confirm_href=None if top_up_id is None else f"/portal/top-ups/{TOP_UP.text(top_up_id)}",
    )


async def _used(visit: Visit) -> Used:
    today = (await access.now(visit.db, visit.workspace_id)).astimezone(UTC).date()
    by_day = await usage.used_by_day(
        visit.db,
        workspace_id=visit.workspace_id,
        customer_id=visit.customer_id,
        since=today - timedelta(days=_DAYS - 1),
    )
    return Used(today, by_day)


def _days(wallet_id: WalletId, used: Used) -> Sequence[tuple[date, Decimal]]:
    """Usage is kept by UTC day: these are dates, not moments that the workspace's zone could put on another day."""
    if not any(wallet == wallet_id for wallet, _ in used.by_day):
        return ()
    listed = [used.today - timedelta(days=ago) for ago in reversed(range(_DAYS))]
    return [(day, used.by_day.get((wallet_id, day), ZERO)) for day in listed]


@get("/")
async def overview(request: PageRequest) -> Response[str]:
    visit = await visit_of(request)
    used = await _used(visit)
    cards: list[Card] = []
    for holding in visit.shown:
        state = await state_of(
            visit.db, workspace_id=visit.workspace_id, customer_id=visit.customer_id, holding=holding
        )
        cards.append(await _card(visit, state, used))
    lines = await statement(visit.db, workspace_id=visit.workspace_id, customer_id=visit.customer_id, limit=_RECENT)
    return visit.page(
        request,
        "portal/overview.html",
        section="overview",
        cards=cards,
        lines=[shown(line) for line in lines],
    )
