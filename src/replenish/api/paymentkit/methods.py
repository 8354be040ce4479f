"""Payment methods: here, the providers through which money can be paid. Their list is a bare array."""

from collections.abc import Mapping
from typing import Final

from replenish.access import queries as access
from replenish.api.paymentkit.call import Call, route
from replenish.api.paymentkit.errors import NotSupported
from replenish.api.paymentkit.views import METHOD_PREFIX, currency_view, method_id_of
from replenish.api.paymentkit.wire import Json, stamped_at
from replenish.catalog import queries as catalog
from replenish.core.errors import NotFound
from replenish.payments.provider import ChargesSavedMethod, Provider, Refunds

# The original knows its own kinds only; the sandbox behaves like cards.
_KINDS: Final[Mapping[str, str]] = {"stripe": "stripe", "sandbox": "stripe", "evm": "ethereum"}
_NAMES: Final[Mapping[str, str]] = {"stripe": "Stripe", "sandbox": "Sandbox", "evm": "Stablecoins"}
_SET_UP: Final = "setting up payment methods over this interface; providers are set up on the server"


def kind_of(provider: str) -> str:
    return _KINDS.get(provider, provider)


@route("GET", "/payment-methods", scope="read")
async def list_methods(call: Call) -> list[Json]:
    """List the providers that take this workspace's money, as a bare array."""
    return await list_provider_methods(call)


@route("GET", "/payment-methods/{key:str}", scope="read")
async def retrieve_method(call: Call) -> Json:
    """Retrieve one of them."""
    found = next((each for each in await list_provider_methods(call) if each["id"] == call.path()), None)
    if found is None:
        raise NotFound("payment method")
    return found


@route("POST", "/payment-methods", scope="catalog:write")
async def create_method(_call: Call) -> Json:
    """Not from here."""
    raise NotSupported(_SET_UP)


@route("PUT", "/payment-methods/{key:str}", scope="catalog:write")
async def change_method(_call: Call) -> Json:
    """Not from here."""
    raise NotSupported(_SET_UP)


async def list_provider_methods(call: Call) -> list[Json]:
    """The providers that are set up for this workspace."""
    workspace = await access.workspace(call.db, workspace_id=call.workspace_id)
    shown: list[Json] = []
    for name, provider in sorted(call.context.providers.items()):
        if await provider.account_of(workspace_id=workspace.id, mode=workspace.mode) is not None:
            shown.append(await _view(call, name, provider) | stamped_at(workspace.created_at))
    return shown


async def _view(call: Call, name: str, provider: Provider) -> Json:
    method_id = f"{METHOD_PREFIX}{name}"
    found = await catalog.currencies(call.db, workspace_id=call.workspace_id, type_="standard", active=True, limit=1000)
    currencies = [currency_view(call, each) for each in reversed(found) if method_id_of(call, each) == method_id]
    return {
        "id": method_id,
        "object": "payment_method",
        "livemode": call.livemode,
        "active": True,
        "locked": True,
        "type": kind_of(name),
        "name": _NAMES.get(name, name),
        "description": f"Payments through {_NAMES.get(name, name)}",
        "logo": "",
        "default_currency_id": currencies[0]["id"] if currencies else None,
        "confirmation": {"type": "callback"},
        "features": {
            "recurring": isinstance(provider, ChargesSavedMethod),
            "refund": isinstance(provider, Refunds),
            "dispute": False,
        },
        "settings": {},
        "metadata": {"provider": name},
        "payment_currencies": currencies,
    }


routes = [list_methods, retrieve_method, create_method, change_method]
