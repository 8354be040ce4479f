"""The Python client of Replenish.

from replenish_client import Replenish

client = Replenish(api_key="rk_test_…", base_url="http://127.0.0.1:8700")
client.usage.record(customer_id="ann", meter_id="api_calls", value="3", idempotency_key="job-88")
"""

from msgspec import UNSET, UnsetType

from replenish_client import errors, params, types
from replenish_client._async.client import AsyncReplenish
from replenish_client._async.pages import AsyncPages
from replenish_client._sync.client import Replenish
from replenish_client._sync.pages import Pages
from replenish_client._values import Amount, Day, Metadata, Moment, new_idempotency_key
from replenish_client.errors import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    BudgetExceededError,
    ConflictError,
    ForbiddenError,
    GoneError,
    IdempotencyMismatchError,
    InsufficientCreditsError,
    NetworkError,
    NetworkTimeoutError,
    NotFoundError,
    PaymentRequiredError,
    RateLimitedError,
    ReplenishError,
    RequestInProgressError,
    ServerError,
    UnavailableError,
    UnexpectedAnswerError,
    ValidationError,
)
from replenish_client.types.page import Page

__all__ = [
    "UNSET",
    "Amount",
    "ApiError",
    "AsyncPages",
    "AsyncReplenish",
    "AuthenticationError",
    "BadRequestError",
    "BudgetExceededError",
    "ConflictError",
    "Day",
    "ForbiddenError",
    "GoneError",
    "IdempotencyMismatchError",
    "InsufficientCreditsError",
    "Metadata",
    "Moment",
    "NetworkError",
    "NetworkTimeoutError",
    "NotFoundError",
    "Page",
    "Pages",
    "PaymentRequiredError",
    "RateLimitedError",
    "Replenish",
    "ReplenishError",
    "RequestInProgressError",
    "ServerError",
    "UnavailableError",
    "UnexpectedAnswerError",
    "UnsetType",
    "ValidationError",
    "errors",
    "new_idempotency_key",
    "params",
    "types",
]
