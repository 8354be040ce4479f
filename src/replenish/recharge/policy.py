"""When a wallet buys credits by itself, and how much. Pure: no database, no clock, no provider."""

from calendar import month_abbr
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from replenish.core import ids
from replenish.core.money import EXACT, Credits, Money, plain
from replenish.core.windows import window
from replenish.recharge.model import AttemptState, Reason, Rule, Sale, Terms

# Law 13: the pause after the first and the second decline in a row; the third suspends.
PAUSES: Final = (timedelta(hours=1), timedelta(hours=6))
# One link to authenticate with is valid this long.
LINK_VALID: Final = timedelta(hours=24)
# Reasons that a write of ours ends are looked at again now and then, too: a price is reactivated without us hearing.
LOOK_AGAIN: Final = timedelta(hours=1)


class Windows(msgspec.Struct, frozen=True, kw_only=True):
    """The day and the month that caps count in, in the workspace's time zone."""

    day: datetime
    day_end: datetime
    month: datetime
    month_end: datetime
    zone: ZoneInfo

    def date(self, at: datetime) -> str:
        local = at.astimezone(self.zone)
        return f"{local.day} {month_abbr[local.month]} {local.year}"

    def moment(self, at: datetime) -> str:
        local = at.astimezone(self.zone)
        return f"{local.day} {month_abbr[local.month]} {local.year} {local:%H:%M} {local.tzname() or ''}".rstrip()


def windows(now: datetime, *, zone: str) -> Windows:
    """Midnights are local ones: a day has 23, 24 or 25 hours. Raises ZoneInfoNotFoundError for a zone that is none."""
    (day, day_end), (month, month_end) = window("day", now, zone=zone), window("month", now, zone=zone)
    return Windows(day=day, day_end=day_end, month=month, month_end=month_end, zone=ZoneInfo(zone))


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What the catalog sells today for the rule's price and payment currency. `decimals` are the money's."""

    sale: Sale
    active: bool
    # How many packs one purchase has.
    quantity_max: int
    quantity_min: int = 1
    decimals: int
    # Whether the merchant lets customers have it bought automatically, and from where to where a threshold may be.
    allowed: bool = True
    threshold_min: Credits | None = None
    threshold_max: Credits | None = None

    def show(self, money: Money) -> str:
        """`10 USDC`, `12.50 USD`."""
        decimals = self.decimals if self.decimals <= 2 and money.amount % 1 else None
        return f"{plain(money.amount, decimals=decimals)} {money.currency}"


class Method(msgspec.Struct, frozen=True, kw_only=True):
    """The rule's saved method. `usable`: its provider is set up here and takes the rule's currency."""

    fingerprint: str
    expires_month: int | None
    expires_year: int | None
    usable: bool

    def has_expired(self, now: datetime, *, zone: ZoneInfo) -> bool:
        """A card is good to the end of its month."""
        if self.expires_month is None or self.expires_year is None:
            return False
        local = now.astimezone(zone)
        return (local.year, local.month) > (self.expires_year, self.expires_month)


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What this rule has done. Amounts are of succeeded and open attempts; the count is of all submitted ones."""

    open_state: AttemptState | None
    day_amount: Decimal
    day_count: int
    month_amount: Decimal
    consented: Terms | None


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """Buy this, in one charge."""

    packs: int
    amount: Money
    credits: Credits


class NoCharge(msgspec.Struct, frozen=True, kw_only=True):
    """Why not, as a sentence, and when time alone may change that (None: time alone does not)."""

    reason: Reason
    detail: str
    until: datetime | None = None
    # A cap's window: the same reason in a new window is told again.
    since: datetime | None = None


Verdict = Charge | NoCharge


def decide(
    *,
    balance: Credits,
    pending: Credits,
    frozen: bool,
    rule: Rule,
    offer: Offer | None,
    method: Method | None,
    history: History,
    now: datetime,
    window: Windows,
) -> Verdict:
    """Judge one wallet. Never starts anything; the flow does.

    Pending top-ups count as arrived: otherwise every usage event between charge and settlement would order another pack.
    """
    refused = (
        _not_wanted(balance=balance, pending=pending, rule=rule, history=history)
        or _not_now(frozen=frozen, rule=rule, now=now, window=window)
        or _cannot_pay(method=method, now=now, window=window)
    )
    if refused is not None:
        return refused
    if offer is None or not offer.active or not offer.sale.unit.amount:
        return NoCharge(reason="price_inactive", detail="The price of this rule is no longer sold.")
    if not offer.allowed:
        return NoCharge(reason="price_inactive", detail="Automatic top-up is no longer offered for these credits.")
    if not offer.quantity_min <= rule.packs <= offer.quantity_max:
        bounds = f"{offer.quantity_min} to {offer.quantity_max}"
        return NoCharge(reason="price_inactive", detail=f"This price is sold in {bounds} packs at once by now.")
    return _not_agreed(offer=offer, history=history) or _size(
        short=rule.goal - balance - pending, rule=rule, offer=offer, history=history, window=window
    )


