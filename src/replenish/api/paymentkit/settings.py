"""Settings: what an application keeps under a mount location. One that is not there is an empty answer, not a 404."""

import msgspec
from msgspec import UNSET, UnsetType

from replenish.access.clients import queries
from replenish.access.clients.model import ClientSetting
from replenish.api.paymentkit.call import Call, route
from replenish.api.paymentkit.methods import list_provider_methods
from replenish.api.paymentkit.views import currency_view
from replenish.api.paymentkit.wire import Json, pack_json, stamped_at
from replenish.catalog import queries as catalog
from replenish.core.errors import NotFound
from replenish.core.ids import CLIENT_SETTING
from replenish.flows import manage_clients


class NewSetting(msgspec.Struct, kw_only=True):
    type: str
    mountLocation: str  # noqa: N815 - the wire's name
    description: str | None = None
    active: bool = True
    componentDid: str | None = None  # noqa: N815 - the wire's name
    settings: dict[str, object] | None = None


class SettingChanges(msgspec.Struct, kw_only=True):
    description: str | UnsetType = UNSET
    active: bool | UnsetType = UNSET
    settings: dict[str, object] | UnsetType = UNSET


@route("POST", "/settings", scope="keys:write", once=True)
async def create_setting(call: Call) -> Json:
    """Keep a setting under a mount location. A location that has one of the same type answers with that one."""
    data = call.body(NewSetting)
    try:
        found = await queries.find_setting(call.db, workspace_id=call.workspace_id, key=data.mountLocation)
    except NotFound:
        pass
    else:
        if found.type == data.type:
            return _view(call, found)
    setting_id = await manage_clients.create_setting(
        db=call.db,
        workspace_id=call.workspace_id,
        type_=data.type,
        location=data.mountLocation,
        component=data.componentDid,
        description=data.description or "",
        active=data.active,
        settings=pack_json(data.settings or {}),
        request_key=call.request_key,
    )
    return await _shown(call, CLIENT_SETTING.text(setting_id))


@route("GET", "/settings", scope="read")
async def public_settings(call: Call) -> Json:
    """Answer with what can be paid with."""
    usd = await catalog.find_currency(call.db, workspace_id=call.workspace_id, key="USD")
    return {"paymentMethods": await list_provider_methods(call), "baseCurrency": currency_view(call, usd)}


@route("GET", "/settings/{key:path}", scope="read")
async def retrieve_setting(call: Call) -> object:
    """Retrieve a setting by its id or mount location; an empty body when there is none."""
    try:
        return _view(call, await _found(call))
    except NotFound:
        return None


@route("PUT", "/settings/{key:path}", scope="keys:write")
async def change_setting(call: Call) -> Json:
    """Change a setting; keys within `settings` are added or replaced."""
    found = await _found(call)
    data = call.body(SettingChanges)
    await manage_clients.change_setting(
        db=call.db,
        workspace_id=call.workspace_id,
        setting_id=found.id,
        description=data.description,
        active=data.active,
        settings=UNSET if data.settings is UNSET else pack_json(data.settings),
    )
    return await _shown(call, CLIENT_SETTING.text(found.id))


@route("DELETE", "/settings/{key:path}", scope="keys:write")
async def delete_setting(call: Call) -> Json:
    """Forget a setting."""
    found = await _found(call)
    await manage_clients.delete_setting(db=call.db, workspace_id=call.workspace_id, setting_id=found.id)
    return {"message": "Setting deleted"}


async def _found(call: Call) -> ClientSetting:
    """A mount location may be a path of its own, such as `/app`, and slashes may get lost on the way. Raises NotFound."""
    key = call.path().lstrip("/")
    try:
        return await queries.find_setting(call.db, workspace_id=call.workspace_id, key=key)
    except NotFound:
        return await queries.find_setting(call.db, workspace_id=call.workspace_id, key=f"/{key}")


async def _shown(call: Call, key: str) -> Json:
    return _view(call, await queries.find_setting(call.db, workspace_id=call.workspace_id, key=key))


def _view(call: Call, setting: ClientSetting) -> Json:
    return {
        "id": CLIENT_SETTING.text(setting.id),
        "object": "setting",
        "livemode": call.livemode,
        "type": setting.type,
        "mount_location": setting.location,
        "component_did": setting.component,
        "description": setting.description,
        "active": setting.active,
        "settings": setting.settings,
        **stamped_at(setting.created_at),
    }


routes = [create_setting, public_settings, retrieve_setting, change_setting, delete_setting]
