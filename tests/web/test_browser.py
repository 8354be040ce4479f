"""The shell in Chromium: nothing refused by the policy, nothing asked of anybody else, and everything without scripts, too."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from support.chromium import launch_chromium

# Every text against what lies behind it, by WCAG's formula; what is too faint, by its class. Colours are worked out on a canvas.
FAINT = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const read = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3]));
  const light = (colour) => {
    const [r, g, b] = colour.map((v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const faint = {};
  for (const element of document.querySelectorAll("body *")) {
    const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!hasText || !element.getClientRects().length) continue;
    const chain = [];
    for (let at = element; at; at = at.parentElement) chain.unshift(read(getComputedStyle(at).backgroundColor));
    const back = chain.reduce((below, top) => over(top, below), [255, 255, 255]);
    const [a, b] = [light(over(read(getComputedStyle(element).color), back)), light(back)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) faint[element.className || element.tagName] = [element.textContent.trim(), ratio];
  }
  return faint;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launch_chromium(playwright)
        yield browser
        browser.close()


class Watched:
    """A page, and what it complained about or asked for."""

    def __init__(self, context: BrowserContext, site: str) -> None:
        self.page: Page = context.new_page()
        self.site = site
        self.complaints: list[str] = []
        self.elsewhere: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self._note(request.url))

    def _note(self, url: str) -> None:
        if not url.startswith((f"{self.site}/", "data:")):
            self.elsewhere.append(url)

    def clean(self) -> None:
        assert not self.complaints
        assert not self.elsewhere


@pytest.fixture
def watched(browser: Browser, site: str) -> Iterator[Watched]:
    context = browser.new_context(base_url=site, viewport={"width": 1200, "height": 900})
    yield Watched(context, site)
    context.close()


@pytest.mark.parametrize("path", ["/portal", "/portal/buy", "/portal/keys"])
@pytest.mark.parametrize("width", [360, 768, 1400])
def test_law_17_pages_load_clean_and_fit(watched: Watched, path: str, width: int) -> None:
    watched.page.set_viewport_size({"width": width, "height": 800})
    watched.page.goto(path, wait_until="networkidle")
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= width
    watched.clean()


@pytest.mark.parametrize(
    "injected",
    [
        "<p style='color: red'>a style</p>",
        "<img src='https://evil.example/pixel.gif'>",
        "<img src='/nothing' onerror='document.title = 1'>",
        "<iframe src='https://evil.example/'></iframe>",
        "<iframe srcdoc='<script>parent.document.title = 1</script>'></iframe>",
    ],
)
def test_law_17_the_policy_bites(watched: Watched, injected: str) -> None:
    """What slips through escaping does nothing, and is noticed (so the pages above are really clean)."""
    page = watched.page
    page.goto("/portal")
    title = page.title()
    with page.expect_console_message(lambda message: "Content Security Policy" in message.text):
        page.evaluate("html => document.body.insertAdjacentHTML('beforeend', html)", injected)
    assert page.title() == title


def test_law_17_the_api_reference_needs_nobody_else(watched: Watched) -> None:
    watched.page.goto("/reference")
    expect(watched.page.get_by_role("heading", name="Shop")).to_be_visible()
    watched.page.locator("#operations-tag-default").click()
    watched.page.locator(".opblock-summary", has_text="/v1/things").click()
    watched.page.get_by_role("button", name="Try it out").click()
    watched.page.get_by_role("button", name="Execute").click()
    expect(watched.page.get_by_text("hello").first).to_be_visible()
    watched.clean()


def test_the_chart_is_drawn_and_its_table_stays(watched: Watched) -> None:
    watched.page.goto("/portal")
    expect(watched.page.locator("figure canvas")).to_be_visible()
    painted = watched.page.evaluate(
        "() => { const c = document.querySelector('figure canvas');"
        " return new Set(new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer)).size }"
    )
    assert painted > 10, "a canvas that was drawn on has many colours"
    watched.page.get_by_text("As a table").click()
    assert watched.page.locator("figure tbody tr").count() == 30
    watched.clean()


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "UTC", "Pacific/Auckland"])
def test_the_charts_days_are_those_of_its_table(browser: Browser, site: str, zone: str) -> None:
    context = browser.new_context(base_url=site, viewport={"width": 1200, "height": 900}, timezone_id=zone)
    context.add_init_script(
        "window.written = []; const fill = CanvasRenderingContext2D.prototype.fillText;"
        " CanvasRenderingContext2D.prototype.fillText = function (text, ...rest)"
        " { window.written.push(text); return fill.call(this, text, ...rest); }"
    )
    page = context.new_page()
    page.goto("/portal")
    expect(page.locator("figure canvas")).to_be_visible()
    page.wait_for_function("window.written.length > 5")
    written = set(page.evaluate("window.written"))
    page.get_by_text("As a table").click()
    days = [day.partition(",")[0] for day in page.locator("figure tbody time").all_inner_texts()]
    assert days[-1] in written
    assert {text for text in written if not text[0].isdigit()} <= set(days)
    context.close()


def test_htmx_swaps_the_part_with_the_token_in_a_header(watched: Watched) -> None:
    watched.page.goto("/portal/keys")
    watched.page.get_by_role("button", name="Count").click()
    expect(watched.page.locator("#count")).not_to_have_text("0")
    watched.clean()


def test_alpine_shows_what_needs_a_script(watched: Watched) -> None:
    watched.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    watched.page.goto("/portal/keys")
    watched.page.get_by_role("button", name="Copy").click()
    expect(watched.page.get_by_text("Copied")).to_be_visible()
    assert watched.page.evaluate("navigator.clipboard.readText()") == "rk_test_6f0c2d"
    watched.clean()


def test_a_message_can_be_dismissed(watched: Watched) -> None:
    page = watched.page
    page.goto("/portal/buy")
    page.get_by_label("Name on card").fill("Ann")
    page.get_by_role("button", name="Pay $10.00").click()
    message = page.get_by_text("Thank you, Ann.")
    expect(message).to_be_visible()
    page.get_by_role("button", name="Dismiss").click()
    expect(message).to_be_hidden()
    watched.clean()


def test_a_form_is_sent_once_however_often_it_is_clicked(watched: Watched) -> None:
    page = watched.page
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    page.goto("/portal/buy")
    page.get_by_label("Name on card").fill("Ann")
    page.evaluate("const f = document.querySelector('form'); f.requestSubmit(); f.requestSubmit(); f.requestSubmit()")
    expect(page.get_by_text("Thank you, Ann.")).to_be_visible()
    assert len(posts) == 1
    watched.clean()


def test_leaving_to_a_provider_passes_the_policy(watched: Watched) -> None:
    page = watched.page
    page.context.route("https://pay.example/**", lambda route: route.fulfill(body="<h1>The provider's page</h1>"))
    page.goto("/portal/buy")
    page.get_by_label("Name on card").fill("stripe")
    page.get_by_role("button", name="Pay $10.00").click()
    page.wait_for_url("https://pay.example/c/session_1?x=1&y=2")
    assert not watched.complaints
    assert watched.elsewhere == ["https://pay.example/c/session_1?x=1&y=2"]


def test_everything_works_without_scripts(browser: Browser, site: str) -> None:
    context = browser.new_context(base_url=site, java_script_enabled=False, viewport={"width": 360, "height": 740})
    page = context.new_page()
    page.goto("/portal/buy")
    page.get_by_label("Name on card").fill("Ann")
    page.get_by_role("button", name="Pay $10.00").click()
    expect(page.get_by_text("Thank you, Ann.")).to_be_visible()
    expect(page.get_by_role("button", name="Dismiss")).to_be_hidden()
    page.get_by_text("As a table").click()
    expect(page.locator("figure tbody tr").first).to_be_visible()
    page.goto("/portal/keys")
    page.get_by_text("Menu", exact=True).click()
    expect(page.get_by_role("link", name="Campaigns")).to_be_visible()
    context.close()


def test_the_keyboard_reaches_the_content_first(watched: Watched) -> None:
    page = watched.page
    page.goto("/portal")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


@pytest.mark.parametrize(("scheme", "is_dark"), [("light", False), ("dark", True)])
def test_the_readers_own_theme(browser: Browser, site: str, scheme: str, is_dark: bool) -> None:
    context = browser.new_context(base_url=site, color_scheme=scheme)  # pyright: ignore[reportArgumentType] # one of its literals, by the table
    page = context.new_page()
    page.goto("/portal")
    shade = page.evaluate(
        "() => { const c = document.createElement('canvas').getContext('2d');"
        " c.fillStyle = getComputedStyle(document.body).backgroundColor; c.fillRect(0, 0, 1, 1);"
        " return c.getImageData(0, 0, 1, 1).data[0] }"
    )
    assert (shade < 80) == is_dark
    context.close()


@pytest.mark.parametrize("path", ["/portal", "/portal/buy", "/portal/keys", "/portal/fail/410"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_can_be_read(browser: Browser, site: str, scheme: str, path: str) -> None:
    context = browser.new_context(base_url=site, color_scheme=scheme)  # pyright: ignore[reportArgumentType] # one of its literals, by the table
    page = context.new_page()
    page.goto(path)
    assert page.evaluate(FAINT) == {}
    context.close()
