"""OpenAPI 3.1, made from the routes themselves: their signatures, docstrings and declared refusals.

Schemas come from msgspec, which also reads the bodies: what the document says is what is accepted.
"""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, cast

import msgspec
from litestar import Litestar
from litestar.routes import HTTPRoute

from replenish.api.v1.routing import ALWAYS, WITH_BODY, Operation
from replenish.api.v1.wire import Body
from replenish.web.errors import MEDIA_TYPE, Problem

_REF: Final = "#/components/schemas/{name}"
_DESCRIPTIONS: Final[Mapping[int, str]] = {
    400: "The body is not JSON.",
    401: "The API key is missing, unknown, revoked or expired.",
    402: "Credits or money are missing; the numbers say how much.",
    403: "The API key lacks the scope that this route needs.",
    404: "No such object in this workspace.",
    409: "It contradicts what already stands, or the Idempotency-Key was used for something else.",
    410: "It was there and has ended.",
    413: "The body is too large.",
    415: "The body is not sent as JSON.",
    422: "A value is wrong; `errors` names each field.",
    429: "Too many requests; `Retry-After` says when to go on.",
    500: "A fault on our side, recorded under the incident id.",
    503: "Busy or restarting; nothing was done. `Retry-After` says when to try again.",
}
_IN_PATH: Final[re.Pattern[str]] = re.compile(r"\{([^}]+)\}")
_REQUEST_KEY: Final[dict[str, object]] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key with the same fields makes one object, however often it is sent. Kept for 30 days.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
}

Schema = dict[str, object]


class _Route(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    method: str
    name: str
    doc: str
    operation: Operation


def document(app: Litestar, *, version: str, base_url: str) -> Schema:
    """The whole document. Routes without an `Operation` (pages, health) are not part of the API."""
    routes = sorted(_routes(app), key=lambda route: (route.path, route.method))
    kinds: list[object] = [Problem]
    for route in routes:
        operation = route.operation
        kinds += [kind for kind in (operation.body, operation.answer) if kind is not None]
        kinds += [kind for kind, _ in operation.query.values()]
    shapes, components = msgspec.json.schema_components(kinds, ref_template=_REF)
    shown = {name: _described(schema) for name, schema in cast("Mapping[str, Schema]", components).items()}
    schemas = {_key(kind): shape for kind, shape in zip(kinds, shapes, strict=True)}
    paths: dict[str, dict[str, Schema]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Replenish API",
            "version": version,
            "description": "Prepaid credits: sell them, meter usage, top up by hand and automatically. Amounts are"
            " decimal strings in whole units, times RFC 3339, errors problem documents (RFC 9457).",
        },
        "servers": [{"url": base_url}],
        "security": [{"apiKey": []}],
        "tags": [{"name": tag} for tag in sorted({_tag(route) for route in routes})],
        "paths": paths,
        "components": {
            "schemas": _problem_is_open(shown),
            "securitySchemes": {
                "apiKey": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key: `rk_live_…` or `rk_test_…`. It belongs to one workspace.",
                }
            },
        },
    }


def _routes(app: Litestar) -> Iterable[_Route]:
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            continue
        for handler in route.route_handlers:
            if "operation" in handler.opt:
                function = cast("Callable[..., object]", handler.fn)
                yield _Route(
                    path=re.sub(r"\{([^:}]+):[^}]*\}", r"{\1}", route.path_format),
                    method=min(handler.http_methods).lower(),
                    name=function.__name__,
                    doc=inspect.getdoc(function) or "",
                    operation=Operation.of(handler),
                )


def _operation(route: _Route, schemas: Mapping[str, Schema]) -> Schema:
    line, _, more = route.doc.partition("\n")
    summary, _, second = line.strip().removesuffix(".").partition(". ")
    rest = f"{second}.\n{more}" if second else more
    made: Schema = {
        "operationId": route.name,
        "tags": [_tag(route)],
        "summary": summary,
        "description": f"{rest.strip()}\n\nScope: `{route.operation.scope}`.".strip(),
        "parameters": _parameters(route, schemas),
        "responses": _responses(route, schemas),
    }
    if route.operation.body is not None:
        made["requestBody"] = {
            "required": True,
            "content": {"application/json": _body(route.operation.body, schemas)},
        }
    return made


def _body(kind: object, schemas: Mapping[str, Schema]) -> Schema:
    shown: Schema = {"schema": schemas[_key(kind)]}
    # One that a page makes up from the schema fills in what contradicts itself, and takes the first of each enum's values.
    if isinstance(kind, type) and issubclass(kind, Body) and kind.EXAMPLE is not None:
        shown["example"] = kind.EXAMPLE
    return shown


def _parameters(route: _Route, schemas: Mapping[str, Schema]) -> Sequence[Schema]:
    found: list[Schema] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in cast("list[str]", _IN_PATH.findall(route.path))
    ]
    for name, (kind, default) in route.operation.query.items():
        schema = _without_null(dict(schemas[_key(kind)]))
        description = schema.pop("description", None)
        if isinstance(default, int | str | bool):
            schema["default"] = default
        required = default is inspect.Parameter.empty
        entry: Schema = {"name": name, "in": "query", "required": required, "schema": schema}
        found.append(entry if description is None else {**entry, "description": description})
    return [*found, _REQUEST_KEY] if route.operation.takes_key else found


def _responses(route: _Route, schemas: Mapping[str, Schema]) -> Schema:
    operation = route.operation
    success: Schema = {"description": "Done." if operation.status != 201 else "Made."}
    if operation.answer is not None:
        success["content"] = {"application/json": {"schema": schemas[_key(operation.answer)]}}
    statuses = {*ALWAYS, *operation.errors, *(WITH_BODY if operation.body is not None else ())}
    problems: dict[str, Schema] = {
        str(status): {
            "description": _DESCRIPTIONS[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": _REF.format(name="Problem")}}},
        }
        for status in sorted(statuses)
    }
    return {str(operation.status): success, **problems}


def _described(component: Schema) -> Schema:
    """Words beside each name, where readers look, and not only in its options.

    A field that may be null is described as what it is otherwise, a tag as the kind that it stands for.
    """
    properties = cast("Mapping[str, Schema]", component.get("properties", {}))
    lifted: dict[str, Schema] = {}
    for name, schema in properties.items():
        is_tag = len(cast("Sequence[object]", schema.get("enum", ()))) == 1
        words = component.get("description") if is_tag else _without_null(schema).get("description")
        lifted[name] = {"description": words, **schema} if words is not None else schema
    return {**component, "properties": lifted} if lifted else component


def _without_null(schema: Schema) -> Schema:
    """A query parameter is left out, never null."""
    options = schema.get("anyOf")
    if not isinstance(options, list):
        return schema
    kept = [option for option in cast("Sequence[Schema]", options) if option != {"type": "null"}]
    if len(kept) != 1:
        return schema
    return {**{name: value for name, value in schema.items() if name != "anyOf"}, **kept[0]}


def _problem_is_open(components: Mapping[str, Schema]) -> Mapping[str, Schema]:
    """Numbers that belong to a problem stand beside its own fields."""
    return {**components, "Problem": {**components["Problem"], "additionalProperties": True}}


def _tag(route: _Route) -> str:
    return route.path.split("/")[2]


def _key(kind: object) -> str:
    """Types are looked up by how they are written: an `Annotated` with a dict in it has no hash."""
    return repr(kind)
