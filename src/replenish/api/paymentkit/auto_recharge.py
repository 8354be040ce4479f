"""Automatic top-up as the client configures it: one config per customer and credit currency, our recharge rule.

Submitting `enabled: true` is the customer's explicit act, told by the merchant's application: its consent is recorded with
the wording that the portal would have shown, and with who told it (law 12). Nothing is ever charged without a saved method.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from replenish.access import queries as access
from replenish.api.paymentkit import bodies
from replenish.api.paymentkit.call import Call, route
from replenish.api.paymentkit.drafts import credit_currency_of, currency_of, price_of
from replenish.api.paymentkit.methods import kind_of
from replenish.api.paymentkit.people import customer_of, customer_view, ensured_customer
from replenish.api.paymentkit.views import METHOD_PREFIX, currency_view, show_price
from replenish.api.paymentkit.wire import Json, own_id, stamped_at
from replenish.catalog import queries as catalog
from replenish.catalog.model import PaymentCurrency, Price
from replenish.core.errors import Invalid
from replenish.core.ids import (
    CURRENCY,
    CUSTOMER,
    PAYMENT_METHOD,
    PRICE,
    RECHARGE_RULE,
    CurrencyId,
    CustomerId,
)
from replenish.core.money import ZERO, Credits, plain
from replenish.customers import queries as customers
from replenish.customers.model import Customer
from replenish.flows import manage_recharge_rules as flow
from replenish.flows.open_checkout import create_checkout_session
from replenish.payments import queries as payments
from replenish.payments.model import PaymentMethod
from replenish.payments.provider import ChargesSavedMethod
from replenish.recharge import queries as recharge
from replenish.recharge.model import Attempt, Draft, GivenConsent, Rule
from replenish.wallets import queries as wallets
from replenish.wallets.model import WalletRef

THRESHOLD_DEFAULT: Final = Credits(100)
_ATTEMPTS_MAX: Final = 200
# Attempts that count towards a day: whatever was submitted, declined ones too.
_SPENT: Final = frozenset({"submitted", "needs_customer", "succeeded"})


class DailyLimits(msgspec.Struct, kw_only=True):
    """0 is no limit. `max_amount` in token units of the currency that pays."""

    max_attempts: object = None
    max_amount: object = None


class Submission(msgspec.Struct, kw_only=True):
    """What is not given stays as it is."""

    customer_id: str
    currency_id: str
    enabled: bool | None = None
    threshold: object = None
    recharge_currency_id: str | None = None
    payment_method_id: str | None = None
    price_id: str | None = None
    quantity: object = None
    change_payment_method: bool = False
    daily_limits: DailyLimits | None = None


class _Config(msgspec.Struct, frozen=True, kw_only=True):
    """A saved rule, or what a new one would begin with."""

    customer: Customer
    currency: PaymentCurrency
    rule: Rule | None
    price: Price | None
    recharge_currency: PaymentCurrency | None
    method: PaymentMethod | None
    attempts: Sequence[Attempt]
    time_zone: str
    now: datetime


@route("GET", "/auto-recharge-configs/customer/{key:str}", scope="read")
async def config_of_customer(call: Call) -> Json:
    """What a customer's automatic top-up is set to; the defaults, switched off, as long as nothing was saved."""
    customer = await customer_of(call, call.path())
    currency = await credit_currency_of(call, call.needed("currency_id"), field="currency_id")
    return await _shown(call, await _load(call, customer, currency))


@route("GET", "/auto-recharge-configs/retrieve/{key:str}", scope="read")
async def retrieve_config(call: Call) -> Json:
    """Retrieve a config by its id."""
    customer_id, currency_id = await _named(call)
    customer = await customers.customer(call.db, workspace_id=call.workspace_id, customer_id=customer_id)
    currency = await catalog.currency(call.db, workspace_id=call.workspace_id, currency_id=currency_id)
    return await _shown(call, await _load(call, customer, currency))


