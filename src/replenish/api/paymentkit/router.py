"""The client's routes, a module per resource. A new resource is one more line here."""

from collections.abc import Sequence
from typing import Final

from litestar import Router
from litestar.handlers import HTTPRouteHandler

from replenish.api.paymentkit import (
    absent,
    auto_recharge,
    checkout_sessions,
    credit_grants,
    credit_transactions,
    currencies,
    customers,
    events,
    invoices,
    meter_events,
    meters,
    methods,
    payment_intents,
    payment_links,
    prices,
    products,
    refunds,
    settings,
    webhook_endpoints,
)
from replenish.api.paymentkit.bodies import BODY_MAX_BYTES
from replenish.api.paymentkit.errors import handle

_RESOURCES: Final[Sequence[Sequence[HTTPRouteHandler]]] = (
    products.routes,
    prices.routes,
    currencies.routes,
    methods.routes,
    meters.routes,
    meter_events.routes,
    credit_grants.routes,
    credit_transactions.routes,
    customers.routes,
    auto_recharge.routes,
    checkout_sessions.routes,
    payment_links.routes,
    invoices.routes,
    payment_intents.routes,
    refunds.routes,
    webhook_endpoints.routes,
    settings.routes,
    events.routes,
    absent.routes,
)


def paymentkit_router() -> Router:
    """Everything that the client calls: under /api."""
    return Router(
        path="/api",
        route_handlers=[handler for routes in _RESOURCES for handler in routes],
        exception_handlers={Exception: handle},
        request_max_body_size=BODY_MAX_BYTES,
        include_in_schema=False,
    )
