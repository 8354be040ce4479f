"""Driving every route of the API by its own document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Route:
    """One operation of the document."""

    method: str
    path: str
    operation: Mapping[str, Any]
    document: Mapping[str, Any]

    @property
    def resource(self) -> str:
        return self.path.split("/")[2]

    @property
    def in_path(self) -> list[str]:
        return [entry["name"] for entry in self.operation["parameters"] if entry["in"] == "path"]

    @property
    def takes_key(self) -> bool:
        return any(entry["name"] == "Idempotency-Key" for entry in self.operation["parameters"])

    @property
    def body_schema(self) -> Mapping[str, Any] | None:
        if "requestBody" not in self.operation:
            return None
        return resolve(self.operation["requestBody"]["content"]["application/json"]["schema"], self.document)

    def body(self) -> Any:
        """The smallest body that the document allows, or None when the route takes none."""
        return None if self.body_schema is None else smallest(self.body_schema, self.document)

    def filled(self, value: str, **others: str) -> str:
        """The path with its parameters filled in: `others` by name, the rest with `value`."""
        path = self.path
        for name in self.in_path:
            path = path.replace(f"{{{name}}}", others.get(name, value))
        return path

    def needs(self, value: str) -> str:
        """The query that the route cannot do without."""
        names = [
            entry["name"] for entry in self.operation["parameters"] if entry["in"] == "query" and entry["required"]
        ]
        return "&".join(f"{name}={value}" for name in names)

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.path}"


def routes(document: Mapping[str, Any]) -> Iterator[Route]:
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                yield Route(method, path, methods[method], document)


def resolve(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


TIMES = {"date-time": "2030-01-01T00:00:00Z", "date": "2030-01-01"}


def smallest(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Any:
    """The smallest value that a schema allows."""
    schema = resolve(schema, document)
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return smallest(schema[word][0], document)
    if "examples" in schema:
        return schema["examples"][0]
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            needed = schema.get("required", [])
            return {name: smallest(schema["properties"][name], document) for name in needed}
        case "array":
            return [smallest(schema["items"], document)] * schema.get("minItems", 0)
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case _:
            if schema.get("format") in TIMES:
                return TIMES[schema["format"]]
            return "x" * max(1, schema.get("minLength", 1))