async def _named(call: Call) -> tuple[CustomerId, CurrencyId]:
    """A saved rule's id; or `arc_…_…`, the id of a config that was only looked at: it names customer and currency."""
    parts = call.path().split("_")
    if len(parts) == 3 and parts[0] == "arc":
        return (
            own_id(CUSTOMER, f"{CUSTOMER.prefix}_{parts[1]}", "auto recharge config"),
            own_id(CURRENCY, f"{CURRENCY.prefix}_{parts[2]}", "auto recharge config"),
        )
    rule_id = own_id(RECHARGE_RULE, call.path(), "auto recharge config")
    rule = await recharge.rule(call.db, workspace_id=call.workspace_id, rule_id=rule_id)
    ref = await wallets.ref_of(call.db, customer_id=rule.customer_id, wallet_id=rule.wallet_id)
    return rule.customer_id, ref.currency_id


@route("POST", "/auto-recharge-configs/submit", scope="payments:write")
async def submit_config(call: Call) -> Json:
    """Save a config. Without a saved payment method it stays switched off, and `balanceResult` says where to save one."""
    data = call.body(Submission)
    customer = await ensured_customer(call, data.customer_id)
    currency = await credit_currency_of(call, data.currency_id, field="currency_id")
    present = await _load(call, customer, currency)
    rule = present.rule
    enabled = data.enabled if data.enabled is not None else rule is not None and rule.enabled
    if not enabled and rule is not None and rule.enabled and _only_switches(data):
        # Whatever has become of price and method since, off is off.
        await flow.disable_rule(db=call.db, workspace_id=call.workspace_id, rule_id=rule.id)
        return await _shown(call, await _load(call, customer, currency))
    draft, method = await _draft(call, data, present, enabled=enabled)
    consent = None
    if draft.enabled:
        wording = await flow.wording_of(
            db=call.db,
            providers=call.context.providers,
            workspace_id=call.workspace_id,
            customer_id=customer.id,
            currency_id=currency.id,
            draft=draft,
        )
        consent = GivenConsent(actor=call.caller.actor, wording=wording, ip=call.address, user_agent=call.user_agent)
    await flow.save_rule(
        db=call.db,
        providers=call.context.providers,
        workspace_id=call.workspace_id,
        customer_id=customer.id,
        currency_id=currency.id,
        draft=draft,
        consent=consent,
    )
    shown = await _shown(call, await _load(call, customer, currency))
    if enabled and (method is None or data.change_payment_method):
        shown["balanceResult"] = {
            "sufficient": False,
            "reason": "payment_method_required",
            "setup_url": await _setup_url(call, customer.id),
        }
    return shown


def _only_switches(data: Submission) -> bool:
    others = (data.threshold, data.recharge_currency_id, data.payment_method_id, data.price_id, data.quantity)
    return all(each is None for each in others) and data.daily_limits is None


async def _draft(
    call: Call, data: Submission, present: _Config, *, enabled: bool
) -> tuple[Draft, PaymentMethod | None]:
    rule = present.rule
    price = present.price
    if data.price_id:
        price = await price_of(call, data.price_id, field="price_id")
    if price is None:
        raise Invalid("price_id", "is needed: this credit currency has no recharge config with a base price")
    money = present.recharge_currency
    if data.recharge_currency_id:
        money = await currency_of(call, data.recharge_currency_id, field="recharge_currency_id")
    elif money is None or price.option(money.id) is None:
        money = await _money(call, price.base.currency_id)
    method = await _method(call, data, present, money)
    limits = data.daily_limits or DailyLimits()
    decimals = present.currency.decimals
    draft = Draft(
        enabled=enabled and method is not None,
        threshold=_threshold(present)
        if data.threshold is None
        else Credits(bodies.amount(data.threshold, field="threshold", decimals=decimals)),
        mode="packs" if rule is None else rule.mode,
        packs=_packs(data, rule),
        target=None if rule is None else rule.target,
        price_id=price.id,
        currency_id=money.id,
        payment_method_id=None if method is None else method.id,
        charge_amount_max=None if rule is None else rule.charge_amount_max,
        day_amount_max=_day_amount(limits, rule, money),
        day_count_max=_day_count(limits, rule),
        month_amount_max=None if rule is None else rule.month_amount_max,
    )
    return draft, method


