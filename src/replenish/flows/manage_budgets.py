"""Budgets: the merchant limits what usage of a customer's wallet may take in a window of time."""

from decimal import Decimal
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from replenish.access import operations as access
from replenish.access.model import RequestKey
from replenish.catalog import queries as catalog
from replenish.core import ids
from replenish.core.db import Database
from replenish.core.errors import Invalid, NotFound
from replenish.core.ids import BudgetId, CurrencyId, CustomerId, MeterId, WorkspaceId
from replenish.core.metadata import Metadata
from replenish.core.money import ZERO, Credits, decimals_of
from replenish.core.transaction import Tx, transaction
from replenish.notifications import operations as notifications
from replenish.notifications.model import NewEvent
from replenish.wallets import budget_queries
from replenish.wallets import operations as wallets
from replenish.wallets import queries as wallet_queries
from replenish.wallets.book import Book
from replenish.wallets.budget import Budget, WindowKind
from replenish.wallets.model import WalletRef

_CREATED: Final = 201


class NewBudget(msgspec.Struct, frozen=True, kw_only=True):
    """A limit in credits for each window. For what it looks at, see wallets.budget.Budget; it counts from now on."""

    customer_id: CustomerId
    currency_id: CurrencyId
    limit: Decimal
    window: WindowKind
    label_property: str | None = None
    label: str | None = None
    meter_id: MeterId | None = None
    hard: bool = True
    alert_percent: int | None = None
    active: bool = True
    name: str = ""
    metadata: Metadata = {}


async def create_budget(
    db: Database, *, workspace_id: WorkspaceId, new: NewBudget, request_key: RequestKey | None = None
) -> tuple[BudgetId, bool]:
    """Make a budget; makes the wallet if there is none. Returns the budget's id and whether this was a replay.

    Raises Invalid(limit | label | currency_id | meter_id), NotFound, Conflict(too_many_budgets).
    """
    await _check_names(db, workspace_id, new)
    budget_id = ids.BUDGET.new()
    ref = WalletRef(workspace_id, new.customer_id, new.currency_id)
    async with transaction(db) as tx:
        book = (await wallets.open_books(tx, refs=[ref]))[ref]
        first = await access.claim_request_key(tx, request_key, budget_id, _CREATED)
        if first is not None:
            return BudgetId(first), True
        budget = Budget(
            customer_id=new.customer_id,
            id=budget_id,
            workspace_id=workspace_id,
            wallet_id=book.wallet.id,
            name=new.name,
            label_property=new.label_property,
            label=new.label,
            meter_id=new.meter_id,
            window_kind=new.window,
            credit_limit=Credits(new.limit),
            hard=new.hard,
            alert_percent=new.alert_percent,
            active=new.active,
            counts_from=book.wallet.line,
            metadata=new.metadata,
            created_at=book.now,
            updated_at=book.now,
        )
        await wallets.add_budget(tx, book=book, budget=budget)
        await _save(tx, book, budget, "created")
    return budget_id, False


async def _check_names(db: Database, workspace_id: WorkspaceId, new: NewBudget) -> None:
    if new.label is not None and new.label_property is None:
        raise Invalid("label", "needs the label_property whose value it is")
    try:
        currency = await catalog.currency(db, workspace_id=workspace_id, currency_id=new.currency_id)
        meter = None
        if new.meter_id is not None:
            meter = await catalog.meter(db, workspace_id=workspace_id, meter_id=new.meter_id)
    except NotFound as missing:
        field = "meter_id" if missing.what == "meter" else "currency_id"
        raise Invalid(field, f"no such {missing.what} in this workspace", code=missing.own_code) from None
    if currency.type != "credit":
        raise Invalid("currency_id", f"{currency.unit} is money; budgets are in credits")
    _check_limit(new.limit, currency.decimals)
    if meter is not None and meter.currency_id != new.currency_id:
        raise Invalid("meter_id", "debits another credit currency")


