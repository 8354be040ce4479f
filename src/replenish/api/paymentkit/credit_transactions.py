"""Credit transactions: one per grant that was touched. Each has both shapes that clients know, the documented and the real one."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from replenish.access import queries as access
from replenish.api.paymentkit.call import Call, route
from replenish.api.paymentkit.credit_grants import grant_view
from replenish.api.paymentkit.drafts import credit_currency_of
from replenish.api.paymentkit.errors import NotSupported
from replenish.api.paymentkit.people import customer_view, filtered_customer, people_of
from replenish.api.paymentkit.views import currencies_of, meter_view, small_currency
from replenish.api.paymentkit.wire import Json, own_id, paging, stamped_at, units
from replenish.catalog import queries as catalog
from replenish.core.errors import Invalid, NotFound
from replenish.core.ids import CUSTOMER, LOT, METER, USAGE_EVENT, Kind, TransferId
from replenish.core.money import floor_to
from replenish.ledger.model import Kind as MoveKind
from replenish.reports import credit_grants as grants
from replenish.reports import credit_transactions as reports
from replenish.reports.credit_transactions import CONSUMPTION, MOVEMENTS, Asked, CreditTransaction

ID: Final = Kind[TransferId]("ct")
_USAGE_ID: Final = re.compile(r"ct_([0-9a-z]{26})_[0-9]{1,4}")
_TYPES: Final[Mapping[MoveKind, str]] = {
    "usage": "consumption",
    "repayment": "consumption",
    "grant": "grant",
    "expiry": "expiration",
}
_KINDS: Final[Mapping[str, tuple[MoveKind, ...]]] = {
    "grant": ("grant",),
    "consumption": CONSUMPTION,
    "expiration": ("expiry",),
    "adjustment": tuple(kind for kind in MOVEMENTS if kind not in {*CONSUMPTION, "expiry"}),
}
# What adds to the balance; everything else takes from it.
_ADDS: Final = frozenset({"grant", "usage_reversal", "repayment_reversal"})
_NOTES: Final[Mapping[MoveKind, str]] = {
    "usage": "Usage",
    "repayment": "Usage that was owed",
    "grant": "Credits granted",
    "expiry": "Credits expired",
    "void": "Grant taken back",
    "adjustment": "Adjustment",
    "refund": "Refund",
    "write_off": "Write-off",
    "usage_reversal": "Usage taken back",
    "repayment_reversal": "Usage taken back",
}


@route("GET", "/credit-transactions", scope="read")
async def list_transactions(call: Call) -> Json:
    """List credit transactions, newest first. Grants themselves are rows with `include_grants=true` only."""
    asked = await _asked(call, _wanted(call))
    pages = paging(call)
    count, found = await reports.transactions(
        call.db,
        workspace_id=call.workspace_id,
        asked=asked,
        page=pages.page,
        page_size=pages.page_size,
        ascending=pages.ascending,
    )
    return {
        "count": count,
        "list": await _show(call, found),
        "paging": {"page": pages.page, "pageSize": pages.page_size},
    }


def _wanted(call: Call) -> tuple[MoveKind, ...]:
    type_ = call.text("type")
    if type_ is not None:
        if type_ not in _KINDS:
            raise Invalid("type", f"must be one of {', '.join(_KINDS)}")
        return _KINDS[type_]
    return (*MOVEMENTS, "grant") if call.flag("include_grants") else MOVEMENTS


async def _asked(call: Call, kinds: tuple[MoveKind, ...]) -> Asked:
    if call.text("subscription_id"):
        raise NotSupported("subscriptions (subscription_id)")
    meter, grant, source, currency = (
        call.text(name) for name in ("meter_id", "credit_grant_id", "source", "currency_id")
    )
    return Asked(
        kinds=kinds,
        customer_id=await filtered_customer(call),
        lot_id=None if grant is None else own_id(LOT, grant, "credit grant"),
        meter_id=None
        if meter is None
        else (await catalog.find_meter(call.db, workspace_id=call.workspace_id, key=meter)).id,
        currency_id=None if currency is None else (await credit_currency_of(call, currency, field="currency_id")).id,
        event_id=None if source is None else own_id(USAGE_EVENT, source, "meter event"),
        start=call.time("start"),
        end=call.time("end"),
    )


@route("GET", "/credit-transactions/summary", scope="read")
async def summary(call: Call) -> Json:
    """Sum up what was consumed, in base units. Sums make sense within one credit currency: name it, or a meter."""
    asked = await _asked(call, CONSUMPTION)
    if asked.customer_id is None and asked.meter_id is None and asked.currency_id is None:
        raise Invalid("customer_id", "name a customer, a meter or a currency")
    found = await reports.total(call.db, workspace_id=call.workspace_id, asked=asked)
    decimals = await _decimals(call, asked)
    filters = {
        name: call.text(name) for name in ("customer_id", "meter_id", "currency_id", "start", "end") if call.text(name)
    }
    return {
        "total_quantity": units(floor_to(found.quantity, decimals), decimals),
        "total_credit_amount": units(found.moved, decimals),
        "transaction_count": found.rows,
        "filters": {
            "start_time" if name == "start" else "end_time" if name == "end" else name: each
            for name, each in filters.items()
        },
    }


async def _decimals(call: Call, asked: Asked) -> int:
    """Of the one currency that was asked for. Raises Invalid when the customer has used several."""
    if asked.currency_id is not None:
        return (await catalog.currency(call.db, workspace_id=call.workspace_id, currency_id=asked.currency_id)).decimals
    if asked.meter_id is not None:
        meter = await catalog.meter(call.db, workspace_id=call.workspace_id, meter_id=asked.meter_id)
        return (await catalog.currency(call.db, workspace_id=call.workspace_id, currency_id=meter.currency_id)).decimals
    _, first = await reports.transactions(call.db, workspace_id=call.workspace_id, asked=asked, page=1, page_size=100)
    known = await currencies_of(call, (each.currency_id for each in first))
    if len({currency.decimals for currency in known.values()}) > 1:
        raise Invalid("currency_id", "is required: this customer has used several credit currencies")
    return next((currency.decimals for currency in known.values()), 2)


@route("GET", "/credit-transactions/{key:str}", scope="read")
async def retrieve_transaction(call: Call) -> Json:
    """Retrieve a credit transaction."""
    key = call.path()
    usage = _USAGE_ID.fullmatch(key)
    if usage is None:
        asked = Asked(kinds=(*MOVEMENTS, "grant"), transfer_id=own_id(ID, key, "credit transaction"))
    else:
        event_id = own_id(USAGE_EVENT, f"{USAGE_EVENT.prefix}_{usage[1]}", "credit transaction")
        asked = Asked(kinds=("usage",), event_id=event_id)
    _, found = await reports.transactions(call.db, workspace_id=call.workspace_id, asked=asked, page=1, page_size=1000)
    shown = await _show(call, [each for each in found if _id(each) == key])
    if not shown:
        raise NotFound("credit transaction")
    return shown[0]


def _id(found: CreditTransaction) -> str:
    text = ID.text(TransferId(found.id))
    return text if found.place is None else f"{text}_{found.place}"


async def _show(call: Call, found: Sequence[CreditTransaction]) -> list[Json]:
    people = await people_of(call, (each.customer_id for each in found))
    currencies = await currencies_of(call, (each.currency_id for each in found))
    meters = await catalog.meters_by_id(
        call.db, workspace_id=call.workspace_id, ids={each.meter_id for each in found if each.meter_id is not None}
    )
    lots = await grants.grants(call.db, workspace_id=call.workspace_id, ids=[each.lot_id for each in found])
    now = await access.now(call.db, call.workspace_id)
    shown: list[Json] = []
    for each in found:
        currency = currencies[each.currency_id]
        meter = None if each.meter_id is None else meters.get(each.meter_id)
        event_id = None if each.event_id is None else USAGE_EVENT.text(each.event_id)
        sign = "" if each.kind in _ADDS else "-"
        moved = units(each.moved, currency.decimals)
        quantity = each.quantity
        shown.append(
            {
                "id": _id(each),
                "object": "credit_transaction",
                "livemode": call.livemode,
                "customer_id": CUSTOMER.text(each.customer_id),
                "credit_grant_id": LOT.text(each.lot_id),
                "meter_id": None if each.meter_id is None else METER.text(each.meter_id),
                "subscription_id": None,
                # As the documents have it.
                "type": _TYPES.get(each.kind, "adjustment"),
                "amount": f"{sign}{moved}",
                "running_balance": units(each.balance_after, currency.decimals),
                "meter_event_id": event_id,
                # As the model has it.
                "quantity": "0"
                if quantity is None
                else units(floor_to(quantity, currency.decimals), currency.decimals),
                "credit_amount": moved,
                "remaining_balance": units(each.balance_after, currency.decimals),
                "source": event_id,
                "meter_event_name": "" if meter is None else meter.event_name,
                "meter_unit": "" if meter is None else meter.unit,
                "transfer_status": None,
                "transfer_hash": None,
                "activity_type": "grant" if each.kind == "grant" else "transaction",
                "description": each.note or _NOTES.get(each.kind, each.kind),
                "metadata": {},
                **stamped_at(each.booked_at),
                "customer": customer_view(call, people[each.customer_id]),
                "paymentCurrency": small_currency(currency),
                "creditGrant": grant_view(call, lots[each.lot_id], currency, now),
                **({} if meter is None else {"meter": meter_view(call, meter, currency)}),
            }
        )
    return shown


routes = [list_transactions, summary, retrieve_transaction]
