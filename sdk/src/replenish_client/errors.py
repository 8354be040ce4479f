"""What can go wrong, one class per way of reacting to it.

ReplenishError
├── NetworkError                 no answer: the connection failed or was lost
│   └── NetworkTimeoutError      … or took too long
├── UnexpectedAnswerError        an answer that is not the API's (a proxy's page, a wrong address)
└── ApiError                     the API refused; `code` is stable, `detail` is for people
    ├── BadRequestError          400, 405, 413, 415: the request could not be read
    ├── AuthenticationError      401: key missing, unknown, revoked or expired
    ├── PaymentRequiredError     402
    │   └── InsufficientCreditsError     `required`, `available`, `balance`, `owed`, `top_up_url`
    ├── ForbiddenError           403: the key lacks a scope
    ├── NotFoundError            404
    ├── ConflictError            409: contradicts what already stands
    │   ├── BudgetExceededError          `budget_id`, `required`, `limit`, `spent`, `held`, `window_ends_at`
    │   ├── IdempotencyMismatchError     the key was used for something else
    │   └── RequestInProgressError       the first request with this key still runs
    ├── GoneError                410
    ├── ValidationError          422: `errors` names each field
    ├── RateLimitedError         429: `retry_after`
    └── ServerError              5xx: `incident` for the operator's log
        └── UnavailableError     503: nothing was done; `retry_after`
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Final

from replenish_client.types.problems import FieldProblem, Number, Problem

__all__ = [
    "ApiError",
    "AuthenticationError",
    "BadRequestError",
    "BudgetExceededError",
    "ConflictError",
    "ForbiddenError",
    "GoneError",
    "IdempotencyMismatchError",
    "InsufficientCreditsError",
    "NetworkError",
    "NetworkTimeoutError",
    "NotFoundError",
    "PaymentRequiredError",
    "RateLimitedError",
    "ReplenishError",
    "RequestInProgressError",
    "ServerError",
    "UnavailableError",
    "UnexpectedAnswerError",
    "ValidationError",
    "error_of",
]


class ReplenishError(Exception):
    """Base of all errors of this client. Wrong arguments are Python's own TypeError and ValueError."""


class NetworkError(ReplenishError):
    """No answer came. What was asked may have been done; asked again under the same key it is not done twice."""


class NetworkTimeoutError(NetworkError):
    """No answer came in time."""


class UnexpectedAnswerError(ReplenishError):
    """An answer came that is not of this API. `body` holds its first kilobyte."""

    def __init__(self, message: str, *, status: int, body: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.body = body


class ApiError(ReplenishError):
    """The API refused. `numbers` holds what belongs to this code, as sent."""

    def __init__(self, problem: Problem, *, request_id: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(f"{problem.detail} ({problem.status} {problem.code})")
        self.status: int = problem.status
        self.code: str = problem.code
        self.title: str = problem.title
        self.detail: str = problem.detail
        self.errors: Sequence[FieldProblem] = problem.errors
        self.numbers: Mapping[str, Number] = problem.numbers
        # Of the request that was refused: the server's log lines carry it. None inside a batch.
        self.request_id: str | None = request_id
        # Seconds to wait, when the server said so.
        self.retry_after: float | None = retry_after

    def _amount(self, name: str) -> Decimal | None:
        given = self.numbers.get(name)
        try:
            return Decimal(given) if isinstance(given, str) else None
        except InvalidOperation:
            return None

    def _text(self, name: str) -> str | None:
        given = self.numbers.get(name)
        return given if isinstance(given, str) else None


class BadRequestError(ApiError):
    """400, 405, 413, 415: the request could not be read."""


class AuthenticationError(ApiError):
    """401: the API key is missing, unknown, revoked or expired."""


class PaymentRequiredError(ApiError):
    """402: credits or money are missing."""


class InsufficientCreditsError(PaymentRequiredError):
    """402: nothing was taken. The same idempotency key may be used again after a top-up. Amounts are in credits."""

    @property
    def required(self) -> Decimal | None:
        """What the debit needs."""
        return self._amount("required")

    @property
    def available(self) -> Decimal | None:
        """What this debit could have spent: credits whose scope covers the meter."""
        return self._amount("available")

    @property
    def balance(self) -> Decimal | None:
        """The wallet's balance; negative while more is owed than available."""
        return self._amount("balance")

    @property
    def owed(self) -> Decimal | None:
        """What is repaid before anything new is spent."""
        return self._amount("owed")

    @property
    def top_up_url(self) -> str | None:
        """Where the customer can buy more; None when the credit currency has no recharge config."""
        return self._text("top_up_url")


class ForbiddenError(ApiError):
    """403: the API key lacks the scope."""


class NotFoundError(ApiError):
    """404: not there, or not of this workspace: the two look the same."""


class ConflictError(ApiError):
    """409: it contradicts what already stands."""


class BudgetExceededError(ConflictError):
    """409: a budget has no room; nothing was taken, and topping up would not help. Amounts are in credits.

    The same idempotency key may be used again in a new window, or after the limit was raised.
    """

    @property
    def budget_id(self) -> str | None:
        """The budget that refused."""
        return self._text("budget_id")

    @property
    def required(self) -> Decimal | None:
        """What the debit or hold needs."""
        return self._amount("required")

    @property
    def limit(self) -> Decimal | None:
        """What the budget allows in each window."""
        return self._amount("limit")

    @property
    def spent(self) -> Decimal | None:
        """What usage took in this window."""
        return self._amount("spent")

    @property
    def held(self) -> Decimal | None:
        """What open holds keep of it."""
        return self._amount("held")

    @property
    def window_ends_at(self) -> datetime | None:
        """When a new window begins; None when there is only one."""
        found = self._text("window_ends_at")
        return None if found is None else datetime.fromisoformat(found)


class IdempotencyMismatchError(ConflictError):
    """409: this idempotency key was used with other fields."""


class RequestInProgressError(ConflictError):
    """409: the first request with this idempotency key still runs."""


class GoneError(ApiError):
    """410: it was there and has ended."""


class ValidationError(ApiError):
    """422: `errors` names each wrong field by its path, such as `events[3].value`."""


class RateLimitedError(ApiError):
    """429: slow down; `retry_after` seconds."""


class ServerError(ApiError):
    """5xx: a fault on the server's side."""

    @property
    def incident(self) -> str | None:
        """Under which the server's operator finds it in the log."""
        return self._text("incident")


class UnavailableError(ServerError):
    """503: busy or restarting; nothing was done. `retry_after` seconds."""


_BY_CODE: Final[Mapping[tuple[int, str], type[ApiError]]] = {
    (402, "insufficient_credits"): InsufficientCreditsError,
    (409, "budget_exceeded"): BudgetExceededError,
    (409, "idempotency_mismatch"): IdempotencyMismatchError,
    (409, "in_progress"): RequestInProgressError,
}
_BY_STATUS: Final[Mapping[int, type[ApiError]]] = {
    401: AuthenticationError,
    402: PaymentRequiredError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    410: GoneError,
    422: ValidationError,
    429: RateLimitedError,
    503: UnavailableError,
}


def error_of(problem: Problem, *, request_id: str | None = None, retry_after: float | None = None) -> ApiError:
    """The error that a problem document stands for. A code or status of a newer server falls back to its family."""
    kind = _BY_CODE.get((problem.status, problem.code)) or _BY_STATUS.get(problem.status)
    if kind is None:
        kind = ServerError if problem.status >= 500 else BadRequestError
    return kind(problem, request_id=request_id, retry_after=retry_after)
