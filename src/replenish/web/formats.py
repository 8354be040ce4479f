"""How amounts and times are written for people: exact to the last digit, never through a float (law 5)."""

from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from decimal import localcontext as decimal_context
from typing import Final, Literal
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal, is_currency
from markupsafe import Markup

from replenish.core.money import Credits, Money

LOCALE: Final = "en_US"
# The library computes in the caller's context; with room for every digit that an amount can have it never rounds.
_ROOMY: Final = Context(prec=200)

Amount = Credits | Decimal | int


def number(value: Amount) -> str:
    """`200000` -> "200,000"; all decimals that there are, no trailing zeros."""
    exact = _decimal(value)
    with decimal_context(_ROOMY):
        return format_decimal(exact, locale=LOCALE, decimal_quantization=False)


def credits_text(value: Amount, unit: str = "credits") -> str:
    """`Credits(200000)` -> "200,000 credits"; `unit` is the credit currency's own name for several of them."""
    # Only our own default has a singular that we know; a merchant's unit is written as the merchant writes it.
    if unit == "credits" and abs(_decimal(value)) == 1:
        unit = "credit"
    return f"{number(value)} {unit}"


def money_text(value: Money | Amount, currency: str | None = None) -> str:
    """`Money(12.5, "USD")` -> "$12.50", `Money(10, "USDC")` -> "10 USDC", `Money(0.000123, "USD")` -> "$0.000123"."""
    if isinstance(value, Money):
        amount, code = value.amount, value.currency
    elif currency is None:
        raise TypeError(f"money without a currency: {value!r}")
    else:
        amount, code = _decimal(value), currency
    exact = _decimal(amount)
    if not is_currency(code):
        return f"{number(exact)} {code}"
    with decimal_context(_ROOMY):
        return format_currency(exact, code, locale=LOCALE, decimal_quantization=False)


def time_text(value: datetime, zone: str = "UTC") -> str:
    """A moment in the workspace's time zone, which it names: "Nov 23, 2026, 2:15 AM UTC"."""
    there = _aware(value).astimezone(ZoneInfo(zone))
    # Python's own name of the zone: the library has only "+0100" where English has no name for it.
    name = there.tzname() or zone
    if name[0] in "+-":
        name = f"UTC{name}"
    return f"{format_datetime(there, 'MMM d, y, h:mm a', tzinfo=ZoneInfo(zone), locale=LOCALE)} {name}"


def date_text(value: datetime | date, zone: str = "UTC") -> str:
    """The day in the workspace's time zone: "Nov 23, 2026"."""
    if isinstance(value, datetime):
        value = _aware(value).astimezone(ZoneInfo(zone))
    return format_date(value, "medium", locale=LOCALE)


def time_tag(value: datetime, zone: str = "UTC", style: Literal["time", "date"] = "time") -> Markup:
    """The same as an element that scripts and assistive programs can read."""
    text = time_text(value, zone) if style == "time" else date_text(value, zone)
    stamp = _aware(value).astimezone(UTC).isoformat().replace("+00:00", "Z")
    return Markup('<time datetime="{}">{}</time>').format(stamp, text)


def duration_text(value: timedelta) -> str:
    """How long something is valid: "30 days", "36 hours", "no expiry" for none. The largest unit that divides it."""
    seconds = round(value.total_seconds())
    if seconds == 0:
        return "no expiry"
    for name, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds % size == 0:
            return _several(seconds // size, name)
    return _several(seconds, "second")


def humanise(word: str) -> str:
    """A code for people: "requires_customer" -> "Requires customer"."""
    return word.replace("_", " ").replace("-", " ").strip().capitalize()


def _several(count: int, name: str) -> str:
    return f"{number(count)} {name}{'' if count == 1 else 's'}"


def _decimal(value: Amount) -> Decimal:
    # A float, however it got here, has already lost digits; a boolean is an int that nobody meant.
    exact = value.value if isinstance(value, Credits) else value
    if isinstance(exact, bool) or not isinstance(exact, int | Decimal):  # pyright: ignore[reportUnnecessaryIsInstance]  # templates are not type-checked
        raise TypeError(f"{value!r} is no exact amount")
    exact = Decimal(exact)
    if not exact.is_finite():
        raise ValueError(f"{value!r} is no amount")
    return exact


def _aware(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone")
    return value
