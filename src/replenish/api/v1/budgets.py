"""Budgets: what usage of a customer's credits may take in a window of time, as a whole or by a label of the event."""

from decimal import Decimal
from typing import Annotated, ClassVar

from msgspec import UNSET, Meta, UnsetType, field

from replenish.api.v1.call import Call
from replenish.api.v1.references import currency_ref, customer_ref, meter_ref
from replenish.api.v1.routing import changes, creates, reads, removes
from replenish.api.v1.wire import (
    Amount,
    Body,
    CreditCurrencyKey,
    Cursor,
    CustomerKey,
    Example,
    Key,
    Limit,
    Metadata,
    MeterKey,
    Page,
    Shown,
    Time,
    before,
    page,
    path_id,
)
from replenish.core.ids import BUDGET, CURRENCY, CUSTOMER, METER, BudgetCounterId, BudgetId
from replenish.core.metadata import KEY_LONGEST, clean_metadata
from replenish.core.money import DECIMALS_MAX, ZERO, Credits, parse_decimal
from replenish.core.text import clean_text
from replenish.customers import queries as customers
from replenish.flows import manage_budgets as flow
from replenish.wallets import budget_queries as queries
from replenish.wallets.budget import WindowKind
from replenish.wallets.budget_queries import BudgetNow, Standing

BudgetName = Annotated[str, Meta(max_length=255, description="What refusals and events call it.")]
Limited = Annotated[Amount, Meta(description="Credits that usage may take in one window, open holds included.")]
Hard = Annotated[
    bool,
    Meta(description="Whether usage beyond the limit is refused with 409 `budget_exceeded`; false: only events tell."),
]
Active = Annotated[bool, Meta(description="Whether it limits and counts; an inactive budget does neither.")]
Property = Annotated[str, Meta(min_length=1, max_length=KEY_LONGEST, description="A property of usage events.")]
PropertyValue = Annotated[
    str, Meta(min_length=1, max_length=255, description="One value of it, as text. Without one: each value by itself.")
]
Percent = Annotated[int, Meta(ge=1, le=99, description="Percent of the limit at which `budget.alert_reached` is sent.")]


class NewBudget(Body):
    """It looks at usage of the customer in this credit currency: at all of it, or at events with a property.

    With `label_property` team and `label` search: events whose property team is search. With the property alone: each value
    by itself, such as each user. Windows begin at midnight, weeks on Monday, in the workspace's time zone; `none` is one window without end. A soft
    budget (`hard` false) refuses nothing, it only sends events.
    """

    EXAMPLE: ClassVar[Example] = {
        "customer_id": "user_17",
        "currency_id": "credits",
        "limit": "50",
        "window": "month",
        "label_property": "team",
        "label": "search",
        "alert_at": 80,
    }

    customer_id: CustomerKey
    currency_id: CreditCurrencyKey
    limit: Limited
    window: Annotated[
        WindowKind,
        Meta(
            description="What it counts in: a `day`, a `week` from Monday or a `month` of the workspace's time zone; `none` is one window without end."
        ),
    ]
    label_property: Annotated[
        Property | None,
        Meta(
            description="The property of usage events that it counts by, such as `team`; events without it do not count. All events unless said."
        ),
    ] = None
    label: Annotated[
        PropertyValue | None,
        Meta(
            description="The one value of the property that counts, such as `search`; unless said, each value has the limit for itself."
        ),
    ] = None
    meter_id: Annotated[
        MeterKey | None, Meta(description="The meter whose events count; those of all meters unless said.")
    ] = None
    hard: Hard = True
    alert_at: Percent | None = None
    active: Active = True
    name: BudgetName = ""
    metadata: Metadata = field(default_factory=dict)


class BudgetChanges(Body):
    """What it looks at and its window never change: make another one."""

    MADE_BY = NewBudget
    EXAMPLE: ClassVar[Example] = {"limit": "80"}

    limit: Limited | UnsetType = UNSET
    hard: Hard | UnsetType = UNSET
    alert_at: Percent | UnsetType | None = UNSET
    active: Active | UnsetType = UNSET
    name: BudgetName | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET


class BudgetView(Shown):
    """`spent` and `held` are of the window of now, `remaining` is what the limit leaves; below 0 where it was lowered.

    All three are null for a budget with a `label_property` and no `label`: each value has its own, see its labels.
    """

    id: str
    customer_id: str
    currency_id: str
    name: str
    label_property: str | None
    label: str | None
    meter_id: str | None
    window: WindowKind
    limit: str
    hard: bool
    alert_at: int | None
    active: bool
    spent: str | None
    held: str | None
    remaining: str | None
    window_starts_at: Time
    window_ends_at: Time | None
    metadata: Metadata
    created_at: Time
    updated_at: Time


class LabelView(Shown):
    """What one value of a budget's property has taken in the window of now."""

    label: str
    limit: str
    spent: str
    held: str
    remaining: str
    window_starts_at: Time
    window_ends_at: Time | None


def show(now: BudgetNow) -> BudgetView:
    budget, standing = now.budget, now.standing
    return BudgetView(
        id=BUDGET.text(budget.id),
        customer_id=CUSTOMER.text(budget.customer_id),
        currency_id=CURRENCY.text(now.currency_id),
        name=budget.name,
        label_property=budget.label_property,
        label=budget.label,
        meter_id=None if budget.meter_id is None else METER.text(budget.meter_id),
        window=budget.window_kind,
        limit=str(budget.credit_limit),
        hard=budget.hard,
        alert_at=budget.alert_percent,
        active=budget.active,
        spent=None if standing is None else str(standing.spent),
        held=None if standing is None else str(standing.held),
        remaining=None if standing is None else str(budget.credit_limit - standing.used),
        window_starts_at=now.window_start,
        window_ends_at=now.window_end,
        metadata=dict(budget.metadata),
        created_at=budget.created_at,
        updated_at=budget.updated_at,
    )


