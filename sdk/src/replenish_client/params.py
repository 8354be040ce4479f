"""Shapes of what is sent, where it is more than a value."""

from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired, TypeAlias, TypedDict

from replenish_client._values import Amount, Metadata, Moment, amount, idempotency_key, known, metadata, optional_moment

IpnCharset: TypeAlias = Literal["utf-8", "iso-8859-1"]
ProductType: TypeAlias = Literal["credit", "service", "good"]
CurrencyType: TypeAlias = Literal["standard", "credit"]
OverdraftPolicy: TypeAlias = Literal["none", "limited", "unlimited"]
DurationUnit: TypeAlias = Literal["hours", "days", "weeks", "months", "years"]
Aggregation: TypeAlias = Literal["sum", "count"]
MeterStatus: TypeAlias = Literal["active", "inactive"]
Cadence: TypeAlias = Literal["weekly", "monthly", "quarterly", "yearly"]
Unmatched: TypeAlias = Literal["default", "reject"]
Category: TypeAlias = Literal["paid", "promotional"]
Shortfall: TypeAlias = Literal["reject", "owe"]
BudgetWindow: TypeAlias = Literal["day", "week", "month", "none"]
Order: TypeAlias = Literal["newest", "oldest"]
Scope: TypeAlias = Literal[
    "read", "usage:write", "credits:write", "catalog:write", "customers:write", "payments:write", "keys:write", "*"
]

SessionMode: TypeAlias = Literal["payment", "setup"]
RechargeMode: TypeAlias = Literal["packs", "target"]
TopupState: TypeAlias = Literal["open", "submitted", "settled", "failed", "cancelled", "expired"]
PaymentState: TypeAlias = Literal[
    "decided",
    "prepared",
    "submitted",
    "confirming",
    "needs_customer",
    "settled",
    "declined",
    "cancelled",
    "unapplied",
    "refunded",
]
RefundState: TypeAlias = Literal["pending", "succeeded", "failed"]
RefundPolicy: TypeAlias = Literal["owe", "write_off"]
AttemptState: TypeAlias = Literal[
    "decided",
    "prepared",
    "submitted",
    "needs_customer",
    "succeeded",
    "declined",
    "cancelled",
    "expired",
    "refused",
]


class NewCreditConfig(TypedDict):
    """What one unit of a price grants.

    `currency_id`: a credit currency, by id or lookup key. `priority`: 0 to 100, lower burns first, 50 unless said. A
    `valid_duration_value` of 0, as when left out, never expires. `scope`: meters, by id, event name or lookup key, that the
    credits may pay for; empty = all.
    """

    currency_id: str
    credit_amount: Amount
    priority: NotRequired[int]
    valid_duration_value: NotRequired[int]
    valid_duration_unit: NotRequired[DurationUnit]
    scope: NotRequired[Sequence[str]]


class NewCurrencyOption(TypedDict):
    """A further currency, by id or code, that a price can be paid in."""

    currency_id: str
    unit_amount: Amount


class NewFlatRate(TypedDict):
    """The same for each unit."""

    type: Literal["flat"]
    credits_per_unit: Amount


class NewPackageRate(TypedDict):
    """Whole packages of units; one that is begun is paid, by each event for itself."""

    type: Literal["package"]
    package_size: Amount
    credits_per_package: Amount


class NewTier(TypedDict):
    """`up_to`: the last unit of the month in this tier; None in the last tier only."""

    up_to: Amount | None
    credits_per_unit: Amount


class NewGraduatedRate(TypedDict):
    """Each unit at the rate of the tier that it falls into. Units count by customer, entry of the rate card, and month."""

    type: Literal["graduated"]
    tiers: Sequence[NewTier]


NewRate: TypeAlias = NewFlatRate | NewPackageRate | NewGraduatedRate


class NewRateCardEntry(TypedDict):
    """The rate of events that carry all of these properties, each with the value named, or with one of several."""

    properties: Mapping[str, str | Sequence[str]]
    rate: NewRate


class NewUsageEvent(TypedDict):
    """One use, as `usage.record` takes it. `customer_id`: id or external id. `meter_id`: id, event name or lookup key."""

    customer_id: str
    meter_id: str
    idempotency_key: str
    value: NotRequired[Amount]
    timestamp: NotRequired[Moment]
    shortfall: NotRequired[Shortfall]
    properties: NotRequired[Metadata]


class NewConsent(TypedDict):
    """The customer's explicit act, as you recorded it: the `wording` that they agreed to, and from where."""

    wording: str
    ip: NotRequired[str]
    user_agent: NotRequired[str]


def credit_config(given: NewCreditConfig | None) -> dict[str, object] | None:
    """As the wire takes it. Raises TypeError or ValueError naming the amount."""
    if given is None:
        return None
    return {**given, "credit_amount": amount(given["credit_amount"], "credit_config.credit_amount")}


def currency_options(given: Sequence[NewCurrencyOption] | None) -> list[dict[str, object]] | None:
    """As the wire takes it. Raises TypeError or ValueError naming the amount."""
    if given is None:
        return None
    return [
        {**option, "unit_amount": amount(option["unit_amount"], f"currency_options[{place}].unit_amount")}
        for place, option in enumerate(given)
    ]


def rate(given: NewRate, name: str = "rate") -> dict[str, object]:
    """As the wire takes it. Raises TypeError or ValueError naming the amount."""
    if given["type"] == "flat":
        each = given["credits_per_unit"]
        return {**given, "credits_per_unit": amount(each, f"{name}.credits_per_unit")}
    if given["type"] == "package":
        return {
            **given,
            "package_size": amount(given["package_size"], f"{name}.package_size"),
            "credits_per_package": amount(given["credits_per_package"], f"{name}.credits_per_package"),
        }
    return {**given, "tiers": [_tier(tier, f"{name}.tiers[{place}]") for place, tier in enumerate(given["tiers"])]}


def _tier(given: NewTier, name: str) -> dict[str, object]:
    up_to = given["up_to"]
    return {
        "up_to": None if up_to is None else amount(up_to, f"{name}.up_to"),
        "credits_per_unit": amount(given["credits_per_unit"], f"{name}.credits_per_unit"),
    }


def rate_card(given: Sequence[NewRateCardEntry]) -> list[dict[str, object]]:
    """As the wire takes it. Raises TypeError or ValueError naming the amount."""
    return [{**entry, "rate": rate(entry["rate"], f"rate_card[{place}].rate")} for place, entry in enumerate(given)]


def usage_event(given: NewUsageEvent, *, place: str = "") -> dict[str, object]:
    """As the wire takes it. Raises TypeError or ValueError naming the field."""
    properties = given.get("properties")
    return {
        **given,
        "idempotency_key": idempotency_key(given["idempotency_key"], f"{place}idempotency_key"),
        **known(
            value=amount(given["value"], f"{place}value") if "value" in given else None,
            timestamp=optional_moment(given.get("timestamp"), f"{place}timestamp"),
            properties=None if properties is None else metadata(properties, f"{place}properties"),
        ),
    }
