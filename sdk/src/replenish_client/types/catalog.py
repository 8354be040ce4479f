"""What is sold, and how usage becomes credits."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from replenish_client.types.base import Answer, StoredMetadata


class Campaign(Answer, frozen=True, kw_only=True):
    """A named group of products. `number` is its short number in the workspace."""

    id: str
    number: int
    name: str
    metadata: StoredMetadata
    created_at: datetime
    archived_at: datetime | None


class Product(Answer, frozen=True, kw_only=True):
    """What is sold. `type`: `credit` (an add-on that sells credits), `service`, `good`."""

    id: str
    number: int
    type: str
    name: str
    description: str
    campaign_id: str | None
    lookup_key: str | None
    active: bool
    metadata: StoredMetadata
    created_at: datetime


class Ipn(Answer, frozen=True, kw_only=True):
    """Where a product's IPN go. `secret` is the campaign's, right after it was made; else None."""

    product_id: str
    url: str | None
    charset: str
    secret: str | None


class IpnSecret(Answer, frozen=True, kw_only=True):
    """The secret that signs a campaign's IPN, shown once."""

    campaign_id: str
    secret: str


class CreditConfig(Answer, frozen=True, kw_only=True):
    """What one unit of a price grants: `credit_amount` of the credit currency `currency_id`.

    A `valid_duration_value` of 0 never expires; its unit: `hours`, `days`, `weeks`, `months`, `years`. `scope` holds the
    ids of the meters that the credits may pay for; empty = all.
    """

    currency_id: str
    credit_amount: Decimal
    priority: int
    valid_duration_value: int
    valid_duration_unit: str
    scope: Sequence[str]


class CurrencyOption(Answer, frozen=True, kw_only=True):
    """One currency that a price can be paid in."""

    currency_id: str
    code: str
    unit_amount: Decimal


class Price(Answer, frozen=True, kw_only=True):
    """What one unit of a product costs. `currency_options`: all that it can be paid in, the base currency first."""

    id: str
    product_id: str
    type: str
    nickname: str
    lookup_key: str | None
    active: bool
    currency_id: str
    unit_amount: Decimal
    currency_options: Sequence[CurrencyOption]
    credit_config: CreditConfig | None
    meter_id: str | None
    quantity_max: int
    metadata: StoredMetadata
    created_at: datetime


class RechargeConfig(Answer, frozen=True, kw_only=True):
    """What a customer buys to top a credit currency up. Bounds are in the base price's currency."""

    base_price_id: str
    payment_link_id: str | None
    checkout_url: str | None
    min_recharge_amount: Decimal | None
    max_recharge_amount: Decimal | None


class ResolvedRechargeConfig(RechargeConfig, frozen=True, kw_only=True):
    """`url`: where a customer tops up: checkout URL, else payment link, else the link made from the base price."""

    url: str


class PaymentCurrency(Answer, frozen=True, kw_only=True):
    """`type`: `standard` is money, `credit` what customers hold. `overdraft_policy`: `none`, `limited`, `unlimited`."""

    id: str
    type: str
    code: str | None
    lookup_key: str | None
    name: str
    symbol: str
    decimals: int
    active: bool
    overdraft_policy: str
    overdraft_limit: Decimal | None
    recharge_config: RechargeConfig | None
    metadata: StoredMetadata
    created_at: datetime


class Tier(Answer, frozen=True, kw_only=True):
    """`up_to`: the last unit of the month in this tier; None in the last tier."""

    up_to: Decimal | None
    credits_per_unit: Decimal


class Rate(Answer, frozen=True, kw_only=True):
    """What usage costs. `type`: `flat` (`credits_per_unit`), `package` (`package_size`, `credits_per_package`), `graduated` (`tiers`)."""

    type: str
    credits_per_unit: Decimal | None = None
    package_size: Decimal | None = None
    credits_per_package: Decimal | None = None
    tiers: Sequence[Tier] = ()


class RateCardEntry(Answer, frozen=True, kw_only=True):
    """The rate of events that carry all of these properties, each with the value named, or with one of several."""

    properties: Mapping[str, str | Sequence[str]]
    rate: Rate


class Meter(Answer, frozen=True, kw_only=True):
    """Turns reported usage into credits of `currency_id`. `aggregation`: `sum`, `count`; `status`: `active`, `inactive`.

    `credits_per_unit` is None where `rate` is not flat. `unmatched`: what becomes of an event that no entry of the rate card
    matches: `default` (the meter's own rate) or `reject`.
    """

    id: str
    name: str
    event_name: str
    unit: str
    aggregation: str
    credits_per_unit: Decimal | None
    rate: Rate
    rate_card: Sequence[RateCardEntry]
    unmatched: str
    currency_id: str
    description: str
    lookup_key: str | None
    status: str
    metadata: StoredMetadata
    created_at: datetime


class PaymentLink(Answer, frozen=True, kw_only=True):
    """A public address, `url`, where one price can be bought."""

    id: str
    url: str
    price_id: str
    quantity: int
    quantity_adjustable: bool
    after_completion_url: str | None
    name: str
    lookup_key: str | None
    active: bool
    metadata: StoredMetadata
    created_at: datetime
