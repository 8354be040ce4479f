"""How a route of the API is declared: its scope, status and refusals in one line, for the guard and for OpenAPI.

@creates("/products", scope="catalog:write")
async def create_product(data: NewProduct, call: Call) -> ProductView:
    ...
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

import msgspec
from litestar import delete, get, patch, post, put
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody

from replenish.access.model import Scope

# Every route may answer these; those with a body also the others.
ALWAYS: Final = (401, 403, 422, 429, 500, 503)
WITH_BODY: Final = (400, 413, 415)

Handler = Callable[..., Any]
Decorator = Callable[[Handler], HTTPRouteHandler]


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a route: for the gate, and for OpenAPI."""

    scope: Scope
    status: int
    # Refusals that this route adds to those that each has.
    errors: Sequence[int]
    takes_key: bool
    # Query parameters with their types and defaults; the types of body and answer, None = has none.
    query: Mapping[str, tuple[object, object]]
    body: object
    answer: object

    def __deepcopy__(self, _memo: object) -> "Operation":
        # The framework copies handlers when it mounts them; types cannot be copied, and nothing here changes.
        return self

    @staticmethod
    def of(handler: BaseRouteHandler) -> "Operation":
        return cast("Operation", handler.opt["operation"])


def reads(path: str, *, scope: Scope = "read", errors: Sequence[int] = ()) -> Decorator:
    """`GET`, 200. A path with a parameter may answer 404."""
    return _declare(get, path, scope=scope, status=200, errors=errors)


def creates(path: str, *, scope: Scope, errors: Sequence[int] = (), takes_key: bool = True) -> Decorator:
    """`POST`, 201, takes an Idempotency-Key, unless its body has a key of its own."""
    return _declare(post, path, scope=scope, status=201, errors=(409, *errors), takes_key=takes_key)


def acts(
    path: str, *, scope: Scope, status: int = 200, errors: Sequence[int] = (), takes_key: bool = False
) -> Decorator:
    """`POST` of a verb on something that is there: `/customers/{key}/freeze`."""
    return _declare(post, path, scope=scope, status=status, errors=(409, *errors), takes_key=takes_key)


def changes(path: str, *, scope: Scope, errors: Sequence[int] = ()) -> Decorator:
    """`PATCH`, 200: fields that are not given stay."""
    return _declare(patch, path, scope=scope, status=200, errors=(409, *errors))


def replaces(path: str, *, scope: Scope, errors: Sequence[int] = (), takes_key: bool = False) -> Decorator:
    """`PUT`, 200: the whole is replaced."""
    return _declare(put, path, scope=scope, status=200, errors=(409, *errors), takes_key=takes_key)


def removes(path: str, *, scope: Scope, errors: Sequence[int] = ()) -> Decorator:
    """`DELETE`, 204."""
    return _declare(delete, path, scope=scope, status=204, errors=(409, *errors))


def _declare(
    method: Callable[..., Any],
    path: str,
    *,
    scope: Scope,
    status: int,
    errors: Sequence[int],
    takes_key: bool = False,
) -> Decorator:
    in_path = frozenset(part[1:-1].partition(":")[0] for part in path.split("/") if part.startswith("{"))

    def decorate(function: Handler) -> HTTPRouteHandler:
        hints = cast("dict[str, object]", function.__annotations__)
        signature = inspect.signature(function).parameters
        operation = Operation(
            scope=scope,
            status=status,
            errors=tuple(sorted({*errors, *((404,) if in_path else ())})),
            takes_key=takes_key,
            query={
                name: (kind, cast("object", signature[name].default))
                for name, kind in hints.items()
                if name not in in_path and name not in {"data", "call", "return"}
            },
            body=hints.get("data"),
            answer=hints.get("return"),
        )
        function.__annotations__ = {name: _marked(name, kind, in_path) for name, kind in hints.items()}
        declared = cast("Decorator", method(path, status_code=status, opt={"operation": operation}))
        return declared(function)

    return decorate


def _marked(name: str, kind: object, in_path: frozenset[str]) -> object:
    """The framework wants each parameter marked with where it comes from; the declaration knows, so handlers need not."""
    if name == "return":
        return kind
    if name == "data":
        return JSONBody[kind]  # type: ignore[valid-type] # made at run time, for the framework to read
    if name == "call":
        return NamedDependency[kind]  # type: ignore[valid-type] # as above
    return FromPath[kind] if name in in_path else FromQuery[kind]  # type: ignore[valid-type] # as above
