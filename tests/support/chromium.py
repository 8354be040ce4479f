"""A browser for the tests that need one."""

import os
import shutil

import pytest
from playwright.sync_api import Browser, Error, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
# Nothing of its own on the network, so that what a test sees is what our pages asked for.
QUIET = (
    *("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)


def launch_chromium(playwright: Playwright) -> Browser:
    """The machine's Chromium, else Playwright's own. Without either: a visible skip, and a failure where CI is set."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    try:
        # Root has no sandbox to offer.
        return playwright.chromium.launch(executable_path=found, args=["--no-sandbox", *QUIET])
    except Error as error:
        if found is not None or "Executable doesn't exist" not in error.message:
            raise
        missing = "Chromium is not here: apt-get install chromium, or .venv/bin/playwright install chromium"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