def _not_wanted(*, balance: Credits, pending: Credits, rule: Rule, history: History) -> NoCharge | None:
    if not rule.enabled:
        return NoCharge(reason="not_enabled", detail="Automatic top-up is off.")
    # Before everything that passes by itself, so that no expired pause can ever revive a card that keeps declining.
    if rule.suspended_at is not None:
        return NoCharge(reason="suspended", detail=why_suspended(rule))
    if balance >= rule.threshold:
        return NoCharge(reason="not_low", detail=f"The balance of {balance} is not below {rule.threshold}.")
    if balance + pending >= rule.threshold:
        return NoCharge(reason="covered", detail=f"{pending} credits are on their way.")
    if history.open_state == "needs_customer":
        return NoCharge(reason="waiting_for_customer", detail="Your bank wants you to confirm a payment first.")
    if history.open_state is not None:
        return NoCharge(reason="in_flight", detail="A charge is on its way.")
    return None


def _not_now(*, frozen: bool, rule: Rule, now: datetime, window: Windows) -> NoCharge | None:
    if rule.paused_until is not None and now < rule.paused_until:
        detail = f"The last charge was declined; the next try is on {window.moment(rule.paused_until)}."
        return NoCharge(reason="paused", detail=detail, until=rule.paused_until)
    if frozen:
        return NoCharge(reason="frozen", detail="This wallet is frozen; it can be topped up when it is unfrozen.")
    return None


def _cannot_pay(*, method: Method | None, now: datetime, window: Windows) -> NoCharge | None:
    if method is None:
        return NoCharge(reason="no_payment_method", detail="There is no saved payment method to charge.")
    if method.has_expired(now, zone=window.zone):
        detail = f"The saved card expired at the end of {method.expires_month:02}/{method.expires_year}."
        return NoCharge(reason="method_expired", detail=detail)
    if not method.usable:
        detail = "The saved payment method cannot be charged here at present."
        return NoCharge(reason="provider_unavailable", detail=detail)
    return None


def _not_agreed(*, offer: Offer, history: History) -> NoCharge | None:
    price_id = ids.PRICE.text(offer.sale.price_id)
    if history.consented is not None and history.consented.covers(offer.sale, price_id=price_id):
        return None
    detail = f"One pack is now {offer.sale.credits} credits for {offer.show(offer.sale.unit)}; please agree anew."
    return NoCharge(reason="consent_outdated", detail=detail)


def _size(*, short: Credits, rule: Rule, offer: Offer, history: History, window: Windows) -> Verdict:
    """The fewest multiples of the rule's packs that close the gap in one charge, cut to what the caps allow (law 10)."""
    purchase = offer.sale.unit.times(rule.packs)
    bought = offer.sale.credits.times(rule.packs)
    times = max(1, _ratio(short.value, bought.value, up=True))
    for cap in _caps(rule, history=history, window=window):
        allowed = _ratio(cap.room, purchase.amount, up=False)
        if allowed < 1:
            return _refused_by(cap, purchase=purchase, offer=offer, window=window)
        times = min(times, allowed)
    if rule.day_count_max is not None and history.day_count >= rule.day_count_max:
        detail = (
            f"Daily cap of {rule.day_count_max} charges reached: {history.day_count} today;"
            f" it resets on {window.date(window.day_end)}."
        )
        return NoCharge(reason="cap_day_count", detail=detail, until=window.day_end, since=window.day)
    times = min(times, offer.quantity_max // rule.packs)
    return Charge(packs=rule.packs * times, amount=purchase.times(times), credits=bought.times(times))


class _Cap(msgspec.Struct, frozen=True, kw_only=True):
    reason: Reason
    name: str
    limit: Decimal
    used: Decimal
    since: datetime | None = None
    until: datetime | None = None

    @property
    def room(self) -> Decimal:
        return self.limit - self.used


def _caps(rule: Rule, *, history: History, window: Windows) -> list[_Cap]:
    """By how long they last, so that the customer reads the one that matters."""
    caps: list[_Cap] = []
    if rule.charge_amount_max is not None:
        caps.append(_Cap(reason="cap_charge", name="Cap per charge", limit=rule.charge_amount_max, used=Decimal(0)))
    if rule.month_amount_max is not None:
        caps.append(
            _Cap(
                reason="cap_month",
                name="Monthly cap",
                limit=rule.month_amount_max,
                used=history.month_amount,
                since=window.month,
                until=window.month_end,
            )
        )
    if rule.day_amount_max is not None:
        caps.append(
            _Cap(
                reason="cap_day_amount",
                name="Daily cap",
                limit=rule.day_amount_max,
                used=history.day_amount,
                since=window.day,
                until=window.day_end,
            )
        )
    return caps


def _refused_by(cap: _Cap, *, purchase: Money, offer: Offer, window: Windows) -> NoCharge:
    currency = purchase.currency
    detail = f"{cap.name} of {offer.show(Money(cap.limit, currency))}"
    if cap.until is None:
        detail += f" is less than one purchase of {offer.show(purchase)}."
    else:
        detail += f" reached: {offer.show(Money(cap.used, currency))} charged, one purchase costs"
        detail += f" {offer.show(purchase)}; it resets on {window.date(cap.until)}."
    return NoCharge(reason=cap.reason, detail=detail, until=cap.until, since=cap.since)


def _ratio(value: Decimal, unit: Decimal, *, up: bool) -> int:
    """How often `unit` goes into `value`, in whole times."""
    times = int(EXACT.divide_int(value, unit))
    return times + 1 if up and EXACT.remainder(value, unit) > 0 else times


def why_suspended(rule: Rule) -> str:
    match rule.suspended_reason:
        case "dispute":
            return "Suspended: a payment of this wallet is disputed."
        case "operator":
            return "Suspended by the merchant."
        case _:
            return "Suspended after declined charges: save another payment method, or resume it."
