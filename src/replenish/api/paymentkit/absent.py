"""What the original has and this server has not: 501 with the reason, never a success that does nothing."""

from typing import Final

from litestar.handlers import HTTPRouteHandler

from replenish.api.paymentkit.call import Call, Method, route
from replenish.api.paymentkit.errors import NotSupported

_ABSENT: Final = {
    "subscriptions": "subscriptions; sell credits, and let customers top them up automatically",
    "subscription-items": "subscription items; sell credits, and let customers top them up automatically",
    "usage-records": "usage records of subscriptions; report usage as meter events",
    "coupons": "coupons; grant promotional credits",
    "promotion-codes": "promotion codes; grant promotional credits",
    "donations": "donations",
    "pricing-tables": "pricing tables; use payment links",
    "passports": "passports",
    "vendors": "vendors",
    "exchange-rate-providers": "prices that follow an exchange rate",
}
_METHODS: Final[tuple[Method, ...]] = ("GET", "POST", "PUT", "DELETE")


def _absent(name: str, what: str) -> list[HTTPRouteHandler]:
    async def refuse(_call: Call) -> object:
        raise NotSupported(what)

    return [
        route(method, path, scope="read")(refuse)
        for method in _METHODS
        for path in (f"/{name}", f"/{name}/{{rest:path}}")
    ]


routes = [handler for name, what in _ABSENT.items() for handler in _absent(name, what)]
