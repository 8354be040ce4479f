"""Credits that cost money: a buyer's automatic top-up, read and set for them, and buying now with the saved method."""

import hashlib
from decimal import Decimal
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from replenish.api.paykickstart.answers import Answer, PaymentDeclined, Served
from replenish.api.paykickstart.auto_topup import AutoTopupView, Status, outlook_of, show_auto_topup, written
from replenish.api.paykickstart.call import Call
from replenish.api.paykickstart.usage import AddonView, BuyerView, find, show_addon, show_buyer, workspace_now
from replenish.catalog import queries as catalog
from replenish.catalog.model import QUANTITY_MAX, PaymentCurrency, Price
from replenish.core.errors import Invalid
from replenish.core.ids import API_KEY, PAYMENT_METHOD, TOP_UP, PaymentMethodId
from replenish.core.money import Credits
from replenish.flows.buy_credits import buy_with_saved_method
from replenish.flows.manage_recharge_rules import disable_rule, save_rule
from replenish.payments import queries as payments
from replenish.payments.next_step import Done, NextStep, Refused, TakenBack, Visit, Wait
from replenish.recharge.model import Draft, GivenConsent, Rule
from replenish.reports.addons import Selected
from replenish.topups import queries as topups
from replenish.wallets import queries as wallets

_SETTINGS: Final = ("enabled", "threshold", "monthly_cap", "mode", "payment_method_id", "consent")
_WORDING_SHORTEST: Final = 10
_WORDING_LONGEST: Final = 5000
_AGENT_LONGEST: Final = 1000
_NO_CAP: Final = "none"


class SettingsView(msgspec.Struct, frozen=True, kw_only=True):
    """`charges_now`: the balance is below the threshold already, so a charge is on its way."""

    buyer: BuyerView
    addon: AddonView
    auto_topup: AutoTopupView
    charges_now: bool


