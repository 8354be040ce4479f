"""Each example runs against `replenish dev`, as its first lines say, and the books are right afterwards."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.dev import Dev, free_port

pytestmark = pytest.mark.timeout(240)
EXAMPLES = Path(__file__).parents[2] / "examples"
KEY = "rk_test_" + "e" * 43


@pytest.fixture
def dev() -> Iterator[Dev]:
    # Short, and passable for the account that PostgreSQL runs under when the tests run as root.
    place = Path(tempfile.mkdtemp(prefix="rp-"))
    place.chmod(0o711)
    started = Dev(place / "home", port=free_port(), variables={"REPLENISH_DEV_API_KEY": KEY})
    yield started.wait()
    started.process.terminate()
    started.process.wait(timeout=60)
    shutil.rmtree(place, ignore_errors=True)


def run(dev: Dev, example: str, **variables: str) -> list[str]:
    """The lines that it printed."""
    own = {"REPLENISH_API_KEY": KEY, "REPLENISH_BASE_URL": f"http://127.0.0.1:{dev.port}"}
    done = subprocess.run(
        [sys.executable, EXAMPLES / example],
        env=os.environ | own | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def books_are_right(dev: Dev) -> None:
    verdict = subprocess.run(
        [sys.executable, "-m", "replenish.main.cli", "verify"],
        env=os.environ | {"REPLENISH_HOME": str(dev.home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr


def test_first_credits(dev: Dev) -> None:
    lines = run(dev, "first_credits.py")
    assert "Used 150001: 49999 left, then 249999" in lines
    assert "Used 220000: 29999 left, then 229999" in lines
    assert any(line.startswith("  refused: Monthly cap of 20 USDC reached") for line in lines)
    assert lines[-1].startswith("402: 30000 required, 29999 there.")
    books_are_right(dev)


def test_ai_credits(dev: Dev) -> None:
    lines = run(dev, "ai_credits.py")
    assert lines[0] == "Monthly allowance: 1000 credits, and 1000 more each month"
    assert "Reserved 60, 940 to spend meanwhile" in lines
    assert "The answer had 412 tokens and took 24.72, 975.28 left" in lines
    assert "  tiny: recorded, 4 credits" in lines
    assert "  unheard-of: refused, match no entry of this meter's rate card, which looks at kind, model" in lines
    assert "May Ann use 6000 more? False: 90 are required" in lines
    assert any(
        line.startswith("409: The budget '100 a day for each user' allows 100 credits for user 'ann'") for line in lines
    )
    assert "5000 fit: 75 credits, 888.28 left" in lines
    assert lines[-1].endswith(": 5 events took 111.72 credits")
    books_are_right(dev)


def test_second_guide(dev: Dev) -> None:
    link = re.search(r"http://\S+/admin/enter/\S+", dev.said)
    assert link is not None
    lines = run(dev, "second_guide.py", REPLENISH_ADMIN_LINK=link[0])
    assert lines[-3:] == [
        "POST /buyer-addon/usage : balance 500",
        "POST /buyer-addon/usage/add -15: balance 485",
        "POST /buyer-addon/usage/add 20: balance 505",
    ]
    books_are_right(dev)
