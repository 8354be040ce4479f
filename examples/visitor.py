"""A customer with a browser that has JavaScript off: opens pages, fills forms, presses buttons, follows links."""

from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx
import msgspec


class Form(msgspec.Struct):
    """A form as the page shows it. `buttons` are the words on its buttons."""

    action: str
    method: str
    fields: dict[str, str]
    choices: dict[str, list[str]]
    buttons: list[str]
    named_buttons: dict[str, tuple[str, str]]
    name: str = ""

    def add_button(self, words: str, given: dict[str, str]) -> None:
        self.buttons.append(words)
        if given.get("name"):
            self.named_buttons[words] = (given["name"], given.get("value", ""))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[tuple[str, str]] = []
        self.text: list[str] = []
        self._form: Form | None = None
        self._words: list[str] | None = None
        self._link: str | None = None
        self._button: dict[str, str] | None = None
        self._select = ""
        self._area = ""
        self._hidden = 0
        # Buttons that stand elsewhere and name their form, which may come later on the page.
        self._elsewhere: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in {"script", "style"}:
            self._hidden += 1
        elif tag == "form":
            method = given.get("method", "get").lower()
            self._form = Form(given.get("action", ""), method, {}, {}, [], {}, given.get("id", ""))
            self.forms.append(self._form)
        elif tag == "a":
            self._link, self._words = given.get("href"), []
        elif tag == "button":
            self._button, self._words = given, []
        elif self._form is not None:
            self._field(tag, given)

    def _field(self, tag: str, given: dict[str, str]) -> None:
        form, name = self._form, given.get("name", "")
        if form is None:
            return
        if tag == "input" and given.get("type") == "submit":
            form.buttons.append(given.get("value", ""))
        elif tag == "input" and given.get("type") in {"checkbox", "radio"}:
            form.choices.setdefault(name, []).append(given.get("value", "on"))
            if "checked" in given:
                form.fields[name] = given.get("value", "on")
        elif tag == "input" and name:
            form.fields[name] = given.get("value", "")
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select:
            value = given.get("value", "")
            form.choices.setdefault(self._select, []).append(value)
            if "selected" in given or self._select not in form.fields:
                form.fields[self._select] = value
        elif tag == "textarea":
            self._area = name
            form.fields[name] = ""

    def handle_data(self, data: str) -> None:
        if self._hidden:
            return
        self.text.append(data)
        if self._words is not None:
            self._words.append(data)
        if self._area and self._form is not None:
            self._form.fields[self._area] += data

    def handle_endtag(self, tag: str) -> None:
        if tag in {"script", "style"}:
            self._hidden -= 1
        elif tag == "form":
            self._form = None
        elif tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._area = ""
        elif tag == "a" and self._link is not None:
            self.links.append((" ".join("".join(self._words or []).split()), self._link))
            self._link, self._words = None, None
        elif tag == "button" and self._button is not None:
            words = " ".join("".join(self._words or []).split())
            if self._button.get("form"):
                self._elsewhere.append((words, self._button))
            elif self._form is not None:
                self._form.add_button(words, self._button)
            self._button, self._words = None, None

    def finish(self) -> None:
        for words, given in self._elsewhere:
            for form in self.forms:
                if form.name == given["form"]:
                    form.add_button(words, given)


class Visitor:
    """Holds the page it is on. Every step asserts that it could be done by what the page shows."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.url = ""
        self.status = 0
        self.page = _Reader()

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.page.text).split())

    async def open(self, url: str) -> None:
        self._take(await self.http.get(urljoin(self.url, url), follow_redirects=True))

    async def press(self, button: str, **fields: str) -> None:
        """Fill the form that has this button and press it. A field that the form does not have fails the test."""
        form = next((form for form in self.page.forms if button in form.buttons), None)
        assert form is not None, (button, [form.buttons for form in self.page.forms], self.text)
        unknown = fields.keys() - form.fields.keys() - form.choices.keys()
        assert not unknown, (unknown, form)
        sent = form.fields | fields
        if button in form.named_buttons:
            name, value = form.named_buttons[button]
            sent[name] = value
        target = urljoin(self.url, form.action or self.url)
        if form.method == "get":
            self._take(await self.http.get(target, params=sent, follow_redirects=True))
        else:
            self._take(await self.http.post(target, data=sent, follow_redirects=True))

    async def follow(self, words: str) -> None:
        link = next((href for text, href in self.page.links if words in text), None)
        assert link is not None, (words, self.page.links, self.text)
        await self.open(link)

    def _take(self, answer: httpx.Response) -> None:
        self.url, self.status = str(answer.url), answer.status_code
        self.page = _Reader()
        self.page.feed(answer.text)
        self.page.finish()
        assert answer.status_code < 400, (self.url, self.status, self.text)
