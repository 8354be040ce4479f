"""Whether a customer without credits may go on, because automatic top-up will bring some."""

from typing import Final

from replenish.access import queries as access
from replenish.api.paymentkit import bodies
from replenish.api.paymentkit.call import Call
from replenish.api.paymentkit.wire import Json
from replenish.catalog import queries as catalog
from replenish.catalog.model import PaymentCurrency
from replenish.core.ids import CustomerId
from replenish.core.money import Credits
from replenish.recharge import queries as recharge
from replenish.recharge.model import Rule
from replenish.wallets import queries as wallets
from replenish.wallets.model import Balance, WalletRef

# Reasons after which a rule still tops up: it is being done, or was not needed when it was last looked at.
_PASSING: Final = frozenset({None, "not_low", "covered", "in_flight"})


async def outlook(call: Call, customer_id: CustomerId, currency: PaymentCurrency) -> Json:
    """`{can_continue, reason?}`. `pending_amount` and `max_pending_amount` are base units, as they were read."""
    now = await access.now(call.db, call.workspace_id)
    ref = WalletRef(call.workspace_id, customer_id, currency.id)
    balance = await wallets.balance(call.db, ref=ref, now=now)
    owed = _owed(call, balance, currency)
    if balance.frozen:
        return _no("the wallet is frozen")
    limit = _base_units(call, "max_pending_amount", currency)
    if limit is not None and owed > limit:
        return _no("more is owed than max_pending_amount allows")
    if balance.available > owed:
        return {"can_continue": True}
    rule = None
    if balance.wallet_id is not None:
        rule = await recharge.rule_of_wallet(
            call.db, workspace_id=call.workspace_id, customer_id=customer_id, wallet_id=balance.wallet_id
        )
    if rule is None or not rule.enabled:
        return _no("no credits are left and automatic top-up is off")
    if rule.suspended_at is not None or (rule.paused_until is not None and rule.paused_until > now):
        return _no(rule.reason_detail or "automatic top-up is suspended")
    if rule.reason not in _PASSING:
        return _no(rule.reason_detail or f"automatic top-up does not charge: {rule.reason}")
    times = call.number("max_recharge_times", least=1, most=1_000_000)
    if times is not None and not await _covers(call, rule, owed - balance.available, times):
        return _no("more is owed than that many top-ups would bring")
    return {"can_continue": True}


def _no(reason: str) -> Json:
    return {"can_continue": False, "reason": reason}


def _owed(call: Call, balance: Balance, currency: PaymentCurrency) -> Credits:
    """What we know to be owed, or more when the client has usage that it has not sent yet."""
    said = _base_units(call, "pending_amount", currency)
    return balance.owed if said is None or said < balance.owed else said


def _base_units(call: Call, name: str, currency: PaymentCurrency) -> Credits | None:
    text = call.text(name)
    if text is None:
        return None
    return Credits(bodies.amount(text, field=name, decimals=0).scaleb(-currency.decimals))


async def _covers(call: Call, rule: Rule, missing: Credits, times: int) -> bool:
    price = await catalog.price(call.db, workspace_id=call.workspace_id, price_id=rule.price_id)
    config = price.credit_config
    return config is not None and config.credits_for(rule.packs * times) > missing