def _threshold(present: _Config) -> Credits:
    """The original's default of 100, or 0 where one pack does not lift a balance above that."""
    if present.rule is not None:
        return present.rule.threshold
    config = None if present.price is None else present.price.credit_config
    enough = config is None or config.amount > THRESHOLD_DEFAULT
    return THRESHOLD_DEFAULT if enough else Credits(ZERO)


def _packs(data: Submission, rule: Rule | None) -> int:
    if data.quantity is not None:
        return bodies.whole(data.quantity, field="quantity", least=1)
    return 1 if rule is None else rule.packs


def _day_amount(limits: DailyLimits, rule: Rule | None, money: PaymentCurrency) -> Decimal | None:
    if limits.max_amount is None:
        return None if rule is None else rule.day_amount_max
    return bodies.amount(limits.max_amount, field="daily_limits.max_amount", decimals=money.decimals) or None


def _day_count(limits: DailyLimits, rule: Rule | None) -> int | None:
    if limits.max_attempts is None:
        return None if rule is None else rule.day_count_max
    return bodies.whole(limits.max_attempts, field="daily_limits.max_attempts") or None


async def _method(call: Call, data: Submission, present: _Config, money: PaymentCurrency) -> PaymentMethod | None:
    """The method named; else the present one; else the customer's default. None when there is none to charge."""
    wanted = data.payment_method_id or ""
    named = PAYMENT_METHOD.try_parse(wanted)
    found = await payments.methods(call.db, workspace_id=call.workspace_id, customer_id=present.customer.id)
    usable = [each for each in found if _charges(call, each, money)]
    if named is not None:
        method = next((each for each in found if each.id == named), None)
        if method is None:
            raise Invalid("payment_method_id", "is not a saved payment method of this customer")
        return method
    if wanted.startswith(METHOD_PREFIX):
        usable = [each for each in usable if f"{METHOD_PREFIX}{each.provider}" == wanted]
    elif present.method is not None and present.method in usable:
        return present.method
    return next((each for each in usable if each.is_default), usable[0] if usable else None)


def _charges(call: Call, method: PaymentMethod, money: PaymentCurrency) -> bool:
    provider = call.context.providers.get(method.provider)
    return isinstance(provider, ChargesSavedMethod) and money.code is not None and provider.takes(money.code)


async def _setup_url(call: Call, customer_id: CustomerId) -> str:
    session_id, _ = await create_checkout_session(
        db=call.db, workspace_id=call.workspace_id, mode="setup", customer_id=customer_id
    )
    session = await payments.session(call.db, workspace_id=call.workspace_id, session_id=session_id)
    return f"{call.base_url}/checkout/{session.slug}"


# ── how a config looks ────────────────────────────────────────────────────────────────────────────────────────────────


async def _load(call: Call, customer: Customer, currency: PaymentCurrency) -> _Config:
    now = await access.now(call.db, call.workspace_id)
    ref = WalletRef(call.workspace_id, customer.id, currency.id)
    wallet_id = (await wallets.balance(call.db, ref=ref, now=now)).wallet_id
    rule = None
    attempts: Sequence[Attempt] = ()
    if wallet_id is not None:
        rule = await recharge.rule_of_wallet(
            call.db, workspace_id=call.workspace_id, customer_id=customer.id, wallet_id=wallet_id
        )
        attempts = await recharge.attempts(
            call.db,
            workspace_id=call.workspace_id,
            customer_id=customer.id,
            wallet_id=wallet_id,
            limit=_ATTEMPTS_MAX,
        )
    config = currency.recharge_config
    price_id = rule.price_id if rule is not None else None if config is None else config.base_price_id
    price = None
    if price_id is not None:
        price = await catalog.price(call.db, workspace_id=call.workspace_id, price_id=price_id)
    money_id = rule.currency_id if rule is not None else None if price is None else price.base.currency_id
    method = None
    if rule is not None and rule.payment_method_id is not None:
        method = await payments.method(call.db, customer_id=customer.id, method_id=rule.payment_method_id)
    return _Config(
        customer=customer,
        currency=currency,
        rule=rule,
        price=price,
        recharge_currency=None if money_id is None else await _money(call, money_id),
        method=None if method is None or method.detached_at is not None else method,
        attempts=attempts,
        time_zone=(await access.workspace(call.db, workspace_id=call.workspace_id)).time_zone,
        now=now,
    )


