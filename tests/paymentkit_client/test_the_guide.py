"""The credit top-up guide, word for word: its two snippets through the client that it is written for."""

from __future__ import annotations

import re

import pytest

from .conftest import Serving

pytestmark = pytest.mark.timeout(600)  # the first run installs the client


def test_both_snippets_run_as_they_are_printed(serving: Serving) -> None:
    first = serving.run("guide-step1.mjs")
    assert re.fullmatch(r"Created top-up product prod_\w+ with price price_\w+\n", first.stdout), first
    assert first.stderr == ""
    second = serving.run("guide-step2.mjs")
    assert re.fullmatch(r"Recharge config updated successfully for: pc_\w+\n", second.stdout), second
    assert second.stderr == ""


def test_both_snippets_run_in_test_mode(serving: Serving) -> None:
    assert serving.run("guide-step1.mjs", PAYMENT_TEST_MODE="true").stdout.startswith("Created top-up product")
    assert serving.run("guide-step2.mjs", PAYMENT_TEST_MODE="true").stdout.startswith("Recharge config updated")


def test_a_client_that_is_not_registered_is_told_so(serving: Serving) -> None:
    stranger = "0x" + "47" * 32
    done = serving.run("guide-step2.mjs", PK_APP_SK=stranger)
    assert "Error updating recharge config: Request failed with status code 401" in done.stderr


def test_running_the_first_step_twice_within_seconds_makes_one_product(serving: Serving) -> None:
    """Law 7: the client cannot say that it repeats itself; the same request within 15 seconds is the same one."""
    first, second = serving.run("guide-step1.mjs"), serving.run("guide-step1.mjs")
    assert first.stdout == second.stdout
