# Made from _async/client.py by scripts/make_sync_client.py; change that one.
"""The client for synchronous code."""

from types import TracebackType
from typing import Self

import httpx

from replenish_client._exchange import RETRIES, TIMEOUT_SECONDS
from replenish_client._options import options
from replenish_client._sync.resources.adjustments import Adjustments
from replenish_client._sync.resources.api_keys import ApiKeys
from replenish_client._sync.resources.budgets import Budgets
from replenish_client._sync.resources.campaigns import Campaigns
from replenish_client._sync.resources.checkout_sessions import CheckoutSessions
from replenish_client._sync.resources.credit_grants import CreditGrants
from replenish_client._sync.resources.credit_transactions import CreditTransactions
from replenish_client._sync.resources.customers import Customers
from replenish_client._sync.resources.events import Events
from replenish_client._sync.resources.grant_schedules import GrantSchedules
from replenish_client._sync.resources.holds import Holds
from replenish_client._sync.resources.meters import Meters
from replenish_client._sync.resources.payment_currencies import PaymentCurrencies
from replenish_client._sync.resources.payment_links import PaymentLinks
from replenish_client._sync.resources.payment_methods import PaymentMethods
from replenish_client._sync.resources.payments import Payments
from replenish_client._sync.resources.portal_sessions import PortalSessions
from replenish_client._sync.resources.prices import Prices
from replenish_client._sync.resources.products import Products
from replenish_client._sync.resources.recharge_attempts import RechargeAttempts
from replenish_client._sync.resources.recharge_rules import RechargeRules
from replenish_client._sync.resources.refunds import Refunds
from replenish_client._sync.resources.topups import Topups
from replenish_client._sync.resources.usage import Usage
from replenish_client._sync.resources.usage_days import UsageDays
from replenish_client._sync.resources.usage_events import UsageEvents
from replenish_client._sync.resources.workspace import TestClock, Workspaces
from replenish_client._sync.transport import Transport


class Replenish:
    """One workspace, as its API key sees it. Keep one for the program's life; it may be used by many threads at once.

    `api_key` and `base_url` come from REPLENISH_API_KEY and REPLENISH_BASE_URL when they are not given. `timeout_seconds`
    is for one try; `retries` is how many more follow a lost connection, 429, 502 to 504, and any 5xx of a request with an
    idempotency key. A given `http_client` brings its own pool, proxy or transport, and stays its owner's to close.

    Raises ValueError for options that cannot be.
    """

    def __init__(
        self,
        api_key: str | None = None,
        base_url: str | None = None,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        retries: int = RETRIES,
        http_client: httpx.Client | None = None,
    ) -> None:
        self._options = options(api_key=api_key, base_url=base_url, timeout_seconds=timeout_seconds, retries=retries)
        self._transport = transport = Transport(self._options, http_client)
        self.adjustments = Adjustments(transport)
        self.api_keys = ApiKeys(transport)
        self.budgets = Budgets(transport)
        self.campaigns = Campaigns(transport)
        self.checkout_sessions = CheckoutSessions(transport)
        self.credit_grants = CreditGrants(transport)
        self.credit_transactions = CreditTransactions(transport)
        self.customers = Customers(transport)
        self.events = Events(transport)
        self.grant_schedules = GrantSchedules(transport)
        self.holds = Holds(transport)
        self.meters = Meters(transport)
        self.payment_currencies = PaymentCurrencies(transport)
        self.payment_links = PaymentLinks(transport)
        self.payment_methods = PaymentMethods(transport)
        self.payments = Payments(transport)
        self.portal_sessions = PortalSessions(transport)
        self.prices = Prices(transport)
        self.products = Products(transport)
        self.recharge_attempts = RechargeAttempts(transport)
        self.recharge_rules = RechargeRules(transport)
        self.refunds = Refunds(transport)
        self.test_clock = TestClock(transport)
        self.topups = Topups(transport)
        self.usage = Usage(transport)
        self.usage_days = UsageDays(transport)
        self.usage_events = UsageEvents(transport)
        self.workspace = Workspaces(transport)

    def close(self) -> None:
        """Close the connections, unless they are those of a client that was handed in."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Replenish(base_url={self._options.base_url!r})"
