"""A page that is watched while a test goes through it: what it says to the console, whom it asks, whether it fits."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Page
from tests.browser.conftest import Site

# Set to a folder to look at the pages.
PICTURES = os.environ.get("REPLENISH_TEST_PICTURES")


# Words of a folded row that lie over those of another cell of it.
_OVERLAPS: Final = """[...document.querySelectorAll('.folding tbody tr')].flatMap(row => {
  const inked = [...row.cells].map(cell => {
    const range = document.createRange();
    range.selectNodeContents(cell);
    return [cell, [...range.getClientRects()].filter(one => one.width > 0)];
  });
  return inked.flatMap(([cell, mine], at) => inked.slice(at + 1).flatMap(([other, theirs]) =>
    mine.some(a => theirs.some(b =>
      a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1))
      ? [cell.innerText + ' / ' + other.innerText] : []));
})"""


class Watched:
    """A page, what it complained about, and what it asked of anybody else."""

    def __init__(self, page: Page, site: Site, name: str) -> None:
        self.page, self.name = page, name
        self.complaints: list[str] = []
        self.elsewhere: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._note(request.url, site.url))

    def _note(self, url: str, home: str) -> None:
        if not url.startswith((f"{home}/", "data:")):
            self.elsewhere.append(url)

    def look(self, what: str) -> None:
        """It fits the screen, is clean, and can be kept as a picture."""
        width = self.page.viewport_size["width"] if self.page.viewport_size else 0
        if PICTURES:
            self.page.screenshot(path=Path(PICTURES) / f"{what}-{self.name}.png", full_page=True, caret="initial")
        assert self.page.evaluate("document.documentElement.scrollWidth") <= width, what
        # A table that must be pushed aside hides its amounts where nobody looks for them.
        cut = "[...document.querySelectorAll('.table-wrap')].filter(one => one.scrollWidth > one.clientWidth).length"
        assert self.page.evaluate(cut) == 0, what
        assert self.page.evaluate(_OVERLAPS) == [], what
        assert self.complaints == [], what
        assert self.elsewhere == [], what


SCREENS: Final = ("desktop", "phone", "phone without scripts")


@contextmanager
def watching(browser: Browser, site: Site, screen: str) -> Generator[Watched]:
    phone = screen != "desktop"
    context = browser.new_context(
        base_url=site.url,
        viewport={"width": 360, "height": 740} if phone else {"width": 1200, "height": 900},
        java_script_enabled="without" not in screen,
    )
    yield Watched(context.new_page(), site, screen.replace(" ", "-"))
    context.close()


def type_card(page: Page, number: str) -> None:
    page.get_by_label("Card number").fill(number)
    page.get_by_label("Expires").fill("12/70")
    page.get_by_label("Security code").fill("123")
    page.get_by_role("button", name="Pay").or_(page.get_by_role("button", name="Save")).first.click()
