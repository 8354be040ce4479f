"""What catalog and payments know that a recharge decision needs, in the policy's own words."""

from typing import Final

from replenish.catalog import pricing
from replenish.catalog.model import RechargeSettings
from replenish.core.db import Reads
from replenish.core.errors import Invalid, NotFound
from replenish.core.ids import CurrencyId, CustomerId, PaymentMethodId, PriceId
from replenish.core.money import EXACT
from replenish.flows._providers import Providers
from replenish.flows._sale import Sale, load_sale
from replenish.payments import queries as payments
from replenish.payments.model import PaymentMethod
from replenish.payments.provider import ChargesSavedMethod
from replenish.recharge import model as recharge
from replenish.recharge.policy import Method, Offer
from replenish.wallets.model import WalletRef

_LEAST: Final = 1


async def sale_of(db: Reads, *, ref: WalletRef, price_id: PriceId, currency_id: CurrencyId) -> Sale | None:
    """None when the price is not there, is not sold in this money, or grants another credit currency."""
    try:
        sale = await load_sale(db, workspace_id=ref.workspace_id, price_id=price_id, currency_id=currency_id)
    except (NotFound, Invalid):
        return None
    return sale if sale.credit.currency_id == ref.currency_id else None


async def settings_of(db: Reads, sale: Sale) -> RechargeSettings | None:
    """What the merchant allows for automatic top-ups of the product."""
    return await pricing.recharge_settings(db, workspace_id=sale.product.workspace_id, product_id=sale.product.id)


def offer_of(sale: Sale, settings: RechargeSettings | None, *, agreed: bool) -> Offer:
    """What it sells now, with the merchant's bounds of one purchase as numbers of packs.

    `agreed`: for a rule that stands. It goes on at its price when a newer version has taken that price's place; nobody
    agrees to the old one any more.
    """
    bounds = sale.offer
    lowest, highest = _LEAST, bounds.quantity_max
    if bounds.amount_min is not None and bounds.bound_unit:
        whole = int(EXACT.divide_int(bounds.amount_min, bounds.bound_unit.amount))
        rest = EXACT.remainder(bounds.amount_min, bounds.bound_unit.amount)
        lowest = max(lowest, whole + 1 if rest else whole)
    if bounds.amount_max is not None and bounds.bound_unit:
        highest = min(highest, int(EXACT.divide_int(bounds.amount_max, bounds.bound_unit.amount)))
    return Offer(
        sale=recharge.Sale(sale.price.id, bounds.unit, bounds.unit_credits),
        active=(sale.price.active or (agreed and sale.price.superseded_by is not None))
        and sale.product.active
        and sale.credit_currency.active,
        allowed=settings is None or settings.allowed,
        threshold_min=None if settings is None else settings.threshold_min,
        threshold_max=None if settings is None else settings.threshold_max,
        quantity_min=lowest,
        quantity_max=highest,
        decimals=sale.option.decimals,
    )


async def method_of(db: Reads, *, customer_id: CustomerId, method_id: PaymentMethodId | None) -> PaymentMethod | None:
    """The customer's own method; None when it was detached since, or is nobody's or another's."""
    if method_id is None:
        return None
    try:
        found = await payments.method(db, customer_id=customer_id, method_id=method_id)
    except NotFound:
        return None
    return None if found.detached_at is not None else found


def chargeable(method: PaymentMethod | None, *, providers: Providers, currency: str | None) -> Method | None:
    """As the policy sees it: whether its provider is set up in this process and takes this money."""
    if method is None:
        return None
    provider = providers.get(method.provider)
    usable = isinstance(provider, ChargesSavedMethod) and (currency is None or provider.takes(currency))
    return Method(
        fingerprint=method.fingerprint,
        expires_month=method.expires_month,
        expires_year=method.expires_year,
        usable=usable,
    )


def label(method: PaymentMethod) -> str:
    """How a customer knows it: "Visa ···· 4242"."""
    return f"{method.brand[:1].upper()}{method.brand[1:]} ···· {method.last4}"