def _show_label(standing: Standing, *, limit: Credits) -> LabelView:
    return LabelView(
        label=standing.label,
        limit=str(limit),
        spent=str(standing.spent),
        held=str(standing.held),
        remaining=str(limit - standing.used),
        window_starts_at=standing.window_start,
        window_ends_at=standing.window_end,
    )


async def _view(call: Call, budget_id: BudgetId) -> BudgetView:
    found = await queries.budget(call.db, workspace_id=call.workspace_id, budget_id=budget_id)
    (now,) = await queries.now_of(call.db, found=[found])
    return show(now)


def _limit(text: str) -> Decimal:
    return parse_decimal(text, field="limit", decimals=DECIMALS_MAX, minimum=ZERO)


@creates("/budgets", scope="credits:write", errors=(404,))
async def create_budget(data: NewBudget, call: Call) -> BudgetView:
    """Create a budget. It counts from now on; usage that it has no room for answers 409 `budget_exceeded`."""
    new = flow.NewBudget(
        customer_id=await customer_ref(call, data.customer_id),
        currency_id=await currency_ref(call, data.currency_id, field="currency_id"),
        limit=_limit(data.limit),
        window=data.window,
        label_property=None
        if data.label_property is None
        else clean_text(data.label_property, field="label_property", longest=KEY_LONGEST),
        label=None if data.label is None else clean_text(data.label, field="label", longest=255),
        meter_id=None if data.meter_id is None else await meter_ref(call, data.meter_id, field="meter_id"),
        hard=data.hard,
        alert_percent=data.alert_at,
        active=data.active,
        name=clean_text(data.name, field="name", longest=255),
        metadata=clean_metadata(data.metadata),
    )
    budget_id, _ = await flow.create_budget(
        call.db, workspace_id=call.workspace_id, new=new, request_key=call.request_key(data)
    )
    return await _view(call, budget_id)


@reads("/budgets", errors=(404,))
async def list_budgets(
    call: Call,
    customer_id: Key | None = None,
    currency_id: Key | None = None,
    limit: Limit = 20,
    cursor: Cursor | None = None,
) -> Page[BudgetView]:
    """List budgets, newest first, as they stand now."""
    customer = None
    if customer_id is not None:
        customer = (await customers.find_customer(call.db, workspace_id=call.workspace_id, key=customer_id)).id
    last = before(cursor)
    found = await queries.budgets(
        call.db,
        workspace_id=call.workspace_id,
        customer_id=customer,
        currency_id=None if currency_id is None else await currency_ref(call, currency_id, field="currency_id"),
        before=None if last is None else BudgetId(last),
        limit=limit + 1,
    )
    rows = await queries.now_of(call.db, found=found)
    return page(rows, limit=limit, show=show, id_of=lambda row: row.budget.id)


@reads("/budgets/{budget_id:str}")
async def retrieve_budget(budget_id: str, call: Call) -> BudgetView:
    """Retrieve a budget, as it stands now."""
    return await _view(call, path_id(BUDGET, budget_id, "budget"))


@reads("/budgets/{budget_id:str}/labels")
async def list_budget_labels(
    budget_id: str, call: Call, limit: Limit = 20, cursor: Cursor | None = None
) -> Page[LabelView]:
    """List what each value of the budget's property has taken in the window of now, the latest met first."""
    found = await queries.budget(
        call.db, workspace_id=call.workspace_id, budget_id=path_id(BUDGET, budget_id, "budget")
    )
    last = before(cursor)
    rows = await queries.labels(
        call.db, found=found, before=None if last is None else BudgetCounterId(last), limit=limit + 1
    )
    return page(
        rows,
        limit=limit,
        show=lambda row: _show_label(row[1], limit=found.credit_limit),
        id_of=lambda row: row[0],
    )


@changes("/budgets/{budget_id:str}", scope="credits:write")
async def change_budget(budget_id: str, data: BudgetChanges, call: Call) -> BudgetView:
    """Change a budget. It holds from the next usage on; what was counted stays. An inactive budget counts nothing."""
    found = path_id(BUDGET, budget_id, "budget")
    await flow.change_budget(
        call.db,
        workspace_id=call.workspace_id,
        budget_id=found,
        changes=flow.BudgetChanges(
            limit=UNSET if data.limit is UNSET else _limit(data.limit),
            hard=data.hard,
            alert_percent=data.alert_at,
            active=data.active,
            name=UNSET if data.name is UNSET else clean_text(data.name, field="name", longest=255),
            metadata=UNSET if data.metadata is UNSET else clean_metadata(data.metadata),
        ),
    )
    return await _view(call, found)


@removes("/budgets/{budget_id:str}", scope="credits:write")
async def delete_budget(budget_id: str, call: Call) -> None:
    """Delete a budget: it limits nothing any more. Reversals and open holds still give back to its windows."""
    await flow.delete_budget(call.db, workspace_id=call.workspace_id, budget_id=path_id(BUDGET, budget_id, "budget"))


routes = [create_budget, list_budgets, retrieve_budget, list_budget_labels, change_budget, delete_budget]