async def _money(call: Call, currency_id: CurrencyId) -> PaymentCurrency:
    return await catalog.currency(call.db, workspace_id=call.workspace_id, currency_id=currency_id)


def _config_id(config: _Config) -> str:
    if config.rule is not None:
        return RECHARGE_RULE.text(config.rule.id)
    customer, currency = CUSTOMER.text(config.customer.id), CURRENCY.text(config.currency.id)
    return f"arc_{customer.rpartition('_')[2]}_{currency.rpartition('_')[2]}"


async def _shown(call: Call, config: _Config) -> Json:
    rule, method, money = config.rule, config.method, config.recharge_currency
    kind = None if method is None else kind_of(method.provider)
    expanded: Json = {}
    if money is not None:
        expanded["rechargeCurrency"] = currency_view(call, money)
    if config.price is not None:
        expanded["price"] = await show_price(call, config.price.id)
    return {
        "id": _config_id(config),
        "object": "auto_recharge_config",
        "livemode": call.livemode,
        "customer_id": CUSTOMER.text(config.customer.id),
        "currency_id": CURRENCY.text(config.currency.id),
        "enabled": rule is not None and rule.enabled,
        "threshold": str(_threshold(config)),
        "recharge_currency_id": None if money is None else CURRENCY.text(money.id),
        "price_id": None if config.price is None else PRICE.text(config.price.id),
        "quantity": 1 if rule is None else rule.packs,
        "payment_method_id": None if method is None else f"{METHOD_PREFIX}{method.provider}",
        "payment_settings": _payment_settings(kind, method),
        "payment_details": {},
        "daily_limits": {
            "max_attempts": 0 if rule is None else rule.day_count_max or 0,
            "max_amount": "0" if rule is None or rule.day_amount_max is None else plain(rule.day_amount_max),
        },
        **_daily(config),
        "slippage_config": None,
        "metadata": _standing(rule),
        "customer": customer_view(call, config.customer),
        "currency": currency_view(call, config.currency),
        **expanded,
        "balanceResult": {"sufficient": method is not None, "payer": None if method is None else _payer(method)},
        **stamped_at(config.now if rule is None else rule.updated_at),
    }


def _payer(method: PaymentMethod) -> str:
    return f"{method.brand} ···· {method.last4}"


def _payment_settings(kind: str | None, method: PaymentMethod | None) -> Json:
    if kind is None or method is None:
        return {"payment_method_types": [], "payment_method_options": {}}
    expires = None if method.expires_year is None else f"{method.expires_month}/{method.expires_year}"
    details = {
        "payer": _payer(method),
        "card_last4": method.last4,
        "card_brand": method.brand,
        "exp_time": expires,
        "saved_method_id": PAYMENT_METHOD.text(method.id),
    }
    return {"payment_method_types": [kind], "payment_method_options": {kind: details}}


def _daily(config: _Config) -> Json:
    """Of today in the workspace's time zone, as the caps count."""
    zone = ZoneInfo(config.time_zone)
    today = config.now.astimezone(zone).date()
    submitted = [each for each in config.attempts if each.submitted_at is not None]
    mine = [each for each in submitted if each.submitted_at and each.submitted_at.astimezone(zone).date() == today]
    last = next((each.submitted_at for each in submitted if each.state == "succeeded"), None)
    amount = sum((each.amount for each in mine if each.state in _SPENT), ZERO)
    return {
        "daily_stats": {"attempt_count": len(mine), "total_amount": plain(amount)},
        "last_recharge_date": None if last is None else last.astimezone(zone).date().isoformat(),
    }


def _standing(rule: Rule | None) -> Json:
    """Why it does not charge, in the words that the customer reads; the original has no place for that."""
    if rule is None or rule.reason is None:
        return {}
    return {"reason": rule.reason, "reason_detail": rule.reason_detail}


routes = [config_of_customer, retrieve_config, submit_config]
