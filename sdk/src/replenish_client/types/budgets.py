"""Limits of what usage may take, and whether something may be spent."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from replenish_client.types.base import Answer, StoredMetadata


class Budget(Answer, frozen=True, kw_only=True):
    """What usage may take of a customer's credits in each `window`: `day`, `week`, `month`, or `none` (one without end).

    It looks at events with the property `label_property` of `label`, without a value at each value by itself (then
    `spent`, `held` and `remaining` are None, see `budgets.labels`), without a property at all of them. `alert_at` is a percentage.
    """

    id: str
    customer_id: str
    currency_id: str
    name: str
    label_property: str | None
    label: str | None
    meter_id: str | None
    window: str
    limit: Decimal
    hard: bool
    alert_at: int | None
    active: bool
    spent: Decimal | None
    held: Decimal | None
    remaining: Decimal | None
    window_starts_at: datetime
    window_ends_at: datetime | None
    metadata: StoredMetadata
    created_at: datetime
    updated_at: datetime


class BudgetLabel(Answer, frozen=True, kw_only=True):
    """What one value of a budget's property has taken in the window of now."""

    label: str
    limit: Decimal
    spent: Decimal
    held: Decimal
    remaining: Decimal
    window_starts_at: datetime
    window_ends_at: datetime | None


class CheckedBudget(Answer, frozen=True, kw_only=True):
    """A budget that looks at the usage that was asked for, as it stands before it."""

    budget_id: str
    name: str
    label: str | None
    hard: bool
    limit: Decimal
    spent: Decimal
    held: Decimal
    remaining: Decimal
    window_ends_at: datetime | None


class UsageCheck(Answer, frozen=True, kw_only=True):
    """Whether usage would be accepted at `as_of`; `code` and `detail` say why not. Nothing is reserved.

    `required` is what it would debit, `available` what it may spend of the balance. `budget_id` is the budget that refuses.
    """

    allowed: bool
    code: str | None
    detail: str | None
    customer_id: str
    currency_id: str
    required: Decimal | None
    available: Decimal
    balance: Decimal
    owed: Decimal
    top_up_url: str | None
    budget_id: str | None
    budgets: Sequence[CheckedBudget]
    as_of: datetime
