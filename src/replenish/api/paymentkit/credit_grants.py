"""Credit grants: given, listed, summed up, taken back."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal, cast
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from replenish.access import queries as access
from replenish.api.paymentkit import bodies
from replenish.api.paymentkit.call import Call, route
from replenish.api.paymentkit.drafts import credit_currency_of, scope_of
from replenish.api.paymentkit.people import (
    customer_of,
    customer_view,
    ensured_customer,
    filtered_customer,
    people_of,
)
from replenish.api.paymentkit.recharge_outlook import outlook
from replenish.api.paymentkit.views import currencies_of, currency_view, small_currency
from replenish.api.paymentkit.wire import (
    Json,
    extras_of,
    listed,
    own_id,
    pack,
    searched,
    seconds,
    several,
    stamped_at,
    units,
    unpack,
)
from replenish.catalog.model import PaymentCurrency
from replenish.core.errors import Invalid, NotFound
from replenish.core.ids import CURRENCY, CUSTOMER, LOT, METER, TOP_UP, TopUpId
from replenish.core.metadata import clean_metadata
from replenish.core.money import ZERO, Credits
from replenish.core.text import clean_text
from replenish.flows.grant_credits import grant_credits, void_grant
from replenish.flows.label_objects import label_grant
from replenish.reports import credit_grants as reports
from replenish.reports.credit_grants import Grant
from replenish.wallets import queries as wallets
from replenish.wallets.book import NewLot
from replenish.wallets.model import Lot, WalletRef

PRIORITY_DEFAULT: Final = 50
PRIORITY_MAX: Final = 100
_OFFSET_MAX: Final = 14 * 60
_DAYS_MAX: Final = 366 * 24 * 3600


class Scope(msgspec.Struct, kw_only=True):
    prices: list[str] | None = None
    price_type: str | None = None


class Applicability(msgspec.Struct, kw_only=True):
    scope: Scope | None = None


class NewGrant(msgspec.Struct, kw_only=True):
    """`amount` in token units; `expires_at` 0 or absent is never."""

    customer_id: str
    currency_id: str
    amount: object = None
    category: Literal["paid", "promotional"]
    name: str | None = None
    priority: object = None
    effective_at: object = None
    expires_at: object = None
    applicability_config: Applicability | None = None
    metadata: dict[str, object] | None = None


class GrantChanges(msgspec.Struct, kw_only=True):
    metadata: dict[str, object] | UnsetType | None = UNSET
    expired: bool = False


@route("POST", "/credit-grants", scope="credits:write", once=True)
async def create_grant(call: Call) -> Json:
    """Give credits. A customer that is not there is made; whatever they owe is repaid from the grant first."""
    data = call.body(NewGrant)
    currency = await credit_currency_of(call, data.currency_id, field="currency_id")
    amount = bodies.positive(data.amount, field="amount", decimals=currency.decimals)
    priority = PRIORITY_DEFAULT if data.priority is None else bodies.whole(data.priority, field="priority")
    if priority > PRIORITY_MAX:
        raise Invalid("priority", f"must be between 0 and {PRIORITY_MAX}; lower burns first")
    scope = data.applicability_config.scope if data.applicability_config is not None else None
    prices = [] if scope is None else scope.prices or []
    extras: Json = {} if scope is None else {"applicability_config": {"scope": msgspec.structs.asdict(scope)}}
    new = NewLot(
        amount=Credits(amount),
        category=data.category,
        source="api",
        priority=priority,
        name=clean_text(data.name or "", field="name", longest=255),
        effective_at=bodies.optional_time(data.effective_at, field="effective_at"),
        expires_at=bodies.optional_time(data.expires_at, field="expires_at"),
        scope=await scope_of(call, prices, field="applicability_config.scope.prices"),
        metadata=clean_metadata(pack(data.metadata or {}, extras=extras)),
    )
    customer = await ensured_customer(call, data.customer_id)
    lot_id, _ = await grant_credits(
        call.db, ref=WalletRef(call.workspace_id, customer.id, currency.id), new=new, request_key=call.request_key
    )
    return (await show_grants(call, [lot_id]))[0]


@route("GET", "/credit-grants", scope="read")
async def list_grants(call: Call) -> Json:
    """List credit grants, newest first."""
    key = call.text("currency_id")
    filters = {
        "customer_id": await filtered_customer(call),
        "currency_id": None if key is None else (await credit_currency_of(call, key, field="currency_id")).id,
        "status": several(call, "status"),
        "category": several(call, "category"),
        "q": searched(call),
    }
    return await listed(call, "lots", show=show_grants, filters=filters)


@route("GET", "/credit-grants/summary", scope="read")
async def summary(call: Call) -> Json:
    """What a customer holds, by credit currency. What is owed is not taken off: `pendingAmount` says that."""
    customer = await customer_of(call, call.needed("customer_id"))
    balances = await wallets.balances(call.db, workspace_id=call.workspace_id, customer_id=customer.id)
    usable = await reports.usable(call.db, workspace_id=call.workspace_id, customer_id=customer.id)
    counted = {each.currency_id: each for each in usable}
    currencies = await currencies_of(call, (each.currency_id for each in balances))
    shown: Json = {}
    for balance in balances:
        currency = currencies[balance.currency_id]
        found = counted.get(balance.currency_id)
        shown[CURRENCY.text(currency.id)] = {
            "paymentCurrency": currency_view(call, currency),
            "totalAmount": "0" if found is None else units(found.amount, currency.decimals),
            "remainingAmount": units(balance.available, currency.decimals),
            "grantCount": 0 if found is None else found.grants,
        }
    return shown


@route("GET", "/credit-grants/verify-availability", scope="read")
async def verify_availability(call: Call) -> Json:
    """Whether the customer may go on: credits are left, or automatic top-up will bring some."""
    customer = await customer_of(call, call.needed("customer_id"))
    currency = await credit_currency_of(call, call.needed("currency_id"), field="currency_id")
    return await outlook(call, customer.id, currency)


@route("GET", "/credit-grants/holders", scope="read")
async def list_holders(call: Call) -> Json:
    """Who has credits to spend, the richest first."""
    currency = await credit_currency_of(call, call.needed("currency_id"), field="currency_id")
    page = call.number("page", least=1, most=1_000_000) or 1
    size = call.number("pageSize", least=1, most=100) or 20
    total, found = await reports.holders(
        call.db, workspace_id=call.workspace_id, currency_id=currency.id, page=page, page_size=size
    )
    return {
        "holders": [
            {
                "customer_id": CUSTOMER.text(each.customer_id),
                "balance": units(each.available, currency.decimals),
                "grantCount": each.grants,
            }
            for each in found
        ],
        "currency": small_currency(currency),
        "paging": {"page": page, "pageSize": size, "total": total, "totalPages": -(-total // size)},
    }


@route("GET", "/credit-grants/stats", scope="read")
async def grant_stats(call: Call) -> Json:
    """What was granted between two times, and what became of it, in all and by day."""
    currency = await credit_currency_of(call, call.needed("currency_id"), field="currency_id")
    start, end = call.time("start_date"), call.time("end_date")
    if start is None or end is None:
        raise Invalid("start_date" if start is None else "end_date", "is required, in Unix seconds")
    if (end - start).total_seconds() > _DAYS_MAX:
        raise Invalid("end_date", "at most a year at a time")
    days = await reports.by_day(
        call.db,
        workspace_id=call.workspace_id,
        currency_id=currency.id,
        start=start,
        end=end,
        offset_minutes=_offset(call.text("timezone_offset")),
        category=call.text("category"),
        granted_by=call.text("granted_by"),
    )

    def sums(chosen: Sequence[reports.Day]) -> Json:
        return {
            "currency_id": CURRENCY.text(currency.id),
            "grant_count": sum(each.grants for each in chosen),
            "total_granted": units(sum((each.granted for each in chosen), ZERO), currency.decimals),
            "total_remaining": units(sum((each.remaining for each in chosen), ZERO), currency.decimals),
            "total_consumed": units(sum((each.consumed for each in chosen), ZERO), currency.decimals),
        }

    return {
        "stats": sums(days) | {"currency": small_currency(currency)},
        "daily_stats": [{"date": each.day.isoformat()} | sums([each]) for each in days],
    }


def _offset(text: str | None) -> int:
    """Minutes east of UTC."""
    if text is None:
        return 0
    if not text.lstrip("-").isdigit() or abs(int(text[:6])) > _OFFSET_MAX:
        raise Invalid("timezone_offset", "must be minutes from UTC")
    return int(text)


@route("GET", "/credit-grants/{key:str}", scope="read")
async def retrieve_grant(call: Call) -> Json:
    """Retrieve a credit grant."""
    shown = await show_grants(call, [own_id(LOT, call.path(), "credit grant")])
    if not shown:
        raise NotFound("credit grant")
    return shown[0]


@route("PUT", "/credit-grants/{key:str}", scope="credits:write")
async def change_grant(call: Call) -> Json:
    """Change metadata, or take back what is left with `expired: true` (pending and granted ones only)."""
    lot_id = own_id(LOT, call.path(), "credit grant")
    data = call.body(GrantChanges)
    lot = await wallets.lot(call.db, workspace_id=call.workspace_id, lot_id=lot_id)
    if lot is None:
        raise NotFound("credit grant")
    if data.metadata is not UNSET:
        extras = extras_of(lot.metadata)
        metadata = pack(data.metadata or {}, extras=extras)
        await label_grant(db=call.db, workspace_id=call.workspace_id, lot_id=lot_id, metadata=metadata)
    # Sent again after a lost answer, it is done already.
    if data.expired and lot.voided_at is None:
        await void_grant(call.db, workspace_id=call.workspace_id, lot_id=lot_id)
    return {"success": True}


# ── how grants look ───────────────────────────────────────────────────────────────────────────────────────────────────


async def show_grants(call: Call, ids: Sequence[UUID]) -> list[Json]:
    """Grants with their customer and credit currency, as of the workspace's now."""
    found = await reports.grants(call.db, workspace_id=call.workspace_id, ids=ids)
    people = await people_of(call, (grant.lot.customer_id for grant in found.values()))
    currencies = await currencies_of(call, (grant.currency_id for grant in found.values()))
    now = await access.now(call.db, call.workspace_id)
    return [
        grant_view(call, found[each], currencies[found[each].currency_id], now)
        | {"customer": customer_view(call, people[found[each].lot.customer_id])}
        for each in ids
        if each in found
    ]


