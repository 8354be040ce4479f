"""The tab Pricing as a form: every field as text, what it means, and under which field a refusal belongs."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final, cast

import msgspec

from replenish.admin.forms import amount_of, count_of, text_of
from replenish.catalog.model import DurationUnit, PaymentCurrency, RechargeMode, RechargeTerms
from replenish.catalog.pricing import Pricing
from replenish.core.errors import Invalid
from replenish.core.ids import CURRENCY, CurrencyId
from replenish.core.money import Credits, plain
from replenish.flows.manage_addons import AddOn, Cost, Offered

# The choice that makes a credit currency for this product.
OWN: Final = "own"
DURATION_UNITS: Final[tuple[DurationUnit, ...]] = ("hours", "days", "weeks", "months", "years")
LABELS: Final = {
    "payment_type": "Payment Type",
    "price": "Price",
    "currency": "Currency",
    "credit_amount": "Credit Amount",
    "credit_currency": "Credit currency",
    "unit": "Name of the credits",
    "expires_value": "Expires after",
    "threshold_default": "Default threshold",
    "threshold_min": "Lowest threshold",
    "threshold_max": "Highest threshold",
}
_FIELDS: Final = {
    "unit_amount": "price",
    "currency_id": "currency",
    "credit_config.credit_amount": "credit_amount",
    "credit_config.currency_id": "credit_currency",
    "credit_config.valid_duration_value": "expires_value",
    "name": "unit",
    "symbol": "unit",
}


class PricingForm(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in the fields. `options` are amounts in further payment currencies, by code."""

    payment_type: str = "one_time"
    price: str = ""
    currency: str = "USD"
    options: Mapping[str, str] = {}
    credit_amount: str = ""
    credit_currency: str = OWN
    unit: str = "credits"
    expires_value: str = ""
    expires_unit: str = "months"
    auto_top_up: str = "no"
    threshold_default: str = ""
    threshold_min: str = ""
    threshold_max: str = ""
    mode: str = "pack"


def standing(pricing: Pricing) -> PricingForm:
    """The form as the product is sold now."""
    price, settings = pricing.price, pricing.settings
    if price is None:
        return PricingForm(payment_type=pricing.payment_type)
    form = PricingForm(
        payment_type=pricing.payment_type,
        price=_money(price.base.unit_amount, price.base.decimals),
        currency=price.base.code,
        options={one.code: _money(one.unit_amount, one.decimals) for one in price.options[1:]},
    )
    config = price.credit_config
    if config is None:
        return form
    form = msgspec.structs.replace(
        form,
        credit_amount=str(config.amount),
        credit_currency=CURRENCY.text(config.currency_id),
        expires_value=str(config.valid_duration_value or ""),
        expires_unit=config.valid_duration_unit if config.valid_duration_value else form.expires_unit,
    )
    if settings is None or not settings.allowed:
        return form
    return msgspec.structs.replace(
        form,
        auto_top_up="yes",
        threshold_default=_credits(settings.threshold_default),
        threshold_min=_credits(settings.threshold_min),
        threshold_max=_credits(settings.threshold_max),
        mode=settings.mode,
    )


def _money(amount: Decimal, decimals: int) -> str:
    """As people write it: "12.50", and "20" rather than "20.00"."""
    return plain(amount) if amount == amount.to_integral_value() else plain(amount, decimals=min(decimals, 2))


def _credits(amount: Credits | None) -> str:
    return "" if amount is None else str(amount)


def sent(fields: Mapping[str, str], currencies: Sequence[PaymentCurrency]) -> PricingForm:
    """The form as it came; `currencies` are those that can be paid in."""
    codes = [one.unit for one in currencies]
    return PricingForm(
        payment_type=text_of(fields, "payment_type"),
        price=amount_of(fields, "price"),
        currency=text_of(fields, "currency"),
        options={code: amount_of(fields, f"option_{code}") for code in codes if amount_of(fields, f"option_{code}")},
        credit_amount=amount_of(fields, "credit_amount"),
        credit_currency=text_of(fields, "credit_currency") or OWN,
        unit=text_of(fields, "unit"),
        expires_value=text_of(fields, "expires_value"),
        expires_unit=text_of(fields, "expires_unit"),
        auto_top_up=text_of(fields, "auto_top_up"),
        threshold_default=amount_of(fields, "threshold_default"),
        threshold_min=amount_of(fields, "threshold_min"),
        threshold_max=amount_of(fields, "threshold_max"),
        mode=text_of(fields, "mode"),
    )


def offered(form: PricingForm, currencies: Sequence[PaymentCurrency]) -> Offered:
    """What the form asks for. Raises Invalid naming the form's field; amounts are the flow's to judge."""
    cost = _cost(form, currencies)
    if form.payment_type == "one_time":
        return cost
    if form.payment_type != "add_on":
        raise Invalid("payment_type", "choose One time or Add on")
    if not form.credit_amount:
        raise Invalid("credit_amount", "say how many credits the customer receives")
    if form.auto_top_up not in {"yes", "no"}:
        raise Invalid("auto_top_up", "choose one of the two")
    own = form.credit_currency == OWN
    if own and not form.unit:
        raise Invalid("unit", "say what the credits are called")
    expires_after = count_of({"expires_value": form.expires_value}, "expires_value")
    if form.expires_unit not in DURATION_UNITS:
        raise Invalid("expires_value", "choose hours, days, weeks, months or years")
    return AddOn(
        cost=cost,
        credit_amount=form.credit_amount,
        credit_currency_id=None if own else CURRENCY.parse(form.credit_currency, field="credit_currency"),
        unit=form.unit,
        valid_duration_value=expires_after,
        valid_duration_unit=form.expires_unit,
        auto_top_up=_terms(form) if form.auto_top_up == "yes" else None,
    )


def _terms(form: PricingForm) -> RechargeTerms:
    if form.mode not in {"pack", "refill_to_full"}:
        raise Invalid("mode", "choose one of the two")
    if not form.threshold_default:
        raise Invalid("threshold_default", "say below which balance credits are bought unless the customer chooses")
    return RechargeTerms(
        mode=cast("RechargeMode", form.mode),
        threshold_default=form.threshold_default,
        threshold_min=form.threshold_min or None,
        threshold_max=form.threshold_max or None,
    )


def _cost(form: PricingForm, currencies: Sequence[PaymentCurrency]) -> Cost:
    by_code: dict[str, CurrencyId] = {one.unit: one.id for one in currencies}
    if form.currency not in by_code:
        raise Invalid("currency", "choose one of the currencies")
    if not form.price:
        raise Invalid("price", "say what it costs")
    further = [
        (by_code[code], text) for code, text in form.options.items() if code in by_code and code != form.currency
    ]
    return Cost(currency_id=by_code[form.currency], amount=form.price, options=further)


def named(wrong: Invalid, form: PricingForm) -> dict[str, str]:
    """A refusal under the field of the form that it is about."""
    further = re.fullmatch(r"currency_options\[(\d+)\]\..*", wrong.field)
    if further is not None:
        codes = [code for code in form.options if code != form.currency]
        return {f"option_{codes[int(further[1])]}": wrong.detail}
    return {_FIELDS.get(wrong.field, wrong.field): wrong.detail}
