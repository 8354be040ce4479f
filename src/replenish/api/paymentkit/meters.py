"""Meters: turn reported events into credits."""

import msgspec
from msgspec import UNSET, UnsetType

from replenish.api.paymentkit import bodies
from replenish.api.paymentkit.call import Call, route
from replenish.api.paymentkit.drafts import credit_currency_of
from replenish.api.paymentkit.errors import NotSupported
from replenish.api.paymentkit.views import show_meter, show_meters
from replenish.api.paymentkit.wire import Json, extras_of, listed, pack, searched, several
from replenish.catalog import queries as catalog
from replenish.catalog.model import Aggregation, Meter, MeterStatus
from replenish.flows import manage_meters


class NewMeter(msgspec.Struct, kw_only=True):
    """Without `currency_id` a credit currency is made with it, of `decimal` places (2 unless said)."""

    name: str
    event_name: str
    unit: str
    aggregation_method: str = "sum"
    currency_id: str | None = None
    decimal: object = None
    description: str | None = None
    component_did: str | None = None
    metadata: dict[str, object] | None = None
    lookup_key: str | None = None


class MeterChanges(msgspec.Struct, kw_only=True):
    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    unit: str | UnsetType = UNSET
    status: MeterStatus | UnsetType = UNSET
    metadata: dict[str, object] | UnsetType | None = UNSET


@route("POST", "/meters", scope="catalog:write", once=True)
async def create_meter(call: Call) -> Json:
    """Create a meter. One unit reported is one credit."""
    data = call.body(NewMeter)
    currency = None
    if data.currency_id:
        currency = await credit_currency_of(call, data.currency_id, field="currency_id")
    meter_id = await manage_meters.create_meter(
        db=call.db,
        workspace_id=call.workspace_id,
        name=data.name,
        event_name=data.event_name,
        unit=data.unit,
        aggregation=_aggregation(data.aggregation_method),
        currency_id=None if currency is None else currency.id,
        decimals=None if data.decimal is None or currency is not None else bodies.whole(data.decimal, field="decimal"),
        lookup_key=data.lookup_key,
        description=data.description or "",
        metadata=pack(data.metadata or {}, extras={"component_did": data.component_did}),
        request_key=call.request_key,
    )
    return await show_meter(call, meter_id)


def _aggregation(method: str) -> Aggregation:
    match method:
        case "sum" | "count":
            return method
        case _:
            raise NotSupported(f"the aggregation method {method!r}; use sum or count")


@route("GET", "/meters", scope="read")
async def list_meters(call: Call) -> Json:
    """List meters, newest first."""
    currency = call.text("currency_id")
    filters = {
        "event_name": call.text("event_name"),
        "status": several(call, "status"),
        "currency_id": None if currency is None else (await credit_currency_of(call, currency, field="currency_id")).id,
        "q": searched(call),
    }
    return await listed(call, "meters", show=show_meters, filters=filters)


@route("GET", "/meters/{key:str}", scope="read")
async def retrieve_meter(call: Call) -> Json:
    """Retrieve a meter by its id, event name or lookup key; 404 when there is none."""
    return await show_meter(call, (await _found(call)).id)


@route("PUT", "/meters/{key:str}", scope="catalog:write")
async def change_meter(call: Call) -> Json:
    """Change a meter. What is not given stays; metadata is replaced as a whole."""
    meter = await _found(call)
    data = call.body(MeterChanges)
    await manage_meters.change_meter(
        db=call.db,
        workspace_id=call.workspace_id,
        meter_id=meter.id,
        name=data.name,
        unit=data.unit,
        description=data.description,
        status=data.status,
        metadata=UNSET if data.metadata is UNSET else pack(data.metadata or {}, extras=extras_of(meter.metadata)),
    )
    return await show_meter(call, meter.id)


@route("PUT", "/meters/{key:str}/activate", scope="catalog:write")
async def activate_meter(call: Call) -> Json:
    """It takes events again. Twice is once."""
    return await _set_status(call, "active")


@route("PUT", "/meters/{key:str}/deactivate", scope="catalog:write")
async def deactivate_meter(call: Call) -> Json:
    """It takes no more events. Twice is once."""
    return await _set_status(call, "inactive")


async def _set_status(call: Call, status: MeterStatus) -> Json:
    meter = await _found(call)
    await manage_meters.change_meter(db=call.db, workspace_id=call.workspace_id, meter_id=meter.id, status=status)
    return await show_meter(call, meter.id)


async def _found(call: Call) -> Meter:
    return await catalog.find_meter(call.db, workspace_id=call.workspace_id, key=call.path())


routes = [create_meter, list_meters, retrieve_meter, change_meter, activate_meter, deactivate_meter]
