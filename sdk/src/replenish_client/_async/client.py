"""The client for asynchronous code."""

from types import TracebackType
from typing import Self

import httpx

from replenish_client._async.resources.adjustments import AsyncAdjustments
from replenish_client._async.resources.api_keys import AsyncApiKeys
from replenish_client._async.resources.budgets import AsyncBudgets
from replenish_client._async.resources.campaigns import AsyncCampaigns
from replenish_client._async.resources.checkout_sessions import AsyncCheckoutSessions
from replenish_client._async.resources.credit_grants import AsyncCreditGrants
from replenish_client._async.resources.credit_transactions import AsyncCreditTransactions
from replenish_client._async.resources.customers import AsyncCustomers
from replenish_client._async.resources.events import AsyncEvents
from replenish_client._async.resources.grant_schedules import AsyncGrantSchedules
from replenish_client._async.resources.holds import AsyncHolds
from replenish_client._async.resources.meters import AsyncMeters
from replenish_client._async.resources.payment_currencies import AsyncPaymentCurrencies
from replenish_client._async.resources.payment_links import AsyncPaymentLinks
from replenish_client._async.resources.payment_methods import AsyncPaymentMethods
from replenish_client._async.resources.payments import AsyncPayments
from replenish_client._async.resources.portal_sessions import AsyncPortalSessions
from replenish_client._async.resources.prices import AsyncPrices
from replenish_client._async.resources.products import AsyncProducts
from replenish_client._async.resources.recharge_attempts import AsyncRechargeAttempts
from replenish_client._async.resources.recharge_rules import AsyncRechargeRules
from replenish_client._async.resources.refunds import AsyncRefunds
from replenish_client._async.resources.topups import AsyncTopups
from replenish_client._async.resources.usage import AsyncUsage
from replenish_client._async.resources.usage_days import AsyncUsageDays
from replenish_client._async.resources.usage_events import AsyncUsageEvents
from replenish_client._async.resources.workspace import AsyncTestClock, AsyncWorkspaces
from replenish_client._async.transport import AsyncTransport
from replenish_client._exchange import RETRIES, TIMEOUT_SECONDS
from replenish_client._options import options


class AsyncReplenish:
    """One workspace, as its API key sees it. Keep one for the program's life; it may be used by many tasks at once.

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
        http_client: httpx.AsyncClient | None = None,
    ) -> None:
        self._options = options(api_key=api_key, base_url=base_url, timeout_seconds=timeout_seconds, retries=retries)
        self._transport = transport = AsyncTransport(self._options, http_client)
        self.adjustments = AsyncAdjustments(transport)
        self.api_keys = AsyncApiKeys(transport)
        self.budgets = AsyncBudgets(transport)
        self.campaigns = AsyncCampaigns(transport)
        self.checkout_sessions = AsyncCheckoutSessions(transport)
        self.credit_grants = AsyncCreditGrants(transport)
        self.credit_transactions = AsyncCreditTransactions(transport)
        self.customers = AsyncCustomers(transport)
        self.events = AsyncEvents(transport)
        self.grant_schedules = AsyncGrantSchedules(transport)
        self.holds = AsyncHolds(transport)
        self.meters = AsyncMeters(transport)
        self.payment_currencies = AsyncPaymentCurrencies(transport)
        self.payment_links = AsyncPaymentLinks(transport)
        self.payment_methods = AsyncPaymentMethods(transport)
        self.payments = AsyncPayments(transport)
        self.portal_sessions = AsyncPortalSessions(transport)
        self.prices = AsyncPrices(transport)
        self.products = AsyncProducts(transport)
        self.recharge_attempts = AsyncRechargeAttempts(transport)
        self.recharge_rules = AsyncRechargeRules(transport)
        self.refunds = AsyncRefunds(transport)
        self.test_clock = AsyncTestClock(transport)
        self.topups = AsyncTopups(transport)
        self.usage = AsyncUsage(transport)
        self.usage_days = AsyncUsageDays(transport)
        self.usage_events = AsyncUsageEvents(transport)
        self.workspace = AsyncWorkspaces(transport)

    async def close(self) -> None:
        """Close the connections, unless they are those of a client that was handed in."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"AsyncReplenish(base_url={self._options.base_url!r})"
