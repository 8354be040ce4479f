"""What may be saved as a rule, what needs the customer's consent, and the words of that consent. Pure."""

from decimal import Decimal
from typing import Final

from replenish.core import ids
from replenish.core.errors import Invalid
from replenish.core.money import Credits, Money, decimals_of, plain
from replenish.recharge.model import Draft, Rule, Terms
from replenish.recharge.policy import Offer

PACKS_MAX: Final = 9999
COUNT_MAX: Final = 1000


def check(draft: Draft, *, offer: Offer, credit_decimals: int) -> None:
    """Refuse a rule that is wrong or could never be satisfied (law 12). Raises Invalid naming the field."""
    _check_credits(draft, credit_decimals=credit_decimals)
    if not offer.active:
        raise Invalid("price_id", "this price is no longer sold")
    if draft.enabled:
        _check_allowed(draft, offer=offer)
    if not offer.sale.unit.amount:
        raise Invalid("price_id", "a price of 0 cannot be charged automatically")
    lowest, highest = offer.quantity_min, min(offer.quantity_max, PACKS_MAX)
    if not lowest <= draft.packs <= highest:
        raise Invalid("packs", f"must be from {lowest} to {highest}")
    if draft.mode == "packs":
        bought = offer.sale.credits.times(draft.packs)
        if bought <= draft.threshold:
            detail = f"{_packs(draft.packs)} ({bought} credits) must be more than the threshold of {draft.threshold}"
            raise Invalid("packs", f"{detail}, or the rule could never be satisfied", code="never_satisfiable")
    _check_caps(draft, offer=offer)


def _check_allowed(draft: Draft, *, offer: Offer) -> None:
    """What the merchant allows. A rule that stands keeps its threshold until it is saved again."""
    if not offer.allowed:
        raise Invalid("enabled", "automatic top-up is not offered for these credits", code="not_offered")
    low, high = offer.threshold_min, offer.threshold_max
    if low is not None and draft.threshold < low:
        raise Invalid("threshold", f"must be at least {low}", code="threshold_out_of_bounds")
    if high is not None and draft.threshold > high:
        raise Invalid("threshold", f"must be at most {high}", code="threshold_out_of_bounds")


def _check_credits(draft: Draft, *, credit_decimals: int) -> None:
    for field, amount in (("threshold", draft.threshold), ("target", draft.target)):
        if amount is not None and decimals_of(amount.value) > credit_decimals:
            raise Invalid(field, f"at most {credit_decimals} decimals are allowed here", code="too_many_decimals")
    if draft.threshold.value < 0:
        raise Invalid("threshold", "must be at least 0")
    if draft.mode == "packs" and draft.target is not None:
        raise Invalid("target", "only a rule of mode 'target' has a target")
    if draft.mode == "target" and draft.target is None:
        raise Invalid("target", "a rule of mode 'target' needs a target")
    if draft.target is not None and draft.target <= draft.threshold:
        detail = f"must be more than the threshold of {draft.threshold}, or the rule could never be satisfied"
        raise Invalid("target", detail, code="never_satisfiable")


def _check_caps(draft: Draft, *, offer: Offer) -> None:
    purchase = offer.sale.unit.times(draft.packs)
    currency = purchase.currency
    for field, cap in _amount_caps(draft):
        if cap is None:
            continue
        if decimals_of(cap) > offer.decimals:
            raise Invalid(field, f"at most {offer.decimals} decimals are allowed here", code="too_many_decimals")
        if Money(cap, currency) < purchase:
            detail = f"{offer.show(Money(cap, currency))} is less than one purchase of {offer.show(purchase)}"
            raise Invalid(field, f"{detail}, so the rule could never charge", code="cap_below_purchase")
    if draft.day_count_max is not None and not 1 <= draft.day_count_max <= COUNT_MAX:
        raise Invalid("day_count_max", f"must be from 1 to {COUNT_MAX}")


def _amount_caps(rule: Draft | Rule) -> tuple[tuple[str, Decimal | None], ...]:
    return (
        ("charge_amount_max", rule.charge_amount_max),
        ("day_amount_max", rule.day_amount_max),
        ("month_amount_max", rule.month_amount_max),
    )


