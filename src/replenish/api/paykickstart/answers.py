"""The wire's two halves that every endpoint shares: what success looks like, and what a refusal looks like.

Both are supersets of the dialects that clients test for: `code`, `status`, `success`, `message`, and `error` beside
`errors`.
"""

from collections.abc import Mapping, Sequence
from typing import Final, cast

import msgspec
from litestar import Response
from msgspec import UNSET, UnsetType

from replenish.api.paykickstart.fields import AnyRequest
from replenish.core.errors import Conflict, Forbidden, Invalid, NotFound, PaymentRequired, Refusal, TooMany
from replenish.core.errors import Unauthenticated as Unknown
from replenish.reports.addons import Addon, AmbiguousAddon, NotAnAddon
from replenish.web import errors

_OK: Final = 200


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A success. Top-level `balance` and `credits` repeat the balance for thin clients."""

    message: str
    data: object
    code: int = _OK
    status: bool = True
    success: int = 1
    balance: str | UnsetType = UNSET
    credits: str | UnsetType = UNSET


class Served(msgspec.Struct, frozen=True):
    """An answer and whether it is a repeated one."""

    answer: Answer
    replayed: bool = False


class Candidate(msgspec.Struct, frozen=True):
    product_id: int
    product_name: str
    campaign_id: int | None


class Fault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`field` is the canonical name of what is wrong; the numbers belong to `insufficient_credits`."""

    type: str
    field: str | UnsetType = UNSET
    balance: str | UnsetType = UNSET
    required: str | UnsetType = UNSET
    candidates: Sequence[Candidate] | UnsetType = UNSET
    incident: str | UnsetType = UNSET


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    code: int
    message: str
    error: Fault
    errors: Mapping[str, Sequence[str]]
    status: bool = False
    success: int = 0


class _Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What this wire needs of a problem document."""

    status: int
    code: str
    detail: str
    incident: str | UnsetType = UNSET


class PaymentDeclined(PaymentRequired):
    """A purchase that the bank refused: no money moved. An error here, because clients look only for that."""

    code = "payment_declined"


# Codes of ours that have another name on this wire.
_TYPES: Final = {
    "in_progress": "idempotency_in_progress",
    "consent_required": "consent_required",
    "no_payment_method": "no_payment_method",
}
_FIELD_OF: Final = {
    "buyer_not_found": "email",
    "addon_not_found": "product_id",
    "invoice_not_found": "invoice_id",
    "not_an_addon": "product_id",
    "ambiguous_addon": "product_id",
    "ambiguous_buyer": "buyer_id",
    "idempotency_mismatch": "idempotency_key",
    "idempotency_in_progress": "idempotency_key",
    "insufficient_credits": "units",
    "invalid_auth_token": "auth_token",
}
# Flows speak of what they take; the wire calls it otherwise.
_FIELDS: Final = {
    "value": "units",
    "timestamp": "occurred_at",
    "quantity": "packs",
    "month_amount_max": "monthly_cap",
    "Idempotency-Key": "idempotency_key",
}


def answered(served: Served) -> Response[bytes]:
    headers = {"Idempotent-Replayed": "true"} if served.replayed else {}
    return _response(msgspec.json.encode(served.answer), _OK, headers)


def refused(request: AnyRequest, error: Exception, *, always_200: bool) -> Response[bytes]:
    """Any error in this wire's words. Whatever is no refusal of ours goes through the one map of errors first."""
    headers: dict[str, str] = {}
    if isinstance(error, Refusal):
        body = refusal(error)
        if isinstance(error, TooMany):
            headers["Retry-After"] = str(error.retry_after_seconds)
    else:
        problem = errors.handle(request, error)
        wait = cast("Mapping[str, str]", problem.headers).get("Retry-After")
        headers = {} if wait is None else {"Retry-After": wait}
        body = _of_problem(problem.content)
    return _response(msgspec.json.encode(body), _OK if always_200 else body.code, headers)


def refusal(error: Refusal) -> Refused:
    """A refusal as its body; also what an entry of a batch gets."""
    kind = _type_of(error)
    message = "Insufficient credits" if kind == "insufficient_credits" else error.detail
    field: str | UnsetType = _FIELD_OF.get(kind, UNSET)
    if isinstance(error, Invalid):
        field = _FIELDS.get(error.field, error.field)
        message = f"{field} {error.detail}"
    fault = Fault(
        type=kind,
        field=field,
        balance=_number(error, "balance"),
        required=_number(error, "required"),
        candidates=_candidates(error.candidates) if isinstance(error, AmbiguousAddon) else UNSET,
    )
    listed = {} if field is UNSET else {field: [message]}
    return Refused(code=errors.status_of(error), message=message, error=fault, errors=listed)


def _type_of(error: Refusal) -> str:
    match error:
        case Unknown():
            return "invalid_auth_token"
        case NotAnAddon():
            return "not_an_addon"
        case Forbidden():
            return "forbidden"
        case Invalid():
            return _TYPES.get(error.own_code, "validation_error")
        case TooMany():
            return "rate_limited"
        case NotFound() | Conflict():
            return _TYPES.get(error.own_code, error.own_code)
        case _:
            return error.own_code


def _number(error: Refusal, name: str) -> str | UnsetType:
    found = error.numbers.get(name)
    return UNSET if found is None or not isinstance(error, PaymentRequired) else str(found)


def _candidates(addons: Sequence[Addon]) -> list[Candidate]:
    return [Candidate(addon.product_number, addon.product_name, addon.campaign_number) for addon in addons]


def _of_problem(content: bytes) -> Refused:
    problem = msgspec.json.decode(content, type=_Problem)
    fault = Fault(type=problem.code, incident=problem.incident)
    return Refused(code=problem.status, message=problem.detail, error=fault, errors={})


def _response(content: bytes, status: int, headers: Mapping[str, str]) -> Response[bytes]:
    return Response(content, status_code=status, media_type="application/json", headers=dict(headers))
