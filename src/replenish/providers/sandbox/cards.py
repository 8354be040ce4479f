"""The sandbox's test cards and how each behaves. Pure: no database, no clock.

Only these numbers are taken: a real card typed in by mistake is refused and kept nowhere.
"""

import hashlib
import re
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

CHARGES_BEFORE_EMPTY: Final = 3


class Weather(StrEnum):
    PAYS = "pays"
    DECLINES = "declines"
    NO_FUNDS = "no_funds"
    LOST = "lost"
    EXPIRED = "expired"
    ASKS_ALWAYS = "asks_always"
    ASKS_WHEN_ABSENT = "asks_when_absent"
    DECLINES_WHEN_ABSENT = "declines_when_absent"
    PAYS_SILENTLY = "pays_silently"
    SILENT = "silent"
    PAYS_LATE = "pays_late"
    DECLINES_LATE = "declines_late"
    RUNS_EMPTY = "runs_empty"


class Decline(msgspec.Struct, frozen=True):
    code: str
    message: str
    permanent: bool = False
    insufficient_funds: bool = False


DECLINES: Final[dict[str, Decline]] = {
    decline.code: decline
    for decline in (
        Decline("card_declined", "Your card was declined."),
        Decline("insufficient_funds", "Your card has insufficient funds.", insufficient_funds=True),
        Decline("lost_card", "Your card was declined: it was reported lost.", permanent=True),
        Decline("expired_card", "Your card has expired.", permanent=True),
        Decline("authentication_failed", "The bank could not confirm that it was you."),
        Decline("method_detached", "This card is no longer saved.", permanent=True),
    )
}


class TestCard(msgspec.Struct, frozen=True):
    number: str
    brand: str
    weather: Weather
    does: str


CARDS: Final = (
    TestCard("4242424242424242", "visa", Weather.PAYS, "Pays."),
    TestCard("5555555555554444", "mastercard", Weather.PAYS, "Pays."),
    TestCard("378282246310005", "amex", Weather.PAYS, "Pays. Its security code has 4 digits."),
    TestCard("4000000000000002", "visa", Weather.DECLINES, "Declined; may work another time."),
    TestCard("4000000000009995", "visa", Weather.NO_FUNDS, "Declined: insufficient funds."),
    TestCard("4000000000009987", "visa", Weather.LOST, "Declined for good: reported lost."),
    TestCard("4000000000000069", "visa", Weather.EXPIRED, "Declined for good: expired."),
    TestCard("4000002760003184", "visa", Weather.ASKS_ALWAYS, "Asks the customer to authenticate, every time."),
    TestCard(
        "4000002500003155",
        "visa",
        Weather.ASKS_WHEN_ABSENT,
        "Pays while the customer is present; asks to authenticate when charged later.",
    ),
    TestCard(
        "4000000000000341",
        "visa",
        Weather.DECLINES_WHEN_ABSENT,
        "Can be saved and pays while the customer is present; every later charge is declined.",
    ),
    TestCard(
        "4000000000055550",
        "visa",
        Weather.RUNS_EMPTY,
        f"Pays {CHARGES_BEFORE_EMPTY} times, then insufficient funds.",
    ),
    TestCard("4000000000033334", "visa", Weather.PAYS_LATE, "Accepted at once, paid some seconds later."),
    TestCard("4000000000044448", "visa", Weather.DECLINES_LATE, "Accepted at once, declined some seconds later."),
    TestCard(
        "4000000000011116",
        "visa",
        Weather.PAYS_SILENTLY,
        "A saved card is charged, and the reply is lost: only a look-up tells.",
    ),
    TestCard(
        "4000000000022220",
        "visa",
        Weather.SILENT,
        "The first charge is lost with its reply and nothing is charged; sending it again pays.",
    ),
)
_BY_NUMBER: Final = {card.number: card for card in CARDS}


# ── reading what was typed ────────────────────────────────────────────────────────────────────────────────────────────


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """A card that was read and found usable. The number itself is not kept."""

    weather: Weather
    brand: str
    last4: str
    expires_month: int
    expires_year: int
    fingerprint: str


