"""May this be spent? What recording usage would answer now, without recording it."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

from msgspec import UNSET, Meta, UnsetType

from replenish.api.v1.call import Call
from replenish.api.v1.routing import acts
from replenish.api.v1.wire import (
    Amount,
    Body,
    CreditCurrencyKey,
    CustomerKey,
    Example,
    MeterKey,
    Properties,
    Shortfall,
    Shown,
    Time,
)
from replenish.core.errors import Invalid, NotFound, PaymentRequired
from replenish.core.ids import BUDGET, CURRENCY, CUSTOMER
from replenish.core.metadata import clean_metadata
from replenish.core.money import DECIMALS_MAX, ZERO, parse_decimal
from replenish.flows.check_usage import UsageCheck, check_usage
from replenish.flows.record_usage import NewUsage
from replenish.wallets.budget import Budget, Counter
from replenish.web.top_up_urls import TopUpUrls


class UsageToCheck(Body):
    """With a meter, `value` in its unit; with a credit currency in its place, `amount` in credits, of unscoped grants."""

    EXAMPLE: ClassVar[Example] = {"customer_id": "user_17", "meter_id": "ai_tokens", "value": "1200"}

    customer_id: CustomerKey
    meter_id: Annotated[
        MeterKey | None,
        Meta(description="The meter, by id, event name or lookup key, with a `value`; or name a `currency_id`."),
    ] = None
    currency_id: Annotated[
        CreditCurrencyKey | None,
        Meta(description="The credit currency, by id or lookup key, with an `amount`; where no meter is named."),
    ] = None
    value: Annotated[
        Amount | None, Meta(description="How much would be used, in the meter's unit; with `meter_id`.")
    ] = None
    amount: Annotated[
        Amount | None, Meta(description="How many credits would be taken, of unscoped grants; with `currency_id`.")
    ] = None
    shortfall: Shortfall | UnsetType = UNSET
    properties: Properties | UnsetType = UNSET


class CheckedBudgetView(Shown):
    """A budget that looks at this usage, as it stands before it. `label` is the value that it counts by."""

    budget_id: str
    name: str
    label: str | None
    hard: bool
    limit: str
    spent: str
    held: str
    remaining: str
    window_ends_at: Time | None


class UsageCheckView(Shown):
    """`code` and `detail` say why not: what recording it would answer at `as_of`. It reserves nothing: hold credits for that.

    `required` is what it would debit, null without a price; `available` what it may spend of the balance, which is less than
    the whole where grants are for other meters. `budget_id` is the budget that refuses; `budgets` are all that look at it.
    """

    allowed: bool
    code: str | None
    detail: str | None
    customer_id: str
    currency_id: str
    required: str | None
    available: str
    balance: str
    owed: str
    top_up_url: str | None
    budget_id: str | None
    budgets: Sequence[CheckedBudgetView]
    as_of: Time


def _show_budget(budget: Budget, counter: Counter) -> CheckedBudgetView:
    return CheckedBudgetView(
        budget_id=BUDGET.text(budget.id),
        name=budget.name,
        label=None if budget.label_property is None else counter.label,
        hard=budget.hard,
        limit=str(budget.credit_limit),
        spent=str(counter.spent),
        held=str(counter.held),
        remaining=str(budget.credit_limit - counter.used),
        window_ends_at=counter.window_end,
    )


@acts("/usage/check", scope="usage:write", errors=(404,))
async def check(data: UsageToCheck, call: Call) -> UsageCheckView:
    """Ask whether usage would be accepted now. Takes and reserves nothing, and uses no key up.

    One row is read in the common case, so that it may stand before each call of yours; the answer is exact also at the
    instant in which credits expire.
    """
    usage = await _translate(data, call)
    found = await check_usage(call.db, usage=usage)
    url = None
    if isinstance(found.refusal, PaymentRequired):
        url = await TopUpUrls(call.context, call.workspace_id).of(usage.customer_id, usage.currency.id)
    return _show(usage, found, url)


def _show(usage: NewUsage, found: UsageCheck, url: str | None) -> UsageCheckView:
    refusal = found.refusal
    budget_id = None if refusal is None else refusal.numbers.get("budget_id")
    return UsageCheckView(
        allowed=refusal is None,
        code=None if refusal is None else refusal.own_code,
        detail=None if refusal is None else refusal.detail,
        customer_id=CUSTOMER.text_often(usage.customer_id),
        currency_id=CURRENCY.text_often(usage.currency.id),
        required=None if found.required is None else str(found.required),
        available=str(found.available),
        balance=str(found.balance),
        owed=str(found.owed),
        top_up_url=url,
        budget_id=None if budget_id is None else str(budget_id),
        budgets=[_show_budget(budget, counter) for budget, counter in found.budgets],
        as_of=found.as_of,
    )


async def _translate(data: UsageToCheck, call: Call) -> NewUsage:
    """Raises NotFound for a name that means nothing here, Invalid for what contradicts itself."""
    if (data.meter_id is None) == (data.currency_id is None):
        raise Invalid("meter_id", "name either a meter or a credit currency")
    names = call.context.usage_names
    given, field = (data.value, "value") if data.meter_id is not None else (data.amount, "amount")
    if given is None or (data.value is not None and data.amount is not None):
        raise Invalid(field, "give value with a meter, amount with a credit currency")
    if data.meter_id is not None:
        customer_id, rated = await names.one(
            workspace_id=call.workspace_id, customer=data.customer_id, meter=data.meter_id
        )
        if rated is None:
            raise NotFound("meter")
        meter, currency, decimals = rated.meter, rated.currency, DECIMALS_MAX
    else:
        keys = [data.customer_id]
        customer_id = (await names.customers(workspace_id=call.workspace_id, keys=keys)).get(data.customer_id)
        currency = await names.currency(workspace_id=call.workspace_id, key=data.currency_id or "")
        meter, decimals = None, currency.decimals
        if currency.type != "credit":
            raise Invalid("currency_id", f"{currency.unit} is money; usage is of credits")
    if customer_id is None:
        raise NotFound("customer")
    properties = None if data.properties is UNSET else clean_metadata(data.properties, field="properties")
    return NewUsage(
        workspace_id=call.workspace_id,
        customer_id=customer_id,
        currency=currency,
        meter=meter,
        key="check",
        value=parse_decimal(given, field=field, decimals=decimals, minimum=ZERO),
        shortfall=None if data.shortfall is UNSET else data.shortfall,
        properties=properties,
    )


routes = [check]
