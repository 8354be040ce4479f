"""What the names in reported usage mean: customers by id or external id, meters by id or event name.

Resolved for a whole batch with a constant number of statements, and remembered per process: a customer's external id never
changes, a meter and its credit currency do, and such a change is effective within a second.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final, Protocol, TypeVar

import msgspec

from replenish.catalog import queries as catalog
from replenish.catalog.model import Meter, PaymentCurrency
from replenish.core.db import Reads
from replenish.core.gather import Gatherer
from replenish.core.ids import CUSTOMER, METER, CustomerId, WorkspaceId
from replenish.core.remember import Remember
from replenish.customers import queries as customers

CUSTOMERS_MAX: Final = 100_000
METERS_MAX: Final = 10_000
METER_SECONDS: Final = 1.0
CURRENCIES_MAX: Final = 10_000


Value_co = TypeVar("Value_co", covariant=True)


class LookUp(Protocol[Value_co]):
    """What names mean in one workspace; an unknown one is missing."""

    async def __call__(self, *, workspace_id: WorkspaceId, keys: Iterable[str]) -> Mapping[str, Value_co]: ...


class Rated(msgspec.Struct, frozen=True):
    """A meter with the credit currency that it charges in."""

    meter: Meter
    currency: PaymentCurrency


class UsageNames:
    """Answers for names that are known; an unknown name is simply missing, and is looked up again next time."""

    __slots__ = ("_currencies", "_customers", "_db", "_meters", "_stale", "_unknown")

    def __init__(self, db: Reads, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._customers = Remember[tuple[WorkspaceId, str], CustomerId](size_max=CUSTOMERS_MAX, seconds=None)
        self._unknown = Gatherer(partial(_together, self.customers), lane_of=lambda _: 0, lanes=1)
        self._stale = Gatherer(partial(_together, self.meters), lane_of=lambda _: 0, lanes=1)
        self._meters = Remember[tuple[WorkspaceId, str], Rated](size_max=METERS_MAX, seconds=METER_SECONDS, clock=clock)
        self._currencies = Remember[tuple[WorkspaceId, str], PaymentCurrency](
            size_max=CURRENCIES_MAX, seconds=METER_SECONDS, clock=clock
        )

    async def customers(self, *, workspace_id: WorkspaceId, keys: Iterable[str]) -> Mapping[str, CustomerId]:
        """Customer ids by the id or external id that was sent."""
        found: dict[str, CustomerId] = {}
        missing: list[str] = []
        for key in set(keys):
            known = self._customers.get((workspace_id, key))
            if known is None:
                missing.append(key)
            else:
                found[key] = known
        if missing:
            since = self._customers.now()
            for key, customer_id in (await self._look_up_customers(workspace_id, missing)).items():
                self._customers.keep((workspace_id, key), customer_id, since=since)
                found[key] = customer_id
        return found

    async def meters(self, *, workspace_id: WorkspaceId, keys: Iterable[str]) -> Mapping[str, Rated]:
        """Meters with their currencies by the id or event name that was sent."""
        found: dict[str, Rated] = {}
        missing: list[str] = []
        for key in set(keys):
            known = self._meters.get((workspace_id, key))
            if known is None:
                missing.append(key)
            else:
                found[key] = known
        if missing:
            since = self._meters.now()
            for key, rated in (await self._look_up_meters(workspace_id, missing)).items():
                self._meters.keep((workspace_id, key), rated, since=since)
                found[key] = rated
        return found

    async def currency(self, *, workspace_id: WorkspaceId, key: str) -> PaymentCurrency:
        """A payment currency by id, code or lookup key; a change is effective as soon as a meter's. Raises NotFound."""
        known = self._currencies.get((workspace_id, key))
        if known is None:
            since = self._currencies.now()
            known = await catalog.find_currency(self._db, workspace_id=workspace_id, key=key)
            self._currencies.keep((workspace_id, key), known, since=since)
        return known

    async def one(
        self, *, workspace_id: WorkspaceId, customer: str, meter: str
    ) -> tuple[CustomerId | None, Rated | None]:
        """A single event's names: nearly always both are remembered."""
        customer_id = self._customers.get((workspace_id, customer))
        rated = self._meters.get((workspace_id, meter))
        if customer_id is None:
            customer_id = await self._unknown.submit((workspace_id, customer))
        if rated is None:
            rated = await self._stale.submit((workspace_id, meter))
        return customer_id, rated

    async def _look_up_customers(self, workspace_id: WorkspaceId, keys: list[str]) -> dict[str, CustomerId]:
        found: dict[str, CustomerId] = {}
        ids = {key: customer_id for key in keys if (customer_id := CUSTOMER.try_parse(key)) is not None}
        if ids:
            known = await customers.customers_by_id(self._db, workspace_id=workspace_id, ids=ids.values())
            found |= {key: customer_id for key, customer_id in ids.items() if customer_id in known}
        # An external id may look like an id of ours; the id wins, as everywhere.
        names = [(workspace_id, key) for key in keys if key not in found]
        if names:
            by_name = await customers.customers_by_external_id(self._db, names=names)
            found |= {name: customer.id for (_, name), customer in by_name.items()}
        return found

    async def _look_up_meters(self, workspace_id: WorkspaceId, keys: list[str]) -> dict[str, Rated]:
        meters: dict[str, Meter] = {}
        ids = {key: meter_id for key in keys if (meter_id := METER.try_parse(key)) is not None}
        if ids:
            known = await catalog.meters_by_id(self._db, workspace_id=workspace_id, ids=ids.values())
            meters |= {key: known[meter_id] for key, meter_id in ids.items() if meter_id in known}
        names = [(workspace_id, key) for key in keys if key not in meters]
        if names:
            by_name = await catalog.meters_by_event_name(self._db, names=names)
            meters |= {name: meter for (_, name), meter in by_name.items()}
        currencies = await catalog.currencies_by_id(
            self._db, workspace_id=workspace_id, ids={meter.currency_id for meter in meters.values()}
        )
        return {key: Rated(meter, currencies[meter.currency_id]) for key, meter in meters.items()}


async def _together(look_up: LookUp[Value_co], wanted: Sequence[tuple[WorkspaceId, str]]) -> list[Value_co | None]:
    """Look-ups of many requests at once, each of which would cost a query.

    After a start every customer is new; when a meter's second is over, all that wait would ask for the same one.
    """
    keys: defaultdict[WorkspaceId, list[str]] = defaultdict(list)
    for workspace_id, key in wanted:
        keys[workspace_id].append(key)
    found = {name: await look_up(workspace_id=name, keys=listed) for name, listed in keys.items()}
    return [found[workspace_id].get(key) for workspace_id, key in wanted]