class TopupView(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase. `action_url` is where the buyer must go when the bank asks for them."""

    topup_id: str
    invoice_id: str
    status: Status
    packs: int
    credits: str
    amount: str
    currency: str
    balance: str
    replayed: bool
    action_url: str | UnsetType = UNSET


async def auto_topup(call: Call) -> Served:
    """Read a buyer's automatic top-up; with any of its settings sent by POST, change it."""
    if not any(name in call.fields for name in _SETTINGS):
        call.require("read")
        return await _shown(call, await find(call), charges_now=False)
    if not call.writes:
        raise Invalid("enabled", "is changed by POST, not by GET")
    call.require("payments:write")
    selected = await find(call)
    outlook = await outlook_of(call, selected)
    rule = None if outlook is None else outlook.rule
    only_off = call.fields.flag("enabled") is False and not any(name in call.fields for name in _SETTINGS[1:])
    if rule is not None and only_off:
        # Off must always be possible, whatever has become of the price or the card since.
        await disable_rule(db=call.db, workspace_id=call.workspace_id, rule_id=rule.id)
        return await _shown(call, selected, charges_now=False)
    saved = await save_rule(
        db=call.db,
        providers=call.context.providers,
        workspace_id=call.workspace_id,
        customer_id=selected.buyer.id,
        currency_id=selected.addon.currency_id,
        draft=await _draft(call, selected, rule),
        consent=_consent(call),
    )
    return await _shown(call, selected, charges_now=saved.charges_now)


async def _shown(call: Call, selected: Selected, *, charges_now: bool) -> Served:
    data = SettingsView(
        buyer=show_buyer(selected),
        addon=show_addon(selected),
        auto_topup=await show_auto_topup(call, selected),
        charges_now=charges_now,
    )
    return Served(Answer(message="Buyer addon auto top-up", data=data))


async def _draft(call: Call, selected: Selected, rule: Rule | None) -> Draft:
    """The rule as it would be: what was sent, else as it stands, else how the product starts out."""
    # Who agrees anew agrees to today's price; a change without a consent leaves the agreed one alone.
    agreed = rule is not None and "consent" not in call.fields
    price_id = rule.price_id if rule is not None and agreed else selected.addon.price_id
    price = await catalog.price(call.db, workspace_id=call.workspace_id, price_id=price_id)
    credit = await catalog.currency(call.db, workspace_id=call.workspace_id, currency_id=selected.addon.currency_id)
    option = (None if rule is None else price.option(rule.currency_id)) or price.base
    enabled = call.fields.flag("enabled")
    draft = Draft(
        enabled=(rule is not None and rule.enabled) if enabled is None else enabled,
        threshold=_threshold(call, rule, credit),
        mode="packs" if rule is None else rule.mode,
        packs=1 if rule is None else rule.packs,
        target=None if rule is None else rule.target,
        price_id=price.id,
        currency_id=option.currency_id,
        payment_method_id=await _method(call, selected, rule),
        charge_amount_max=None if rule is None else rule.charge_amount_max,
        day_amount_max=None if rule is None else rule.day_amount_max,
        day_count_max=None if rule is None else rule.day_count_max,
        month_amount_max=_cap(call, rule, option.decimals),
    )
    return _in_mode(call, draft, price)


def _threshold(call: Call, rule: Rule | None, credit: PaymentCurrency) -> Credits:
    sent = call.fields.amount("threshold", decimals=credit.decimals)
    if sent is not None:
        return Credits(sent)
    if rule is None:
        raise Invalid("threshold", "is required: below which balance to top up")
    return rule.threshold


def _cap(call: Call, rule: Rule | None, decimals: int) -> Decimal | None:
    sent = call.fields.text("monthly_cap")
    if sent is None:
        return None if rule is None else rule.month_amount_max
    return None if sent.lower() == _NO_CAP else call.fields.amount("monthly_cap", decimals=decimals)


def _in_mode(call: Call, draft: Draft, price: Price) -> Draft:
    match call.fields.text("mode"):
        case None:
            return draft
        case "pack":
            return msgspec.structs.replace(draft, mode="packs", target=None)
        case "refill_to_full" if price.credit_config is not None:
            return msgspec.structs.replace(draft, mode="target", target=price.credit_config.amount)
        case _:
            raise Invalid("mode", "must be pack or refill_to_full")


async def _method(call: Call, selected: Selected, rule: Rule | None) -> PaymentMethodId | None:
    sent = call.fields.text("payment_method_id")
    if sent is not None:
        return PAYMENT_METHOD.parse(sent, field="payment_method_id")
    if rule is not None and rule.payment_method_id is not None:
        return rule.payment_method_id
    found = await payments.default_method(call.db, workspace_id=call.workspace_id, customer_id=selected.buyer.id)
    return None if found is None else found.id


def _consent(call: Call) -> GivenConsent | None:
    """The buyer's explicit act as the merchant recorded it (law 12)."""
    wording = call.fields.text("consent", longest=_WORDING_LONGEST)
    if wording is None:
        return None
    if len(wording) < _WORDING_SHORTEST:
        raise Invalid("consent", "must be the wording that the buyer agreed to")
    return GivenConsent(
        actor=API_KEY.text(call.identity.api_key_id),
        wording=wording,
        ip=call.fields.text("consent_ip", longest=64),
        user_agent=call.fields.text("consent_user_agent", longest=_AGENT_LONGEST),
    )


async def topup(call: Call) -> Served:
    """Buy packs now with the buyer's saved method. Raises PaymentDeclined when no money moved."""
    call.require("payments:write")
    packs = _packs(call)
    selected = await find(call)
    method_id = call.fields.text("payment_method_id")
    asked = f"paykickstart topup\n{selected.buyer.id}\n{selected.addon.product_id}\n{packs}\n{method_id or ''}"
    purchase = await buy_with_saved_method(
        db=call.db,
        providers=call.context.providers,
        workspace_id=call.workspace_id,
        customer_id=selected.buyer.id,
        price_id=selected.addon.price_id,
        quantity=packs,
        payment_method_id=None if method_id is None else PAYMENT_METHOD.parse(method_id, field="payment_method_id"),
        return_url=f"{call.context.settings.base_url}/portal",
        request_key=call.request_key(hashlib.sha256(asked.encode()).digest()),
    )
    bought = await topups.top_up(call.db, workspace_id=call.workspace_id, top_up_id=purchase.top_up_id)
    if isinstance(purchase.step, Refused | TakenBack):
        raise PaymentDeclined(purchase.step.message if isinstance(purchase.step, Refused) else "It was paid back.")
    price = await catalog.price(call.db, workspace_id=call.workspace_id, price_id=bought.price_id)
    option = price.option(bought.currency_id) or price.base
    balance = await wallets.balance(call.db, ref=selected.ref, now=await workspace_now(call))
    data = TopupView(
        topup_id=TOP_UP.text(bought.id),
        invoice_id=bought.number,
        status=_status(purchase.step),
        packs=bought.quantity,
        credits=str(bought.credit_amount),
        amount=written(bought.amount, option.decimals),
        currency=bought.currency,
        balance=str(balance.balance),
        replayed=purchase.replayed,
        action_url=purchase.step.url if isinstance(purchase.step, Visit) else UNSET,
    )
    return Served(Answer(message="Addon top-up", data=data, balance=data.balance), replayed=purchase.replayed)


def _packs(call: Call) -> int:
    """How many: `packs` or `quantity`. The other names of `units` count credits, and must not be taken for packs."""
    sent_as = call.fields.sent_as("units")
    if sent_as not in {None, "quantity"}:
        raise Invalid("units", "counts credits; send packs, the number of packs to buy")
    name = "packs" if sent_as is None else "units"
    return call.fields.whole(name, lowest=1, highest=QUANTITY_MAX) or 1


def _status(step: NextStep) -> Status:
    match step:
        case Done():
            return "succeeded"
        case Visit():
            return "requires_action"
        case Wait():
            return "pending"
        case Refused() | TakenBack():
            return "failed"
