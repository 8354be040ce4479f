"""One customer, as an operator sees them: balances, budgets, grants, schedules, rules and why, attempts, purchases, the statement."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from replenish.admin.visitor import Visit
from replenish.catalog import queries as catalog
from replenish.catalog.model import Meter, PaymentCurrency
from replenish.core.ids import CUSTOMER, GRANT_SCHEDULE, CurrencyId, MeterId, WalletId
from replenish.customers.model import Customer
from replenish.payments import queries as payments
from replenish.payments.model import Payment
from replenish.recharge import queries as recharge
from replenish.recharge.model import Attempt, Rule, Status, status_of
from replenish.reports.statement import Line, position_from, position_text, statement
from replenish.schedules import queries as schedules
from replenish.schedules.model import Schedule, in_words
from replenish.schedules.periods import next_start
from replenish.topups import queries as topups
from replenish.topups.model import TopUp
from replenish.wallets import budget_queries as budgets
from replenish.wallets import queries as wallets
from replenish.wallets.budget import Budget
from replenish.wallets.budget_queries import BudgetNow
from replenish.wallets.model import Balance, Lot

_LATEST: Final = 10
_GRANTS: Final = 20
_LINES: Final = 25
_RULES: Final = 50
_BUDGETS: Final = 50


class ShownRule(msgspec.Struct, frozen=True, kw_only=True):
    """A standing order; `why` is the reason that its customer reads."""

    rule: Rule
    status: Status
    why: str


class ShownSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """A recurring grant; `next_at`: when credits come next, None when none are to come."""

    schedule: Schedule
    href: str
    words: str
    next_at: datetime | None


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """Everything on the page. `units` and `codes` are names of credit and payment currencies."""

    customer: Customer
    balances: Sequence[Balance]
    grants: Sequence[tuple[Lot, str]]
    rules: Sequence[ShownRule]
    schedules: Sequence[ShownSchedule]
    budgets: Sequence[BudgetNow]
    # Names of the meters that budgets look at.
    meters: Mapping[MeterId, Meter]
    attempts: Sequence[Attempt]
    top_ups: Sequence[TopUp]
    payments: Sequence[Payment]
    lines: Sequence[Line]
    next_cursor: str | None
    currencies: Mapping[CurrencyId, PaymentCurrency]

    @property
    def href(self) -> str:
        return f"/admin/customers/{CUSTOMER.text(self.customer.id)}"

    @property
    def name(self) -> str:
        return self.customer.name or self.customer.email or self.customer.external_id

    def unit(self, currency_id: CurrencyId) -> str:
        found = self.currencies.get(currency_id)
        return "credits" if found is None else found.name

    def code(self, currency_id: CurrencyId) -> str:
        found = self.currencies.get(currency_id)
        return "" if found is None else found.unit

    def counts(self, budget: Budget) -> str:
        """What a budget looks at, and in which window: "API calls, each user, by month"."""
        meter = "all usage" if budget.meter_id is None else self.meters[budget.meter_id].name
        by = budget.label_property
        label = "" if by is None else f", each {by}" if budget.label is None else f", {by} {budget.label}"
        return f"{meter}{label}, {'in all' if budget.window_kind == 'none' else f'by {budget.window_kind}'}"

    def unit_of_wallet(self, wallet_id: WalletId) -> str:
        return next((self.unit(one.currency_id) for one in self.balances if one.wallet_id == wallet_id), "credits")


async def sheet_of(visit: Visit, customer: Customer, *, cursor: str = "") -> Sheet:
    """Raises Invalid(cursor)."""
    db, workspace_id = visit.db, visit.workspace_id
    balances = await wallets.balances(db, workspace_id=workspace_id, customer_id=customer.id)
    as_of = {one.wallet_id: one.as_of for one in balances}
    rules = await recharge.rules(db, workspace_id=workspace_id, customer_id=customer.id, limit=_RULES)
    attempts = await recharge.attempts(db, workspace_id=workspace_id, customer_id=customer.id, limit=_LATEST)
    running = {
        one.wallet_id: one
        for one in await recharge.open_attempts(db, workspace_id=workspace_id, customer_id=customer.id)
    }
    recurring = await schedules.schedules(db, workspace_id=workspace_id, customer_id=customer.id, limit=_GRANTS)
    lots = await wallets.lots(db, workspace_id=workspace_id, customer_id=customer.id, limit=_GRANTS)
    lines = await statement(
        db, workspace_id=workspace_id, customer_id=customer.id, after=position_from(cursor or None), limit=_LINES + 1
    )
    limits = await budgets.budgets(db, workspace_id=workspace_id, customer_id=customer.id, limit=_BUDGETS)
    metered = {one.meter_id for one in limits if one.meter_id is not None}
    ids = {one.currency_id for one in (*balances, *rules, *attempts)}
    return Sheet(
        customer=customer,
        balances=balances,
        grants=[(lot, lot.status(as_of[lot.wallet_id])) for lot in lots],
        rules=[_shown(rule, running.get(rule.wallet_id)) for rule in rules],
        schedules=[
            ShownSchedule(
                schedule=one,
                href=f"/admin/customers/{CUSTOMER.text(customer.id)}/recurring-grants/{GRANT_SCHEDULE.text(one.id)}",
                words=in_words(one),
                next_at=next_start(one, now=as_of[one.wallet_id]),
            )
            for one in recurring
        ],
        budgets=await budgets.now_of(db, found=limits),
        meters=await catalog.meters_by_id(db, workspace_id=workspace_id, ids=metered),
        attempts=attempts,
        top_ups=await topups.top_ups(db, workspace_id=workspace_id, customer_id=customer.id, limit=_LATEST),
        payments=await payments.payments(db, workspace_id=workspace_id, customer_id=customer.id, limit=_LATEST),
        lines=lines[:_LINES],
        next_cursor=position_text(lines[_LINES - 1].position) if len(lines) > _LINES else None,
        currencies=await catalog.currencies_by_id(db, workspace_id=workspace_id, ids=ids),
    )


def _shown(rule: Rule, running: Attempt | None) -> ShownRule:
    why = rule.reason_detail or ""
    if rule.suspended_at is not None:
        times = rule.declines_in_a_row
        why = {
            "declined": f"The card was declined {times} times in a row." if times > 1 else "The card was declined.",
            "dispute": "A payment is disputed.",
            "operator": "An operator stopped it.",
        }.get(rule.suspended_reason or "", why)
    return ShownRule(rule=rule, status=status_of(rule, open_attempt=running), why=why)
