"""Credits and money: two exact types that never mix, and the one place where text becomes an amount.

Amounts are `Decimal` under a context in which rounding is an error (law 5); the scale of each is bounded by its
currency's `decimals` when it enters. Nothing here is ever a float.
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from typing import Final, Self, final

from replenish.core.errors import Invalid

DECIMALS_MAX: Final = 18
# 21 digits before the point: a quadrillion credits with room to sum, and still far from the context's precision.
WHOLE_DIGITS_MAX: Final = 21
_TEXT_MAX: Final = 64

# Precision is bounded by what enters (39 digits an amount, a product of two), so Inexact means a bug, not a big number.
EXACT: Final = Context(prec=120, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])
_ROUNDING: Final = Context(prec=120, traps=[InvalidOperation, DivisionByZero, Overflow])
ZERO: Final = Decimal(0)


@final
class Credits:
    """An amount of one credit currency. May be negative (a balance can be); postings check their own signs."""

    __slots__ = ("value",)

    def __init__(self, value: Decimal | int) -> None:
        self.value = value if type(value) is Decimal else Decimal(value)

    def __add__(self, other: Self) -> "Credits":
        return Credits(EXACT.add(self.value, _credits(other)))

    def __sub__(self, other: Self) -> "Credits":
        return Credits(EXACT.subtract(self.value, _credits(other)))

    def __neg__(self) -> "Credits":
        return Credits(EXACT.minus(self.value))

    def times(self, count: int) -> "Credits":
        return Credits(EXACT.multiply(self.value, Decimal(count)))

    def __lt__(self, other: Self) -> bool:
        return self.value < _credits(other)

    def __le__(self, other: Self) -> bool:
        return self.value <= _credits(other)

    def __gt__(self, other: Self) -> bool:
        return self.value > _credits(other)

    def __ge__(self, other: Self) -> bool:
        return self.value >= _credits(other)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Credits) and self.value == other.value

    def __hash__(self) -> int:
        return hash((Credits, self.value))

    def __bool__(self) -> bool:
        return bool(self.value)

    def __repr__(self) -> str:
        return f"Credits({plain(self.value)})"

    def __str__(self) -> str:
        return plain(self.value)


NO_CREDITS: Final = Credits(ZERO)


@final
class Money:
    """An amount of one payment currency, in whole units ("12.50" is twelve dollars fifty). `currency` is its code."""

    __slots__ = ("amount", "currency")

    def __init__(self, amount: Decimal | int, currency: str) -> None:
        self.amount = amount if type(amount) is Decimal else Decimal(amount)
        self.currency = currency

    def __add__(self, other: Self) -> "Money":
        return Money(EXACT.add(self.amount, self._same(other)), self.currency)

    def __sub__(self, other: Self) -> "Money":
        return Money(EXACT.subtract(self.amount, self._same(other)), self.currency)

    def times(self, count: int) -> "Money":
        return Money(EXACT.multiply(self.amount, Decimal(count)), self.currency)

    def __lt__(self, other: Self) -> bool:
        return self.amount < self._same(other)

    def __le__(self, other: Self) -> bool:
        return self.amount <= self._same(other)

    def __gt__(self, other: Self) -> bool:
        return self.amount > self._same(other)

    def __ge__(self, other: Self) -> bool:
        return self.amount >= self._same(other)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Money) and self.currency == other.currency and self.amount == other.amount

    def __hash__(self) -> int:
        return hash((Money, self.currency, self.amount))

    def __bool__(self) -> bool:
        return bool(self.amount)

    def __repr__(self) -> str:
        return f"Money({plain(self.amount)} {self.currency})"

    def __str__(self) -> str:
        return f"{plain(self.amount)} {self.currency}"

    def _same(self, other: object) -> Decimal:
        # Mixed currencies have cost others real money (dollars taken for credits, pending in one unit and threshold in
        # another); a loud TypeError is the cheap way to learn of it.
        if not isinstance(other, Money) or other.currency != self.currency:
            raise TypeError(f"{self!r} and {other!r} do not mix")
        return other.amount


def _credits(other: object) -> Decimal:
    if not isinstance(other, Credits):
        raise TypeError(f"credits do not mix with {type(other).__name__}")
    return other.value


def plain(value: Decimal, *, decimals: int | None = None) -> str:
    """Text without exponent and without trailing zeros; `decimals` pads up to a currency's scale ("12.50")."""
    if not value:
        value = ZERO
    text = str(value)
    # str() is a third of the price of format(); it writes an exponent only for what is very small or very round.
    if "E" in text:
        text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").removesuffix(".")
    if decimals:
        whole, _, fraction = text.partition(".")
        text = f"{whole}.{fraction.ljust(decimals, '0')}"
    return text


def grouped(value: Decimal | Credits) -> str:
    """For sentences that people read: "49,907.5". Exact, without trailing zeros."""
    return f"{Decimal(plain(value.value if isinstance(value, Credits) else value)):,f}"


def decimals_of(value: Decimal) -> int:
    """How many digits stand behind the point, trailing zeros aside."""
    exponent = value.normalize(EXACT).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def parse_decimal(text: str, *, field: str, decimals: int, minimum: Decimal | None = None) -> Decimal:
    """Text from outside becomes an exact amount or a refusal that names the field.

    Plain digits with an optional sign and point only: exponents, NaN, infinities, blanks, other alphabets' digits and
    amounts of absurd length are refused before Decimal sees them. `decimals` bounds the scale.
    """
    if len(text) > _TEXT_MAX:
        raise Invalid(field, f"an amount has at most {_TEXT_MAX} characters")
    body = text[1:] if text[:1] in {"-", "+"} else text
    whole, point, fraction = body.partition(".")
    if not (whole.isascii() and whole.isdigit()) or (point and not (fraction.isascii() and fraction.isdigit())):
        raise Invalid(field, f"{text!r} is not a decimal amount such as '12.50'")
    if len(whole.lstrip("0")) > WHOLE_DIGITS_MAX:
        raise Invalid(field, f"an amount has at most {WHOLE_DIGITS_MAX} digits before the point")
    if len(fraction.rstrip("0")) > decimals:
        raise Invalid(field, f"at most {decimals} decimals are allowed here", code="too_many_decimals")
    value = Decimal(text)
    if minimum is not None and value < minimum:
        raise Invalid(field, f"must be at least {plain(minimum)}")
    return value or ZERO


def parse_positive(text: str, *, field: str, decimals: int) -> Decimal:
    """As parse_decimal, and greater than zero."""
    value = parse_decimal(text, field=field, decimals=decimals)
    if value <= 0:
        raise Invalid(field, "must be greater than 0")
    return value


def floor_to(value: Decimal, decimals: int) -> Decimal:
    """Round towards minus infinity at a scale: what a debit takes (law 5)."""
    return value.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_FLOOR, context=_ROUNDING)


def ceil_to(value: Decimal, decimals: int) -> Decimal:
    """Round towards plus infinity at a scale: what a hold reserves (law 5)."""
    return value.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_CEILING, context=_ROUNDING)
