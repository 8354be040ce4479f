"""How a product is sold now: its payment type, its price, the credits it grants and what top-ups of them may be."""

from typing import Literal

import msgspec

from replenish.catalog import queries
from replenish.catalog.model import PaymentCurrency, PaymentLink, Price, Product, RechargeSettings
from replenish.catalog.store import recharge_settings as settings_store
from replenish.core.db import Reads
from replenish.core.ids import ProductId, WorkspaceId
from replenish.core.money import plain
from replenish.core.rows import row_to

# What an operator chooses between: a product of type `credit` is an add-on.
PaymentType = Literal["one_time", "add_on"]
_PRICES_MAX = 100


class Pricing(msgspec.Struct, frozen=True, kw_only=True):
    """`price` is the newest on sale that fits the payment type; None before the first was saved."""

    product: Product
    price: Price | None
    # On sale beside it, made through the API.
    further: int
    credit_currency: PaymentCurrency | None
    settings: RechargeSettings | None
    link: PaymentLink | None

    @property
    def payment_type(self) -> PaymentType:
        return "add_on" if self.product.type == "credit" else "one_time"

    @property
    def fields(self) -> dict[str, str]:
        """Every setting in words, for the audit."""
        if self.price is None:
            return {"payment_type": self.payment_type}
        shown = {"payment_type": self.payment_type}
        shown["price"] = ", ".join(f"{plain(one.unit_amount)} {one.code}" for one in self.price.options)
        config = self.price.credit_config
        if config is not None and self.credit_currency is not None:
            shown["credit_amount"] = f"{config.amount} {self.credit_currency.name}"
            if config.valid_duration_value:
                shown["expires_after"] = f"{config.valid_duration_value} {config.valid_duration_unit}"
        if self.settings is not None:
            shown["auto_top_up"] = "allowed" if self.settings.allowed else "not allowed"
        if self.settings is not None and self.settings.allowed:
            shown["top_up_mode"] = self.settings.mode
            for name in ("threshold_default", "threshold_min", "threshold_max"):
                shown[name] = str(getattr(self.settings, name) or "")
        return shown


async def pricing_of(db: Reads, *, product: Product) -> Pricing:
    workspace_id = product.workspace_id
    active = await queries.prices(db, workspace_id=workspace_id, product_id=product.id, active=True, limit=_PRICES_MAX)
    fitting = [one for one in active if (one.credit_config is not None) == (product.type == "credit")]
    price = fitting[0] if fitting else None
    credit_currency, link = None, None
    if price is not None:
        links = await queries.links(db, workspace_id=workspace_id, price_id=price.id, active=True, limit=1)
        link = links[0] if links else None
        if price.credit_config is not None:
            credit_currency = await queries.currency(
                db, workspace_id=workspace_id, currency_id=price.credit_config.currency_id
            )
    return Pricing(
        product=product,
        price=price,
        further=max(len(fitting) - 1, 0),
        credit_currency=credit_currency,
        settings=await recharge_settings(db, workspace_id=workspace_id, product_id=product.id),
        link=link,
    )


async def recharge_settings(db: Reads, *, workspace_id: WorkspaceId, product_id: ProductId) -> RechargeSettings | None:
    """None: the merchant has said nothing, so customers may choose freely."""
    found = await settings_store.recharge_settings(db, workspace_id, product_id)
    return None if found is None else row_to(RechargeSettings, found)
