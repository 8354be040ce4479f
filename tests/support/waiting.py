"""Waiting for what other processes do, without asserting how long it takes."""

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], object], *, what: str = "it", seconds: float = 60) -> None:
    """Ask again and again until the answer is true. Raises AssertionError that names what never came true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {seconds:g} s")
        time.sleep(0.02)
