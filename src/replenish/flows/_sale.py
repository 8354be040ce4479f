"""What both kinds of purchase share: what is sold, whether it may be, and the rows that say so."""

from decimal import Decimal

import msgspec

from replenish.catalog import queries as catalog
from replenish.catalog.model import CreditConfig, PaymentCurrency, Price, PriceOption, Product
from replenish.core import ids
from replenish.core.db import Reads
from replenish.core.errors import Conflict, Invalid
from replenish.core.ids import (
    CheckoutSessionId,
    CurrencyId,
    CustomerId,
    PaymentMethodId,
    PriceId,
    RechargeAttemptId,
    TopUpId,
    WorkspaceId,
)
from replenish.core.metadata import Metadata
from replenish.customers.model import Customer
from replenish.payments.model import Payment
from replenish.topups.model import Offer, Origin, TopUp, new_number
from replenish.wallets.book import Book
from replenish.wallets.model import WalletRef


class CustomerFrozen(Conflict):
    code = "customer_frozen"

    def __init__(self) -> None:
        super().__init__("This customer is frozen and can neither spend nor buy credits.")


class Sale(msgspec.Struct, frozen=True, kw_only=True):
    """A credit price in one payment currency, as the catalog has it now."""

    price: Price
    product: Product
    option: PriceOption
    credit: CreditConfig
    credit_currency: PaymentCurrency
    # In the currency of the price's base option; None = none, or set in a currency that this price cannot be paid in.
    amount_min: Decimal | None
    amount_max: Decimal | None

    def wallet_of(self, customer_id: CustomerId) -> WalletRef:
        return WalletRef(self.price.workspace_id, customer_id, self.credit.currency_id)

    @property
    def offer(self) -> Offer:
        return Offer(
            unit=self.option.money_for(1),
            unit_credits=self.credit.amount,
            quantity_max=self.price.quantity_max,
            bound_unit=self.price.base.money_for(1),
            amount_min=self.amount_min,
            amount_max=self.amount_max,
        )


async def load_sale(db: Reads, *, workspace_id: WorkspaceId, price_id: PriceId, currency_id: CurrencyId | None) -> Sale:
    """`currency_id` None = the price's base currency.

    Raises NotFound(price), Invalid(price_id) for one that sells no credits, Invalid(currency_id) for a currency that it
    has no amount in. Whether it may be sold now is for `refuse_unsellable`.
    """
    price = await catalog.price(db, workspace_id=workspace_id, price_id=price_id)
    if price.credit_config is None:
        raise Invalid("price_id", "sells no credits")
    option = price.base if currency_id is None else price.option(currency_id)
    if option is None:
        raise Invalid("currency_id", "this price has no amount in that currency")
    product = await catalog.product(db, workspace_id=workspace_id, product_id=price.product_id)
    credit_currency = await catalog.currency(db, workspace_id=workspace_id, currency_id=price.credit_config.currency_id)
    config = credit_currency.recharge_config
    bounded = False
    if config is not None:
        base = price
        if config.base_price_id != price.id:
            base = await catalog.price(db, workspace_id=workspace_id, price_id=config.base_price_id)
        bounded = base.base.currency_id == price.base.currency_id
    return Sale(
        price=price,
        product=product,
        option=option,
        credit=price.credit_config,
        credit_currency=credit_currency,
        amount_min=config.amount_min if config is not None and bounded else None,
        amount_max=config.amount_max if config is not None and bounded else None,
    )


def refuse_unsellable(sale: Sale, customer: Customer | None) -> None:
    """Raises Invalid(price_id) when price, product or credit currency are inactive, CustomerFrozen."""
    if not sale.price.active:
        raise Invalid("price_id", "this price is inactive", code="price_inactive")
    if not sale.product.active:
        raise Invalid("price_id", "this product is inactive", code="product_inactive")
    if not sale.credit_currency.active:
        raise Invalid("price_id", "this credit currency is inactive", code="currency_inactive")
    if customer is not None and customer.frozen_at is not None:
        raise CustomerFrozen


def new_top_up(
    sale: Sale,
    *,
    book: Book,
    quantity: int,
    origin: Origin,
    top_up_id: TopUpId | None = None,
    payment_method_id: PaymentMethodId | None = None,
    checkout_session_id: CheckoutSessionId | None = None,
    recharge_attempt_id: RechargeAttemptId | None = None,
    save_method: bool = False,
    metadata: Metadata | None = None,
    request_key: str | None = None,
) -> TopUp:
    """The purchase as it is sold now; its quantity was checked by a quote or a policy."""
    return TopUp(
        customer_id=book.wallet.customer_id,
        id=top_up_id or ids.TOP_UP.new(),
        workspace_id=book.wallet.workspace_id,
        wallet_id=book.wallet.id,
        number=new_number(),
        origin=origin,
        state="open",
        price_id=sale.price.id,
        product_id=sale.product.id,
        product_name=sale.product.name,
        quantity=quantity,
        currency_id=sale.option.currency_id,
        currency=sale.option.code,
        amount=sale.option.money_for(quantity).amount,
        credit_currency_id=sale.credit.currency_id,
        credit_amount=sale.credit.credits_for(quantity),
        credit_priority=sale.credit.priority,
        valid_duration_value=sale.credit.valid_duration_value,
        valid_duration_unit=sale.credit.valid_duration_unit,
        credit_scope=sale.credit.scope,
        payment_method_id=payment_method_id,
        checkout_session_id=checkout_session_id,
        recharge_attempt_id=recharge_attempt_id,
        save_method=save_method,
        metadata=metadata or {},
        request_key=request_key,
        created_at=book.now,
    )


def new_payment(
    top_up: TopUp, *, provider: str, provider_account: str, customer_present: bool, return_url: str
) -> Payment:
    """One try at paying for it: by the top-up's saved method, or on a hosted page when it has none."""
    return Payment(
        customer_id=top_up.customer_id,
        id=ids.PAYMENT.new(),
        workspace_id=top_up.workspace_id,
        top_up_id=top_up.id,
        provider=provider,
        provider_account=provider_account,
        payment_method_id=top_up.payment_method_id,
        currency_id=top_up.currency_id,
        currency=top_up.currency,
        amount=top_up.amount,
        state="decided",
        customer_present=customer_present,
        return_url=return_url,
        created_at=top_up.created_at,
    )
