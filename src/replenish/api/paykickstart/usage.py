"""The two endpoints of the guide: what a buyer's balance is, and what changes it."""

from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec
from uuid_utils.compat import uuid7

from replenish.api.paykickstart.answers import Answer, Served
from replenish.api.paykickstart.auto_topup import (
    AutoTopupView,
    TriggerView,
    outlook_of,
    show_auto_topup,
    show_trigger,
    workspace_now,
)
from replenish.api.paykickstart.call import WITHOUT_KEY, Call
from replenish.catalog import queries as catalog
from replenish.core.ids import CUSTOMER, LOT, USAGE_EVENT
from replenish.core.money import Credits, plain
from replenish.flows.add_addon_credits import add_addon_credits
from replenish.flows.record_usage import NewUsage, Recorded, Refused
from replenish.reports.addons import Selected, select_addon
from replenish.topups import queries as topups
from replenish.wallets import queries as wallets
from replenish.wallets.model import Totals


class BuyerView(msgspec.Struct, frozen=True):
    id: str
    email: str | None


class AddonView(msgspec.Struct, frozen=True):
    product_id: int
    product_name: str
    campaign_id: int | None
    invoice_id: str | None


class BalanceView(msgspec.Struct, frozen=True, kw_only=True):
    """`balance` = purchased + added - used - expired - refunded - reserved; negative while credits are owed."""

    buyer: BuyerView
    addon: AddonView
    balance: str
    available: str
    reserved: str
    pending: str
    credits_purchased: str
    credits_added: str
    credits_used: str
    credits_expired: str
    credits_refunded: str
    unit: str
    auto_topup: AutoTopupView
    as_of: int
    # The number of the last statement line: it grows with each change.
    version: int


class EntryView(msgspec.Struct, frozen=True, kw_only=True):
    """One change of the balance. `threshold_crossed`: it fell below the buyer's own threshold just now."""

    entry_id: str
    direction: Literal["deduct", "add"]
    units: str
    balance_before: str
    balance: str
    replayed: bool
    threshold_crossed: bool
    auto_topup: TriggerView
    version: int


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A change as it stands in the books."""

    entry_id: str
    units: Decimal
    before: Credits
    after: Credits
    version: int
    booked_at: datetime
    replayed: bool


async def find(call: Call) -> Selected:
    return await select_addon(call.db, workspace_id=call.workspace_id, selector=call.fields.selector())


async def retrieve_usage(call: Call) -> Served:
    """A buyer's balance of an add-on. Changes nothing, and never leads to a charge."""
    call.require("read")
    selected = await find(call)
    credit = await catalog.currency(call.db, workspace_id=call.workspace_id, currency_id=selected.addon.currency_id)
    now = await workspace_now(call)
    async with call.db.snapshot() as reads:
        totals = await wallets.totals(reads, ref=selected.ref, now=now)
        stored = await wallets.wallet(reads, ref=selected.ref)
        pending = (
            Credits(0)
            if stored is None
            else await topups.pending_credits(reads, customer_id=selected.buyer.id, wallet_id=stored.id)
        )
    auto_topup = await show_auto_topup(call, selected)
    data = _show(selected, totals=totals, pending=pending, unit=credit.name, auto_topup=auto_topup)
    return Served(Answer(message="Buyer addon usage", data=data, balance=data.balance, credits=data.balance))


def show_buyer(selected: Selected) -> BuyerView:
    return BuyerView(CUSTOMER.text(selected.buyer.id), selected.buyer.email)


def show_addon(selected: Selected) -> AddonView:
    addon = selected.addon
    return AddonView(addon.product_number, addon.product_name, addon.campaign_number, selected.invoice_id)


def _show(selected: Selected, *, totals: Totals, pending: Credits, unit: str, auto_topup: AutoTopupView) -> BalanceView:
    return BalanceView(
        buyer=show_buyer(selected),
        addon=show_addon(selected),
        balance=str(totals.balance),
        available=str(max(totals.balance, Credits(0))),
        reserved=str(totals.held),
        pending=str(pending),
        credits_purchased=str(totals.purchased),
        credits_added=str(totals.added),
        credits_used=str(totals.used),
        credits_expired=str(totals.expired),
        credits_refunded=str(totals.revoked),
        unit=unit,
        auto_topup=auto_topup,
        as_of=int(totals.as_of.timestamp()),
        version=totals.line,
    )


async def add_usage(call: Call) -> Served:
    """Take credits (negative units) or add some (positive ones). Raises PaymentRequired, which takes nothing."""
    selected, made = await _change(call)
    data = await shown(call, selected, made)
    return Served(Answer(message="Addon usage was added", data=data, balance=data.balance), replayed=made.replayed)


async def _change(call: Call) -> tuple[Selected, Change]:
    units = call.fields.units()
    call.require("usage:write" if units < 0 else "credits:write")
    selected = await find(call)
    if units > 0:
        return selected, await added(call, selected)
    usage = await deduction(call, selected)
    return selected, taken(await call.context.usage.submit(usage), usage)


async def deduction(call: Call, selected: Selected) -> NewUsage:
    """The debit that negative units mean; what is short goes by the product's own policy."""
    credit = await catalog.currency(call.db, workspace_id=call.workspace_id, currency_id=selected.addon.currency_id)
    notes = call.fields.notes()
    return NewUsage(
        workspace_id=call.workspace_id,
        customer_id=selected.buyer.id,
        currency=credit,
        meter=None,
        key=call.key() or f"{WITHOUT_KEY}{uuid7().hex}",
        value=-call.fields.units(decimals=credit.decimals),
        occurred_at=call.fields.moment(),
        properties={"notes": notes} if notes else None,
    )


def taken(outcome: Recorded | Refused, usage: NewUsage) -> Change:
    """Raises the refusal of a debit that was refused."""
    if isinstance(outcome, Refused):
        raise outcome.refusal
    event = outcome.event
    return Change(
        entry_id=USAGE_EVENT.text(event.id),
        units=-usage.value,
        before=event.balance_after + event.debit,
        after=event.balance_after,
        version=event.line,
        booked_at=event.booked_at,
        replayed=outcome.replayed,
    )


async def added(call: Call, selected: Selected) -> Change:
    """Add the credits that positive units mean."""
    credit = await catalog.currency(call.db, workspace_id=call.workspace_id, currency_id=selected.addon.currency_id)
    units = call.fields.units(decimals=credit.decimals)
    made = await add_addon_credits(
        call.db,
        ref=selected.ref,
        amount=units,
        notes=call.fields.notes(),
        key=call.key(),
        occurred_at=call.fields.moment(),
    )
    return Change(
        entry_id=LOT.text(made.lot_id),
        units=units,
        before=made.balance - Credits(units),
        after=made.balance,
        version=made.line,
        booked_at=made.booked_at,
        replayed=made.replayed,
    )


async def shown(call: Call, selected: Selected, made: Change) -> EntryView:
    """A change with what automatic top-up makes of it."""
    outlook = await outlook_of(call, selected)
    line = None if outlook is None or not outlook.rule.enabled else outlook.rule.threshold
    return EntryView(
        entry_id=made.entry_id,
        direction="deduct" if made.units < 0 else "add",
        units=plain(made.units),
        balance_before=str(made.before),
        balance=str(made.after),
        replayed=made.replayed,
        threshold_crossed=line is not None and made.after < line <= made.before,
        auto_topup=show_trigger(outlook, since=made.booked_at),
        version=made.version,
    )
