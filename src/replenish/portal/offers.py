"""What a page sells: the base price of a recharge config, or the price of a payment link, in the currencies of its options."""

from collections.abc import Sequence

import msgspec

from replenish.catalog import queries as catalog
from replenish.catalog.model import PaymentCurrency, PaymentLink, Price, PriceOption, Product
from replenish.core.db import Reads
from replenish.core.errors import Invalid, NotFound
from replenish.core.ids import CURRENCY, PriceId, WorkspaceId
from replenish.web.formats import money_text

_DIGITS_MAX = 9


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A credit price with everything that a page says about it."""

    price: Price
    product: Product
    credit_currency: PaymentCurrency

    @property
    def unit(self) -> str:
        return self.credit_currency.name

    @property
    def currencies(self) -> Sequence[tuple[str, str]]:
        """Each payment currency that it can be paid in: its id as text, and "10 USDC a pack"."""
        return [
            (CURRENCY.text(option.currency_id), f"{option.code}: {money_text(option.money_for(1))} a pack")
            for option in self.price.options
        ]

    def option(self, key: str) -> PriceOption:
        """The option that a form named; the first one for nothing. Raises Invalid(pay_in)."""
        if not key:
            return self.price.base
        currency_id = CURRENCY.try_parse(key)
        found = None if currency_id is None else self.price.option(currency_id)
        if found is None:
            raise Invalid("pay_in", "is no currency that this can be paid in")
        return found


async def offer_of(db: Reads, *, workspace_id: WorkspaceId, price_id: PriceId) -> Offer:
    """Raises NotFound(price), also for a price that sells no credits."""
    price = await catalog.price(db, workspace_id=workspace_id, price_id=price_id)
    if price.credit_config is None:
        raise NotFound("price")
    return Offer(
        price=price,
        product=await catalog.product(db, workspace_id=workspace_id, product_id=price.product_id),
        credit_currency=await catalog.currency(
            db, workspace_id=workspace_id, currency_id=price.credit_config.currency_id
        ),
    )


async def base_offer(db: Reads, *, workspace_id: WorkspaceId, currency: PaymentCurrency) -> Offer | None:
    """What a customer buys to top this credit currency up; None while the merchant sells none."""
    if currency.recharge_config is None:
        return None
    return await offer_of(db, workspace_id=workspace_id, price_id=currency.recharge_config.base_price_id)


async def linked_offer(db: Reads, *, workspace_id: WorkspaceId, slug: str) -> Offer:
    """What a payment link of this workspace sells. Raises NotFound, also for a link that is switched off."""
    link = await catalog.link_by_slug(db, slug=slug)
    if link.workspace_id != workspace_id or not link.active:
        raise NotFound("payment link")
    return await link_offer(db, link=link)


async def link_offer(db: Reads, *, link: PaymentLink) -> Offer:
    """A link that was sent out sells the product at today's price, not at an older version of it. Raises NotFound(price)."""
    price_id = await catalog.newest_version(db, workspace_id=link.workspace_id, price_id=link.price_id)
    return await offer_of(db, workspace_id=link.workspace_id, price_id=price_id)


def quantity_of(text: str) -> int:
    """A quantity as somebody typed it. Raises Invalid(quantity); the bounds are the quote's to judge."""
    cleaned = text.strip()
    if not (cleaned.isascii() and cleaned.isdigit()) or len(cleaned) > _DIGITS_MAX:
        raise Invalid("quantity", "is not a whole number such as 1")
    return int(cleaned)
