"""Writes of a product's recharge settings: what its customers' automatic top-ups start from, and may be."""

from decimal import Decimal

import msgspec

from replenish.catalog.model import CreditConfig, Price, Product, RechargeSettings, RechargeTerms
from replenish.catalog.store import recharge_settings as store
from replenish.core.errors import Invalid
from replenish.core.money import Credits, parse_decimal
from replenish.core.transaction import Tx


async def set_recharge_settings(
    tx: Tx, *, product: Product, terms: RechargeTerms | None, price: Price, decimals: int
) -> RechargeSettings:
    """Replace a product's settings; without `terms`, its customers may not have automatic top-up.

    `price` is what one pack costs and grants, `decimals` its credit currency's. Raises Invalid(threshold_default | threshold_min |
    threshold_max).
    """
    settings = RechargeSettings(product_id=product.id, workspace_id=product.workspace_id, allowed=terms is not None)
    if terms is not None:
        if price.credit_config is None:
            raise Invalid("auto_top_up", "a product that grants no credits cannot be topped up")
        if not price.base.unit_amount:
            raise Invalid("unit_amount", "must be greater than 0 where it is charged automatically")
        settings = _checked(settings, terms, credit=price.credit_config, decimals=decimals)
    await store.upsert_recharge_settings(tx, settings)
    return settings


def _checked(
    settings: RechargeSettings, terms: RechargeTerms, *, credit: CreditConfig, decimals: int
) -> RechargeSettings:
    def amount(text: str, field: str) -> Credits:
        return Credits(parse_decimal(text, field=field, decimals=decimals, minimum=Decimal(0)))

    default = amount(terms.threshold_default, "threshold_default")
    low = None if terms.threshold_min is None else amount(terms.threshold_min, "threshold_min")
    high = None if terms.threshold_max is None else amount(terms.threshold_max, "threshold_max")
    # At or above one pack a purchase could never lift the balance to the threshold: it would charge without end (law 12).
    for field, threshold in (("threshold_default", default), ("threshold_min", low), ("threshold_max", high)):
        if threshold is not None and threshold >= credit.amount:
            raise Invalid(field, f"must be less than the credit amount of {credit.amount}", code="never_satisfiable")
    if low is not None and high is not None and low > high:
        raise Invalid("threshold_max", "must not be below the lowest threshold")
    if low is not None and default < low:
        raise Invalid("threshold_default", f"must not be below the lowest threshold of {low}")
    if high is not None and default > high:
        raise Invalid("threshold_default", f"must not be above the highest threshold of {high}")
    return msgspec.structs.replace(
        settings, mode=terms.mode, threshold_default=default, threshold_min=low, threshold_max=high
    )