def needs_consent(before: Rule | None, draft: Draft) -> bool:
    """Law 12: switching on or raising anything is an explicit act; lowering and switching off are not."""
    if not draft.enabled:
        return False
    if before is None or not before.enabled:
        return True
    if (before.price_id, before.currency_id, before.payment_method_id, before.mode) != (
        draft.price_id,
        draft.currency_id,
        draft.payment_method_id,
        draft.mode,
    ):
        return True
    caps = [(old, new) for (_, old), (_, new) in zip(_amount_caps(before), _amount_caps(draft), strict=True)]
    caps.append((_count(before.day_count_max), _count(draft.day_count_max)))
    raised = any(old is not None and (new is None or new > old) for old, new in caps)
    return raised or draft.packs > before.packs or draft.threshold > before.threshold or draft.goal > before.goal


def _count(count: int | None) -> Decimal | None:
    return None if count is None else Decimal(count)


def terms_of(draft: Draft, *, offer: Offer, method: str) -> Terms:
    """What a consent to this draft covers. `method` is how the customer knows it: "visa ···· 4242"."""
    if draft.payment_method_id is None:
        raise Invalid("payment_method_id", "an enabled rule needs a saved payment method")
    return Terms(
        price_id=ids.PRICE.text(offer.sale.price_id),
        unit_amount=plain(offer.sale.unit.amount),
        currency=offer.sale.unit.currency,
        credits_per_pack=str(offer.sale.credits),
        mode=draft.mode,
        packs=draft.packs,
        threshold=str(draft.threshold),
        target=_text(draft.target),
        charge_amount_max=_plain(draft.charge_amount_max),
        day_amount_max=_plain(draft.day_amount_max),
        day_count_max=draft.day_count_max,
        month_amount_max=_plain(draft.month_amount_max),
        payment_method_id=ids.PAYMENT_METHOD.text(draft.payment_method_id),
        method=method,
    )


def wording(draft: Draft, *, offer: Offer, merchant: str, method: str, unit: str) -> str:
    """The sentence that the customer agrees to. `unit` names the credits: "credits", "API calls"."""
    purchase, bought = offer.sale.unit.times(draft.packs), offer.sale.credits.times(draft.packs)
    line = f"I allow {merchant} to charge {method} without asking me again"
    line += f" whenever my balance falls below {_grouped(draft.threshold)} {unit}: "
    if draft.target is None:
        line += f"{_packs(draft.packs)} ({_grouped(bought)} {unit}) for {offer.show(purchase)}"
        line += f", or as many times that as it takes to reach {_grouped(draft.threshold)} {unit} again"
    else:
        line += f"as many packs of {_grouped(bought)} {unit} for {offer.show(purchase)} as it takes to reach {_grouped(draft.target)} {unit}"
    limits = _limits(draft, offer=offer)
    line += f"; at most {', '.join(limits)}" if limits else "; without a limit"
    return f"{line}. I can switch this off at any time."


def _limits(draft: Draft, *, offer: Offer) -> list[str]:
    names = {"charge_amount_max": "per charge", "day_amount_max": "a day", "month_amount_max": "a month"}
    currency = offer.sale.unit.currency
    limits = [
        f"{offer.show(Money(cap, currency))} {names[field]}" for field, cap in _amount_caps(draft) if cap is not None
    ]
    if draft.day_count_max is not None:
        limits.append("1 charge a day" if draft.day_count_max == 1 else f"{draft.day_count_max} charges a day")
    return limits


def _grouped(amount: Credits) -> str:
    """Exact, with thousands apart: "200,000" is read right, "2000000" is not."""
    return format(Decimal(str(amount)), ",f")


def _packs(count: int) -> str:
    return "1 pack" if count == 1 else f"{count} packs"


def _text(amount: Credits | None) -> str | None:
    return None if amount is None else str(amount)


def _plain(amount: Decimal | None) -> str | None:
    return None if amount is None else plain(amount)