class FieldErrors(msgspec.Struct, frozen=True):
    """By field (`number`, `expires`, `cvc`), a sentence that the customer can act on."""

    fields: dict[str, str]


def read_card(*, number: str, expires: str, cvc: str, now: datetime) -> Card | FieldErrors:
    """Judge the three fields of the form. `expires` is MM/YY or MM/YYYY; blanks and dashes in the number are fine."""
    errors: dict[str, str] = {}
    digits = re.sub(r"[ -]", "", number)
    found = _BY_NUMBER.get(digits)
    if not (digits.isascii() and digits.isdigit() and 12 <= len(digits) <= 19 and luhn(digits)):
        errors["number"] = "This is not a card number."
    elif found is None:
        errors["number"] = "This is a sandbox: please use one of the test cards below, never a real card."
    month, year = _read_expiry(expires)
    if not month:
        errors["expires"] = "Please write the expiry date as MM/YY."
    elif (year, month) < (now.year, now.month):
        errors["expires"] = "This card has expired."
    elif year > now.year + 50:
        errors["expires"] = "This expiry date is too far away."
    length = 4 if found is not None and found.brand == "amex" else 3
    if not (cvc.isascii() and cvc.isdigit() and len(cvc) == length):
        errors["cvc"] = f"The security code has {length} digits."
    if errors or found is None:
        return FieldErrors(errors)
    return Card(
        weather=found.weather,
        brand=found.brand,
        last4=digits[-4:],
        expires_month=month,
        expires_year=year,
        fingerprint=hashlib.sha256(b"sandbox card " + digits.encode()).hexdigest()[:24],
    )


def luhn(digits: str) -> bool:
    """The check digit that every card number ends with."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _read_expiry(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"\s*([0-9]{1,2})\s*/\s*([0-9]{2}|[0-9]{4})\s*", text)
    if found is None or not 1 <= int(found[1]) <= 12:
        return 0, 0
    year = int(found[2])
    return int(found[1]), year if year >= 100 else 2000 + year


# ── the weather ───────────────────────────────────────────────────────────────────────────────────────────────────────


class Pays(msgspec.Struct, frozen=True):
    """The money moves; `reply_lost`: and nobody is told."""

    reply_lost: bool = False


class Refuses(msgspec.Struct, frozen=True):
    decline: Decline


class Asks(msgspec.Struct, frozen=True):
    """The card holder must authenticate first."""


class Waits(msgspec.Struct, frozen=True):
    """Accepted, and settled or declined later."""


class Vanishes(msgspec.Struct, frozen=True):
    """The request never reached the bank: nothing happened, and no reply says so."""


Answer = Pays | Refuses | Asks | Waits | Vanishes


_ALWAYS: Final[dict[Weather, Answer]] = {
    Weather.PAYS: Pays(),
    Weather.DECLINES: Refuses(DECLINES["card_declined"]),
    Weather.NO_FUNDS: Refuses(DECLINES["insufficient_funds"]),
    Weather.LOST: Refuses(DECLINES["lost_card"]),
    Weather.EXPIRED: Refuses(DECLINES["expired_card"]),
    Weather.PAYS_SILENTLY: Pays(reply_lost=True),
    Weather.PAYS_LATE: Waits(),
    Weather.DECLINES_LATE: Waits(),
}


def forecast(weather: Weather, *, customer_present: bool, authenticated: bool, charges: int, submits: int) -> Answer:
    """What the bank does with one charge.

    `charges`: how often this method has paid before; `submits`: how often this very intent was sent before.
    """
    match weather:
        case Weather.ASKS_ALWAYS:
            return Pays() if authenticated else Asks()
        case Weather.ASKS_WHEN_ABSENT:
            return Pays() if authenticated or customer_present else Asks()
        case Weather.DECLINES_WHEN_ABSENT:
            return Pays() if customer_present else Refuses(DECLINES["card_declined"])
        case Weather.SILENT:
            return Pays() if submits else Vanishes()
        case Weather.RUNS_EMPTY:
            return Pays() if charges < CHARGES_BEFORE_EMPTY else Refuses(DECLINES["insufficient_funds"])
        case _:
            return _ALWAYS[weather]
