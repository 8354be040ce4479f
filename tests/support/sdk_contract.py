"""Holds the Python client against the server's own description.

Calls each method with made-up arguments, looks at what it sends, and answers it with what the description promises.
"""

import inspect
import re
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

import httpx
import jsonschema_rs
import msgspec

from replenish.api import openapi
from replenish.core.settings import Settings
from replenish.main.app import create_app
from replenish_client import Pages, Replenish
from replenish_client._sync.resources.base import Resource

BASE_URL = "http://replenish.test"
AMOUNT = "12.50"
MOMENT = "2026-11-23T10:00:00Z"
DAY = "2026-11-23"
# How the API names amounts and times; the description says "string" for both.
AMOUNTS = re.compile(
    r"(^|_)(amount|balance|credits|remaining|held|owed|debit|price|value|cost|available|moved|returned|forgiven|threshold"
    r"|target|pending|required|limit|spent|unit_amount|balance_after|credits_per_unit|per_unit)$|_amount_(min|max)$|amount_max$"
)
TIMES = re.compile(r"_at$|_until$|^(timestamp|now|test_clock|as_of)$")
# Texts that must look like what they are.
TEXTS = {"code": "GBP", "idempotency_key": "key-1", "wording": "I agree to this."}

Schema = Mapping[str, Any]


def document() -> Schema:
    """The document that `/openapi.json` serves."""
    settings = Settings(database_url="postgresql://nowhere", secret_key="x" * 32, base_url=BASE_URL)
    made = openapi.document(create_app(settings), version="1", base_url=BASE_URL)
    return msgspec.json.decode(msgspec.json.encode(made))


class Operation(msgspec.Struct, frozen=True):
    """One operation of the document."""

    id: str
    method: str
    path: str
    schema: Schema

    def matches(self, method: str, path: str) -> bool:
        return method == self.method and re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", self.path), path) is not None

    @property
    def success(self) -> tuple[int, Schema | None]:
        status = min(int(status) for status in self.schema["responses"])
        content = self.schema["responses"][str(status)].get("content")
        return status, None if content is None else content["application/json"]["schema"]

    @property
    def body(self) -> Schema | None:
        return self.schema.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")

    def parameters(self, place: str) -> set[str]:
        return {entry["name"] for entry in self.schema["parameters"] if entry["in"] == place}


