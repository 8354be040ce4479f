"""The automatic top-up form: what was typed, what it means, and what it is filled with at first."""

import re
from decimal import Decimal
from typing import Final, cast

import msgspec

from replenish.catalog.model import RechargeSettings
from replenish.core.errors import Invalid
from replenish.core.ids import CURRENCY, PAYMENT_METHOD, CurrencyId, PaymentMethodId
from replenish.core.money import Credits, floor_to, parse_decimal, plain
from replenish.portal.offers import Offer
from replenish.recharge.model import Draft, Rule
from replenish.web.formats import number

# A suggestion, for the customer to change: low enough to notice a fault, high enough for an ordinary month.
_MONTHLY_PURCHASES: Final = 5
_QUARTER: Final = Decimal("0.25")
_GROUPED: Final = re.compile(r"[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?")
_COUNT_DIGITS_MAX: Final = 6


class RuleForm(msgspec.Struct, frozen=True, kw_only=True):
    """Every field as text; an empty cap is no cap. `wording` and `consent` belong to the second page."""

    currency: str = ""
    threshold: str = ""
    mode: str = "packs"
    packs: str = "1"
    target: str = ""
    pay_in: str = ""
    method: str = ""
    charge_amount_max: str = ""
    day_amount_max: str = ""
    day_count_max: str = ""
    month_amount_max: str = ""
    wording: str = ""
    consent: str = ""

    @property
    def kept(self) -> dict[str, str]:
        """What the second page sends along, word for word."""
        names = [name for name in self.__struct_fields__ if name not in {"wording", "consent"}]
        return {name: cast("str", getattr(self, name)) for name in names}


def filled_in(
    offer: Offer,
    *,
    currency: str,
    rule: Rule | None,
    method_id: PaymentMethodId | None,
    bounds: RechargeSettings | None = None,
) -> RuleForm:
    """The form of the rule as it stands, or a first suggestion: the merchant's (`bounds`), else ours."""
    option = offer.price.base
    if rule is None:
        config = offer.price.credit_config
        pack = Decimal(0) if config is None else config.amount.value
        suggested = None if bounds is None else bounds.threshold_default
        return RuleForm(
            currency=currency,
            threshold=number(
                floor_to(pack * _QUARTER, offer.credit_currency.decimals) if suggested is None else suggested
            ),
            mode="target" if bounds is not None and bounds.mode == "refill_to_full" else "packs",
            target=number(pack) if bounds is not None and bounds.mode == "refill_to_full" else "",
            pay_in=CURRENCY.text(option.currency_id),
            method="" if method_id is None else PAYMENT_METHOD.text(method_id),
            month_amount_max=_money(option.unit_amount * _MONTHLY_PURCHASES, option.decimals),
        )
    chosen = rule.payment_method_id or method_id
    known = offer.price.option(rule.currency_id) or option
    return RuleForm(
        currency=currency,
        threshold=number(rule.threshold),
        mode=rule.mode,
        packs=str(rule.packs),
        target="" if rule.target is None else number(rule.target),
        pay_in=CURRENCY.text(known.currency_id),
        method="" if chosen is None else PAYMENT_METHOD.text(chosen),
        charge_amount_max=_cap(rule.charge_amount_max, known.decimals),
        day_amount_max=_cap(rule.day_amount_max, known.decimals),
        day_count_max="" if rule.day_count_max is None else str(rule.day_count_max),
        month_amount_max=_cap(rule.month_amount_max, known.decimals),
    )


def _cap(amount: Decimal | None, decimals: int) -> str:
    return "" if amount is None else _money(amount, decimals)


def _money(amount: Decimal, decimals: int) -> str:
    """As people write it: "12.50", and "20" rather than "20.00"."""
    return plain(amount) if amount == amount.to_integral_value() else plain(amount, decimals=min(decimals, 2))


def draft_of(form: RuleForm, *, offer: Offer) -> Draft:
    """What was typed, as a rule. Raises Invalid naming the form's field; what a rule may be is for the flow to judge."""
    option = offer.option(form.pay_in)
    decimals = offer.credit_currency.decimals
    if form.mode not in {"packs", "target"}:
        raise Invalid("mode", "choose one of the two")
    by_target = form.mode == "target"
    return Draft(
        enabled=True,
        threshold=_credits(form.threshold, field="threshold", decimals=decimals),
        mode="target" if by_target else "packs",
        packs=1 if by_target else _count(form.packs, field="packs"),
        target=_credits(form.target, field="target", decimals=decimals) if by_target else None,
        price_id=offer.price.id,
        currency_id=CurrencyId(option.currency_id),
        payment_method_id=_method(form.method),
        charge_amount_max=_amount(form.charge_amount_max, field="charge_amount_max", decimals=option.decimals),
        day_amount_max=_amount(form.day_amount_max, field="day_amount_max", decimals=option.decimals),
        day_count_max=_count(form.day_count_max, field="day_count_max") if form.day_count_max.strip() else None,
        month_amount_max=_amount(form.month_amount_max, field="month_amount_max", decimals=option.decimals),
    )


def _method(text: str) -> PaymentMethodId:
    found = PAYMENT_METHOD.try_parse(text)
    if found is None:
        raise Invalid("method", "choose a saved card")
    return found


def _credits(text: str, *, field: str, decimals: int) -> Credits:
    return Credits(_decimal(text, field=field, decimals=decimals))


def _amount(text: str, *, field: str, decimals: int) -> Decimal | None:
    """An amount of money, None for an empty field. 0 is no way to say "without a limit", nor "never"."""
    if not text.strip():
        return None
    value = _decimal(text, field=field, decimals=decimals)
    if value <= 0:
        raise Invalid(field, "must be greater than 0; leave it empty for no limit")
    return value


def _decimal(text: str, *, field: str, decimals: int) -> Decimal:
    cleaned = text.strip()
    if not cleaned:
        raise Invalid(field, "is missing")
    # "50,000" is read as it is shown on these pages; "12,5" is refused, not guessed at.
    if _GROUPED.fullmatch(cleaned):
        cleaned = cleaned.replace(",", "")
    return parse_decimal(cleaned, field=field, decimals=decimals)


def _count(text: str, *, field: str) -> int:
    cleaned = text.strip()
    if not (cleaned.isascii() and cleaned.isdigit()) or len(cleaned) > _COUNT_DIGITS_MAX:
        raise Invalid(field, "is not a whole number such as 1")
    return int(cleaned)
