"""The first page: what there is, what was bought last, and which payments need a person."""

from collections.abc import Sequence

import msgspec
from litestar import Response, get

from replenish.admin.visitor import Visit, visit_of
from replenish.catalog import queries as catalog
from replenish.core.ids import CUSTOMER, CustomerId
from replenish.customers import queries as customers
from replenish.customers.model import Customer
from replenish.payments import queries as payments
from replenish.payments.model import Payment
from replenish.reports import workspace_overview
from replenish.topups import queries as topups
from replenish.topups.model import TopUp
from replenish.web.formats import number
from replenish.web.pages import PageRequest

_LATEST = 10
_WAITING_MAX = 50


class Buyer(msgspec.Struct, frozen=True):
    """A customer as lists name them, and where their page is."""

    name: str
    href: str


def buyer(customer: Customer | None, customer_id: CustomerId) -> Buyer:
    shown = CUSTOMER.text(customer_id)
    if customer is not None:
        shown = customer.name or customer.email or customer.external_id
    return Buyer(shown, f"/admin/customers/{CUSTOMER.text(customer_id)}")


@get("/")
async def overview(request: PageRequest) -> Response[str]:
    visit = await visit_of(request)
    counts = await workspace_overview.counts(visit.db, workspace_id=visit.workspace_id)
    latest = await topups.top_ups(visit.db, workspace_id=visit.workspace_id, limit=_LATEST)
    waiting = await payments.payments(visit.db, workspace_id=visit.workspace_id, escalated=True, limit=_WAITING_MAX)
    units = await catalog.currencies_by_id(
        visit.db, workspace_id=visit.workspace_id, ids={one.credit_currency_id for one in latest}
    )
    return visit.page(
        request,
        "admin/overview.html",
        section="overview",
        counts=[
            ("Customers", _bounded(counts.customers)),
            ("Products on sale", _bounded(counts.products)),
            ("Settled top-ups", _bounded(counts.top_ups)),
            ("Automatic top-up on", _bounded(counts.recharge_rules)),
        ],
        latest=latest,
        waiting=waiting,
        buyers=await _buyers(visit, latest, waiting),
        units={currency_id: found.name for currency_id, found in units.items()},
    )


def _bounded(count: int) -> str:
    most = workspace_overview.COUNTED_MAX
    return f"more than {number(most)}" if count > most else number(count)


async def _buyers(visit: Visit, latest: Sequence[TopUp], waiting: Sequence[Payment]) -> dict[CustomerId, Buyer]:
    ids = {one.customer_id for one in latest} | {one.customer_id for one in waiting}
    known = await customers.customers_by_id(visit.db, workspace_id=visit.workspace_id, ids=ids)
    return {customer_id: buyer(known.get(customer_id), customer_id) for customer_id in ids}


routes = [overview]
