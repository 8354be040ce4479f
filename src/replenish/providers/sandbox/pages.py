"""The sandbox's hosted pages: pay by card, authenticate, save a card. Plain forms that work without a script.

The unguessable token in the address is the only key to a page, and forms post to that address: there is no cookie that
another site could make a browser send along. Whoever has paid leaves by a page of ours that forwards, not by the answer to a
form: browsers stop a form whose redirect leaves the site.
"""

from pathlib import Path
from typing import Annotated, Final

import msgspec
from babel.numbers import get_currency_precision
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Response, Router, get, post
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromPath
from litestar.response import Redirect

from replenish.core.clock import utc_now
from replenish.core.money import plain
from replenish.providers.sandbox.bank import Bank, PageFound
from replenish.providers.sandbox.cards import CARDS, DECLINES, FieldErrors, read_card
from replenish.providers.sandbox.store import Intent, Setup

_FOLDER: Final = Path(__file__).parent / "templates"
_FORM_BYTES_MAX: Final = 10_000
_UNREACHED: Final = "The bank did not answer, and nothing was charged. Please try again."


class CardForm(msgspec.Struct, frozen=True):
    number: str = ""
    expires: str = ""
    cvc: str = ""


class AuthenticationForm(msgspec.Struct, frozen=True):
    answer: str = ""


UrlEncodedCard = Annotated[CardForm, Body(media_type=RequestEncodingType.URL_ENCODED)]
UrlEncodedAnswer = Annotated[AuthenticationForm, Body(media_type=RequestEncodingType.URL_ENCODED)]


def routes(bank: Bank) -> Router:
    """The pages, mounted at `/providers/sandbox`."""
    pages = _Pages(bank)

    @get("/style.css", media_type=MediaType.CSS, sync_to_thread=False)
    def style() -> Response[str]:
        return Response(
            (_FOLDER / "style.css").read_text(), media_type=MediaType.CSS, headers={"cache-control": "max-age=3600"}
        )

    @get("/{token:str}", media_type=MediaType.HTML)
    async def show(token: FromPath[str]) -> Response[str]:
        return await pages.show(token)

    @post("/{token:str}", media_type=MediaType.HTML, status_code=200)
    async def send_card(token: FromPath[str], data: UrlEncodedCard) -> Response[str] | Redirect:
        return await pages.send_card(token, data)

    @post("/{token:str}/authentication", media_type=MediaType.HTML, status_code=200)
    async def authenticate(token: FromPath[str], data: UrlEncodedAnswer) -> Response[str] | Redirect:
        return await pages.authenticate(token, data)

    return Router(
        "/providers/sandbox",
        route_handlers=[style, show, send_card, authenticate],
        request_max_body_size=_FORM_BYTES_MAX,
        include_in_schema=False,
    )


class _Pages:
    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._templates = Environment(
            loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )

    async def show(self, token: str) -> Response[str]:
        found = await self._bank.page(token)
        if found is None:
            return self._render("gone.html", status=404)
        return self._page(found)

    async def send_card(self, token: str, form: CardForm) -> Response[str] | Redirect:
        found = await self._bank.page(token)
        if found is None:
            return self._render("gone.html", status=404)
        card = read_card(number=form.number, expires=form.expires, cvc=form.cvc, now=utc_now())
        if isinstance(card, FieldErrors):
            return self._page(found, errors=card.fields, form=form, status=422)
        if found.setup is not None:
            await self._bank.save_card(token=token, card=card)
        else:
            _, reached = await self._bank.pay_page(token=token, card=card)
            if not reached:
                return self._page(found, problem=_UNREACHED, form=form, status=503)
        return _back_to(token)

    async def authenticate(self, token: str, form: AuthenticationForm) -> Response[str] | Redirect:
        found = await self._bank.page(token)
        if found is None or found.intent is None:
            return self._render("gone.html", status=404)
        if form.answer not in {"approve", "decline"}:
            return self._page(found, problem="Please approve or decline.", status=422)
        await self._bank.authenticate(token=token, approved=form.answer == "approve")
        return _back_to(token)

    def _page(
        self,
        found: PageFound,
        *,
        errors: dict[str, str] | None = None,
        problem: str = "",
        form: CardForm | None = None,
        status: int = 200,
    ) -> Response[str]:
        form_values: dict[str, object] = {
            "errors": errors or {},
            "problem": problem,
            "form": form or CardForm(),
            "cards": CARDS,
        }
        if found.setup is not None:
            return self._setup_page(found.setup, form_values, status=status)
        if found.intent is not None:
            return self._payment_page(found.intent, form_values, status=status)
        return self._render("gone.html", status=404)

    def _payment_page(self, intent: Intent, form_values: dict[str, object], *, status: int) -> Response[str]:
        decline = DECLINES[intent.decline_code].message if intent.decline_code else ""
        values = {**form_values, "intent": intent, "amount": _amount(intent), "decline": decline}
        match intent.state:
            case "created" if intent.hosted:
                return self._render("pay.html", status=status, **values)
            case "authenticating":
                return self._render("authenticate.html", status=status, **values)
            case "succeeded":
                return self._leave(intent.return_url, intent.merchant, "Payment received", "Thank you.")
            case "processing":
                says = "The bank has accepted your payment and will confirm it shortly."
                return self._leave(intent.return_url, intent.merchant, "Payment in progress", says)
            case "declined":
                return self._leave(intent.return_url, intent.merchant, "Payment declined", decline)
            case _:
                says = "This page has ended; nothing was charged on it."
                return self._leave(intent.cancel_url, intent.merchant, "Page ended", says)

    def _setup_page(self, setup: Setup, form_values: dict[str, object], *, status: int) -> Response[str]:
        if setup.state == "complete":
            return self._leave(setup.return_url, setup.merchant, "Card saved", "Nothing was charged.")
        if setup.page_expires_at <= setup.now_at:
            return self._leave(setup.cancel_url, setup.merchant, "Page ended", "No card was saved on it.")
        return self._render("save.html", status=status, **form_values, setup=setup)

    def _leave(self, url: str, merchant: str, title: str, says: str) -> Response[str]:
        return self._render("leave.html", url=url, merchant=merchant, title=title, says=says)

    def _render(self, name: str, *, status: int = 200, **values: object) -> Response[str]:
        return Response(
            self._templates.get_template(name).render(**values),
            status_code=status,
            media_type=MediaType.HTML,
            headers=_HEADERS,
        )


# The address holds the page's key: it may not travel on in a Referer, nor stay in a cache.
_HEADERS: Final = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}


def _back_to(token: str) -> Redirect:
    return Redirect(f"/providers/sandbox/{token}", status_code=303)


def _amount(intent: Intent) -> str:
    return f"{plain(intent.amount, decimals=get_currency_precision(intent.currency))} {intent.currency}"