def grant_view(call: Call, grant: Grant, currency: PaymentCurrency, now: datetime) -> Json:
    lot = grant.lot
    metadata = unpack(lot.metadata)
    if lot.source == "top_up" and lot.source_id is not None:
        metadata["invoice_id"] = TOP_UP.text(TopUpId(lot.source_id))
    return {
        "id": LOT.text(lot.id),
        "object": "credit_grant",
        "livemode": call.livemode,
        "customer_id": CUSTOMER.text(lot.customer_id),
        "currency_id": CURRENCY.text(currency.id),
        "name": lot.name,
        "amount": units(lot.amount, currency.decimals),
        "remaining_amount": units(_remaining(lot, now), currency.decimals),
        "category": lot.category,
        "priority": lot.priority,
        "status": lot.status(now),
        "effective_at": seconds(lot.effective_at),
        "expires_at": seconds(lot.expires_at),
        "voided_at": seconds(lot.voided_at),
        "applicability_config": _applicability(lot),
        "chain_status": None,
        "chain_detail": None,
        "metadata": metadata,
        "paymentCurrency": small_currency(currency),
        **stamped_at(lot.created_at),
    }


def _remaining(lot: Lot, now: datetime) -> Credits:
    """A lot whose time is over holds nothing but what is held, whether or not a write has booked that yet."""
    if lot.expires_at is not None and lot.expires_at <= now:
        return lot.held
    started = lot.opened_at is not None or lot.voided_at is not None
    return lot.remaining if started else lot.amount


def _applicability(lot: Lot) -> object:
    kept = extras_of(cast("dict[str, object]", lot.metadata)).get("applicability_config")
    if kept is not None:
        return kept
    return {"scope": {"meters": [METER.text(meter_id) for meter_id in lot.scope]}} if lot.scope else None


routes = [
    create_grant,
    list_grants,
    summary,
    verify_availability,
    list_holders,
    grant_stats,
    retrieve_grant,
    change_grant,
]