class Contract:
    """The document, with what its schemas mean."""

    def __init__(self, described: Schema) -> None:
        self.components = described["components"]
        self.operations = [
            Operation(id=entry["operationId"], method=method.upper(), path=path, schema=entry)
            for path, methods in described["paths"].items()
            for method, entry in methods.items()
        ]

    def operation(self, method: str, path: str) -> Operation | None:
        found = [each for each in self.operations if each.matches(method, path)]
        # `/usage/batch` before `/usage/{id}`.
        return min(found, key=lambda each: each.path.count("{"), default=None)

    def resolve(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            schema = self.components["schemas"][schema["$ref"].rpartition("/")[2]]
        return schema

    def wrong(self, schema: Schema, body: object) -> list[str]:
        """What a validator says against `body`."""
        validator = jsonschema_rs.validator_for({**schema, "components": self.components})
        return [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(body)]

    def sample(self, schema: Schema, *, full: bool, name: str = "") -> Any:
        """An answer of this schema: with all fields, or with nothing that may be left out or null."""
        schema = self.resolve(schema)
        if "enum" in schema:
            return schema["enum"][0]
        if "anyOf" in schema:
            options = [option for option in schema["anyOf"] if option != {"type": "null"}]
            if len(options) < len(schema["anyOf"]) and not full:
                return None
            return self.sample(options[0], full=full, name=name)
        match schema.get("type"):
            case "object":
                return self._object(schema, full=full)
            case "array":
                return [self.sample(schema["items"], full=full, name=name)]
            case "string" if schema.get("format") == "date":
                return DAY
            case "string":
                return MOMENT if TIMES.search(name) else AMOUNT
            case "integer" | "number":
                return 3
            case "boolean":
                return True
            case _:
                return {"anything": "at all"}

    def _object(self, schema: Schema, *, full: bool) -> dict[str, Any]:
        wanted = schema.get("properties", {})
        made = {
            name: self.sample(each, full=full, name=name)
            for name, each in wanted.items()
            if full or name in schema.get("required", ())
        }
        if isinstance(schema.get("additionalProperties"), dict):
            made["key"] = AMOUNT
        return made


def methods(client: Replenish) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every call of the client with its name: `customers.create`."""
    for name, resource in vars(client).items():
        if isinstance(resource, Resource):
            for verb, method in inspect.getmembers(resource, inspect.ismethod):
                if not verb.startswith("_"):
                    yield f"{name}.{verb}", method


def arguments(method: Callable[..., Any], *, full: bool) -> dict[str, Any]:
    """A value for each parameter, or for those alone that must be given."""
    hints = get_type_hints(method)
    return {
        name: value_of(hints[name], name, full=full)
        for name, parameter in inspect.signature(method).parameters.items()
        if full or parameter.default is parameter.empty
    }


def value_of(kind: Any, name: str, *, full: bool) -> Any:
    """Something that the parameter takes."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is NotRequired:
        return value_of(inner[0], name, full=full)
    if origin is Literal:
        return inner[0]
    if origin in {Union, types.UnionType}:
        return _of_union(inner, name, full=full)
    if is_typeddict(kind):
        hints = get_type_hints(kind, include_extras=True)
        wanted = hints if full else {each: hints[each] for each in kind.__required_keys__}
        return {each: value_of(hint, each, full=full) for each, hint in wanted.items()}
    if origin is not None and issubclass(origin, Mapping):
        return {"key": "value"}
    if origin is not None and issubclass(origin, Sequence):
        return [value_of(inner[0], name, full=full)]
    return {bool: True, int: 3, date: date.fromisoformat(DAY), str: TEXTS.get(name, "abc")}[kind]


def _of_union(inner: Sequence[Any], name: str, *, full: bool) -> Any:
    if date in inner and datetime not in inner:
        return date.fromisoformat(DAY)
    if Decimal in inner:
        return Decimal(AMOUNT)
    if datetime in inner:
        return datetime(2026, 11, 23, 10, tzinfo=UTC)
    said = [kind for kind in inner if kind not in {type(None), msgspec.UnsetType}]
    return value_of(said[0], name, full=full)


def disagreements(sample: Any, value: Any, where: str) -> list[str]:
    """What the answer says and the client's object does not."""
    if isinstance(value, Pages):
        page = value.page()
        return disagreements(sample["data"], page.data, where) + disagreements(
            sample["next_cursor"], page.next_cursor, f"{where}.next_cursor"
        )
    if isinstance(sample, list):
        if not isinstance(value, Sequence) or len(value) != len(sample):
            return [f"{where}: {value!r} for a list"]
        return [each for s, v in zip(sample, value, strict=True) for each in disagreements(s, v, f"{where}[]")]
    if isinstance(sample, dict) and not isinstance(value, Mapping):
        missing = [f"{where}.{name}: not an attribute" for name in sample if not hasattr(value, name)]
        return missing + [
            each
            for name, said in sample.items()
            if hasattr(value, name)
            for each in disagreements(said, getattr(value, name), f"{where}.{name}")
        ]
    return [] if _same(sample, value, where.rpartition(".")[2]) else [f"{where}: {value!r} for {sample!r}"]


def _same(sample: Any, value: Any, name: str) -> bool:
    if isinstance(sample, str) and TIMES.search(name):
        return value == datetime.fromisoformat(sample)
    if sample == DAY:
        return value == date.fromisoformat(DAY)
    if sample == AMOUNT and AMOUNTS.search(name):
        return isinstance(value, Decimal) and value == Decimal(sample)
    if isinstance(value, Decimal):
        return value == Decimal(sample)
    return value == sample


def client_of(handler: Callable[[httpx.Request], httpx.Response], *, retries: int = 0) -> Replenish:
    """A client whose requests go to a function."""
    http_client = httpx.Client(transport=httpx.MockTransport(handler))
    return Replenish("rk_test_x", BASE_URL, retries=retries, http_client=http_client)


class Probe(msgspec.Struct):
    """One call of one method: what it sent, and to which operation."""

    contract: Contract
    full: bool
    operation: Operation | None = None
    request: httpx.Request | None = None
    sample: Any = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.request = request
        self.operation = self.contract.operation(request.method, request.url.path)
        if self.operation is None:
            return httpx.Response(404)
        status, schema = self.operation.success
        if schema is None:
            return httpx.Response(status)
        self.sample = self.contract.sample(schema, full=self.full)
        return httpx.Response(status, json=self.sample)
