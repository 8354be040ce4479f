"""What is sold and how usage is rated, as values. Pure: no database, no clock."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Literal

import msgspec

from replenish.catalog.rates import NO_CARD, GraduatedRate, Rate, RateCard, Unmatched
from replenish.core.ids import CampaignId, CurrencyId, MeterId, PaymentLinkId, PriceId, ProductId, WorkspaceId
from replenish.core.metadata import Metadata
from replenish.core.money import Credits, Money
from replenish.core.times import months_later

CurrencyType = Literal["standard", "credit"]
OverdraftPolicy = Literal["none", "limited", "unlimited"]
ProductType = Literal["credit", "service", "good"]
Aggregation = Literal["sum", "count"]
MeterStatus = Literal["active", "inactive"]
# What an automatic top-up buys unless its customer says otherwise: one pack, or as many as fill one pack's amount up again.
RechargeMode = Literal["pack", "refill_to_full"]
DurationUnit = Literal["hours", "days", "weeks", "months", "years"]

QUANTITY_MAX: Final = 9999
YEARS_MAX: Final = 100


class RechargeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What a customer buys to top a credit currency up."""

    base_price_id: PriceId
    payment_link_id: PaymentLinkId | None
    checkout_url: str | None
    # Bounds of one purchase, in whole units of the base price's currency.
    amount_min: Decimal | None
    amount_max: Decimal | None


class PaymentCurrency(msgspec.Struct, frozen=True, kw_only=True):
    """Money (`standard`, known by its code) or what customers hold (`credit`)."""

    id: CurrencyId
    workspace_id: WorkspaceId
    type: CurrencyType
    code: str | None
    lookup_key: str | None
    name: str
    symbol: str
    decimals: int
    active: bool
    overdraft_policy: OverdraftPolicy
    overdraft_limit: Credits | None
    recharge_config: RechargeConfig | None
    metadata: Metadata
    created_at: datetime

    @property
    def unit(self) -> str:
        """The name of its amounts in `Money`: the code of money, otherwise the lookup key or the name."""
        return self.code or self.lookup_key or self.name


class Meter(msgspec.Struct, frozen=True, kw_only=True):
    """Turns a reported event into credits of one credit currency."""

    id: MeterId
    workspace_id: WorkspaceId
    name: str
    event_name: str
    lookup_key: str | None
    aggregation: Aggregation
    unit: str
    description: str
    status: MeterStatus
    currency_id: CurrencyId
    # The flat rate, unless `rate` says otherwise.
    credits_per_unit: Decimal
    metadata: Metadata
    created_at: datetime
    rate: Rate | None = None
    # Which rate holds for which events; what no entry matches is charged at the meter's own rate, or rejected.
    rate_card: RateCard = NO_CARD
    unmatched: Unmatched = "default"

    @property
    def counts_months(self) -> bool:
        """Whether an event's price depends on the units before it in the month."""
        return isinstance(self.rate, GraduatedRate) or self.rate_card.counts_months


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """A named group of products."""

    id: CampaignId
    workspace_id: WorkspaceId
    number: int
    name: str
    metadata: Metadata
    created_at: datetime
    archived_at: datetime | None


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """What is sold. Only type `credit` sells credits."""

    id: ProductId
    workspace_id: WorkspaceId
    campaign_id: CampaignId | None
    number: int
    type: ProductType
    name: str
    description: str
    lookup_key: str | None
    active: bool
    metadata: Metadata
    created_at: datetime


class CreditConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What one unit of a credit price grants."""

    currency_id: CurrencyId
    amount: Credits
    priority: int = 50
    # 0 = never expires.
    valid_duration_value: int = 0
    valid_duration_unit: DurationUnit = "days"
    # Meters that the credits may pay for; empty = all.
    scope: Sequence[MeterId] = ()

    def credits_for(self, quantity: int) -> Credits:
        return self.amount.times(quantity)

    def expires_at(self, start: datetime) -> datetime | None:
        return expiry(start, value=self.valid_duration_value, unit=self.valid_duration_unit)


class CreditTerms(msgspec.Struct, frozen=True, kw_only=True):
    """A credit config as it is asked for, not yet checked."""

    currency_id: CurrencyId
    amount: str
    priority: int = 50
    valid_duration_value: int = 0
    valid_duration_unit: DurationUnit = "days"
    scope: Sequence[MeterId] = ()


class PriceOption(msgspec.Struct, frozen=True, kw_only=True):
    """One payment currency in which a price can be paid."""

    currency_id: CurrencyId
    code: str
    decimals: int
    unit_amount: Decimal

    def money_for(self, quantity: int) -> Money:
        return Money(self.unit_amount, self.code).times(quantity)


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """What one unit of a product costs. Amounts and credit config never change once made: make a new price."""

    id: PriceId
    workspace_id: WorkspaceId
    product_id: ProductId
    nickname: str
    lookup_key: str | None
    active: bool
    # The base currency's option comes first.
    options: Sequence[PriceOption]
    quantity_max: int
    credit_config: CreditConfig | None
    meter_id: MeterId | None
    metadata: Metadata
    created_at: datetime
    # The newer version of a price that was archived for it.
    superseded_by: PriceId | None = None

    @property
    def base(self) -> PriceOption:
        return self.options[0]

    def option(self, currency_id: CurrencyId) -> PriceOption | None:
        return next((option for option in self.options if option.currency_id == currency_id), None)


class RechargeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a merchant allows and suggests for automatic top-ups of a product's credits; the threshold is the customer's."""

    product_id: ProductId
    workspace_id: WorkspaceId
    allowed: bool
    mode: RechargeMode = "pack"
    # Set where it is allowed; a bound that is None is none.
    threshold_default: Credits | None = None
    threshold_min: Credits | None = None
    threshold_max: Credits | None = None


class RechargeTerms(msgspec.Struct, frozen=True, kw_only=True):
    """Recharge settings as they are asked for, not yet checked. None as a bound: no bound."""

    mode: RechargeMode
    threshold_default: str
    threshold_min: str | None = None
    threshold_max: str | None = None


class TopUpPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where a credit currency is bought: on our own pages, or wherever the merchant's checkout is."""

    url: str
    is_ours: bool


class PaymentLink(msgspec.Struct, frozen=True, kw_only=True):
    """A public address where one price can be bought."""

    id: PaymentLinkId
    workspace_id: WorkspaceId
    slug: str
    lookup_key: str | None
    name: str
    price_id: PriceId
    quantity: int
    quantity_adjustable: bool
    after_completion_url: str | None
    active: bool
    metadata: Metadata
    created_at: datetime
    # Set on the link that a recharge config made from its base price.
    made_for_currency_id: CurrencyId | None

    def url(self, base_url: str) -> str:
        return f"{base_url}/checkout/pay/{self.slug}"


def expiry(start: datetime, *, value: int, unit: DurationUnit) -> datetime | None:
    """When credits granted at `start` expire; None for a duration of 0. Months and years are the calendar's, in UTC."""
    if not value:
        return None
    match unit:
        case "hours":
            return start + timedelta(hours=value)
        case "days":
            return start + timedelta(days=value)
        case "weeks":
            return start + timedelta(weeks=value)
        case "months":
            return months_later(start, value)
        case "years":
            return months_later(start, 12 * value)
