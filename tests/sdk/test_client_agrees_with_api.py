"""The client and the API describe the same thing; fails when the API grows without the client.

Every operation has a method, every field of an answer an attribute of its type, every field of a request a parameter.
"""

import inspect
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_type_hints

import httpx
import pytest
from msgspec import json

from replenish_client import Pages
from support.sdk_contract import Contract, Probe, arguments, client_of, disagreements, document, methods

CONTRACT = Contract(document())
METHODS = dict(methods(client_of(lambda _: httpx.Response(404))))
NAMES = list(METHODS)
ROOT = Path(__file__).parents[2]


def probe(name: str, *, full: bool) -> tuple[Probe, Any, list[str], dict[str, Any]]:
    """Call a method; returns what it sent, what it answered, and what of the answer it lost."""
    found = Probe(CONTRACT, full)
    method = dict(methods(client_of(found)))[name]
    given = arguments(method, full=full)
    answer = method(**given)
    # A list asks when it is read, with the filters that it was given.
    lost = disagreements(found.sample, answer, name) if not isinstance(answer, Pages) else []
    if isinstance(answer, Pages):
        page = answer.page()
        lost = disagreements(found.sample["data"], page.data, name)
        assert page.next_cursor == found.sample["next_cursor"]
    elif isinstance(answer, list | tuple):
        lost = disagreements(found.sample["data"], answer, name)
    return found, answer, lost, given


def test_every_operation_has_a_method():
    reached = {operation.id for name in NAMES if (operation := probe(name, full=True)[0].operation) is not None}
    assert {operation.id for operation in CONTRACT.operations} == reached


@pytest.mark.parametrize("full", [True, False], ids=["all", "least"])
@pytest.mark.parametrize("name", NAMES)
def test_answers_become_typed_attributes(name, full):
    found, answer, lost, _ = probe(name, full=full)
    assert lost == []
    assert (answer is None) == (found.sample is None)


@pytest.mark.parametrize("full", [True, False], ids=["all", "least"])
@pytest.mark.parametrize("name", NAMES)
def test_requests_are_what_the_api_takes(name, full):
    found, _, _, given = probe(name, full=full)
    assert found.operation is not None
    assert found.request is not None
    body = found.operation.body
    if body is None:
        assert found.request.content == b""
    else:
        sent = json.decode(found.request.content)
        assert CONTRACT.wrong(body, sent) == []
        if full:
            assert unsent(body, sent) == []
    if full:
        assert set(found.request.url.params) == found.operation.parameters("query")
        by_header = "Idempotency-Key" in found.operation.parameters("header")
        by_body = "idempotency_key" in CONTRACT.resolve(body or {}).get("properties", {})
        # Never both: of two keys the caller could not know which one counts.
        assert (by_header or by_body) == ("idempotency_key" in given)
        assert not (by_header and by_body)
        if by_header:
            assert found.request.headers["Idempotency-Key"] == "key-1"
        if by_body:
            assert json.decode(found.request.content)["idempotency_key"] == given["idempotency_key"]
    assert ("Idempotency-Key" in found.request.headers) == (found.request.method in {"POST", "PUT"})


def unsent(schema: Mapping[str, Any], sent: Any, where: str = "body") -> list[str]:
    """The fields that the API takes and no parameter gives."""
    schema = CONTRACT.resolve(schema)
    for option in schema.get("anyOf", ()):
        if option != {"type": "null"}:
            return unsent(option, sent, where)
    if schema.get("type") == "array":
        return unsent(schema["items"], sent[0], f"{where}[]")
    missing: list[str] = []
    for name, each in schema.get("properties", {}).items():
        missing += unsent(each, sent[name], f"{where}.{name}") if name in sent else [f"{where}.{name}"]
    return missing


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(".update")])
def test_what_the_api_lets_be_cleared_takes_none(name):
    found, _, _, given = probe(name, full=True)
    assert found.operation is not None
    properties = CONTRACT.resolve(found.operation.body or {})["properties"]
    clearable = {field for field, schema in properties.items() if {"type": "null"} in schema.get("anyOf", ())}
    hints = get_type_hints(METHODS[name])
    assert {field for field in given if field in properties and NoneType in get_args(hints[field])} == clearable


@pytest.mark.parametrize("name", NAMES)
def test_every_method_says_what_it_does(name):
    assert (inspect.getdoc(METHODS[name]) or "").partition("\n")[0].rstrip().endswith(".")


def test_the_synchronous_client_is_made_from_the_asynchronous_one():
    made = subprocess.run(
        [sys.executable, ROOT / "scripts/make_sync_client.py", "--check"], capture_output=True, text=True, check=False
    )
    assert (made.returncode, made.stdout) == (0, ""), "run: uv run python scripts/make_sync_client.py"