def _check_limit(limit: Decimal, decimals: int) -> None:
    if limit < ZERO:
        raise Invalid("limit", "must not be negative")
    if decimals_of(limit) > decimals:
        raise Invalid("limit", f"at most {decimals} decimals are allowed here", code="too_many_decimals")


class BudgetChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What is not given stays. What a budget looks at, and its window, never change: make another one."""

    limit: Decimal | UnsetType = UNSET
    hard: bool | UnsetType = UNSET
    alert_percent: int | UnsetType | None = UNSET
    active: bool | UnsetType = UNSET
    name: str | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET


async def change_budget(
    db: Database, *, workspace_id: WorkspaceId, budget_id: BudgetId, changes: BudgetChanges
) -> None:
    """Holds from the next debit on; what was counted stays. An inactive one does not count.

    Raises NotFound, Invalid(limit), Conflict(too_many_budgets).
    """
    ref = await _wallet_of(db, workspace_id, budget_id)
    currency = await catalog.currency(db, workspace_id=workspace_id, currency_id=ref.currency_id)
    if changes.limit is not UNSET:
        _check_limit(changes.limit, currency.decimals)
    async with transaction(db) as tx:
        book = (await wallets.open_books(tx, refs=[ref]))[ref]
        before = await budget_queries.budget(tx, workspace_id=workspace_id, budget_id=budget_id)
        budget = _changed(before, changes, book)
        await wallets.change_budget(tx, book=book, before=before, budget=budget)
        await _save(tx, book, budget, "changed")


def _changed(before: Budget, changes: BudgetChanges, book: Book) -> Budget:
    active = before.active if changes.active is UNSET else changes.active
    return msgspec.structs.replace(
        before,
        credit_limit=before.credit_limit if changes.limit is UNSET else Credits(changes.limit),
        hard=before.hard if changes.hard is UNSET else changes.hard,
        alert_percent=before.alert_percent if changes.alert_percent is UNSET else changes.alert_percent,
        active=active,
        counts_from=book.wallet.line if active and not before.active else before.counts_from,
        name=before.name if changes.name is UNSET else changes.name,
        metadata=before.metadata if changes.metadata is UNSET else changes.metadata,
        updated_at=book.now,
    )


async def delete_budget(db: Database, *, workspace_id: WorkspaceId, budget_id: BudgetId) -> None:
    """It limits nothing from now on and is found no more; its counters stay, for reversals and open holds. Raises NotFound."""
    ref = await _wallet_of(db, workspace_id, budget_id)
    async with transaction(db) as tx:
        book = (await wallets.open_books(tx, refs=[ref]))[ref]
        before = await budget_queries.budget(tx, workspace_id=workspace_id, budget_id=budget_id)
        budget = msgspec.structs.replace(before, active=False, archived_at=book.now, updated_at=book.now)
        await wallets.change_budget(tx, book=book, before=before, budget=budget)
        await _save(tx, book, budget, "deleted")


async def _wallet_of(db: Database, workspace_id: WorkspaceId, budget_id: BudgetId) -> WalletRef:
    budget = await budget_queries.budget(db, workspace_id=workspace_id, budget_id=budget_id)
    return await wallet_queries.ref_of(db, customer_id=budget.customer_id, wallet_id=budget.wallet_id)


async def _save(tx: Tx, book: Book, budget: Budget, verb: str) -> None:
    await wallets.save_books(tx, books=[book])
    told = NewEvent(
        workspace_id=budget.workspace_id,
        customer_id=budget.customer_id,
        type=f"budget.{verb}",
        object_type="budget",
        object_id=budget.id,
        data={
            "budget": ids.BUDGET.text(budget.id),
            "name": budget.name,
            "currency": ids.CURRENCY.text(book.wallet.currency_id),
            "limit": str(budget.credit_limit),
            "active": budget.active,
        },
    )
    await notifications.emit(tx, [told])
