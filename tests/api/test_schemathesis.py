"""Schemathesis drives our own document: no 5xx, no status, type or shape that the document does not know."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from support.api_shop import Shop
from support.live import live, stocked_shop

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 12


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_every_route_keeps_what_the_document_says(database_url: str, mode: GenerationMode) -> None:
    shop = stocked_shop(database_url)
    with live(database_url) as base_url:
        schema = schemathesis.openapi.from_url(f"{base_url}/openapi.json")
        schema.config.generation.update(modes=[mode])
        seen = 0
        for result in schema.get_all_operations():
            operation = result.ok()
            own = shop.made.get(operation.path.split("/")[2], {}).get("id", "x")
            seen += _drive(operation, mode, own=str(own), shop=shop)
        assert seen > 30 * EXAMPLES / 2


def _drive(operation: Any, mode: GenerationMode, *, own: str, shop: Shop) -> int:
    """Ask one route up to EXAMPLES times, about half of them about objects that are there."""
    asked = 0

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), real=st.booleans())
    def ask(case: Any, real: bool) -> None:
        nonlocal asked
        asked += 1
        if real:
            case.path_parameters = {**dict.fromkeys(case.path_parameters or {}, own), "currency_key": shop.credits}
            if isinstance(case.body, dict):
                case.body.update({name: value for name, value in shop.references().items() if name in case.body})
        # Who asks is tested elsewhere; a made-up key would only ever be answered with 401.
        case.headers = {name: value for name, value in (case.headers or {}).items() if name.lower() != "authorization"}
        case.call_and_validate(checks=CHECKS, headers={"Authorization": f"Bearer {shop.key}"})

    ask()
    return asked
