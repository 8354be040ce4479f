"""The API's routes, a module per resource. A new resource is one more line here."""

from collections.abc import Sequence
from typing import Final

from litestar import Router
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler

from replenish.api.v1 import (
    adjustments,
    api_keys,
    balances,
    budgets,
    campaigns,
    checkout_sessions,
    credit_grants,
    credit_transactions,
    customers,
    events,
    grant_periods,
    grant_schedules,
    holds,
    ipn,
    meters,
    payment_currencies,
    payment_links,
    payment_methods,
    payments,
    portal_sessions,
    prices,
    products,
    recharge_attempts,
    recharge_rules,
    refunds,
    topups,
    usage,
    usage_check,
    usage_days,
    usage_events,
    workspace,
)
from replenish.api.v1.bodies import BODY_MAX_BYTES, ApiRequest
from replenish.api.v1.call import Gate, provide_call

_RESOURCES: Final[Sequence[Sequence[HTTPRouteHandler]]] = (
    workspace.routes,
    api_keys.routes,
    campaigns.routes,
    products.routes,
    ipn.routes,
    prices.routes,
    payment_currencies.routes,
    payment_links.routes,
    meters.routes,
    customers.routes,
    portal_sessions.routes,
    balances.routes,
    usage.routes,
    usage_check.routes,
    usage_events.routes,
    usage_days.routes,
    holds.routes,
    budgets.routes,
    credit_grants.routes,
    grant_schedules.routes,
    grant_periods.routes,
    credit_transactions.routes,
    adjustments.routes,
    topups.routes,
    checkout_sessions.routes,
    payment_methods.routes,
    payments.routes,
    refunds.routes,
    recharge_rules.routes,
    recharge_attempts.routes,
    events.routes,
)


def v1_router(gate: Gate | None = None) -> Router:
    """Everything under /v1, behind the gate."""
    return Router(
        path="/v1",
        route_handlers=[handler for routes in _RESOURCES for handler in routes],
        guards=[gate or Gate()],
        dependencies={"call": Provide(provide_call)},
        request_class=ApiRequest,
        request_max_body_size=BODY_MAX_BYTES,
    )
