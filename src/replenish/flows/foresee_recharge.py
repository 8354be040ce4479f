"""How automatic top-up stands for one wallet: the rule, the latest attempt, and what a look at it would decide now."""

from decimal import Decimal

import msgspec

from replenish.access import queries as workspaces
from replenish.core.db import Reads
from replenish.flows import _recharge_facts as facts
from replenish.flows._providers import Providers
from replenish.payments.model import PaymentMethod
from replenish.recharge import operations as recharge
from replenish.recharge import policy, queries
from replenish.recharge.model import Attempt, Rule
from replenish.recharge.policy import Offer, Verdict
from replenish.topups import queries as topups
from replenish.wallets import queries as wallets
from replenish.wallets.model import WalletRef


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """`latest` is the newest attempt or told reason; `verdict` what the worker would decide at this instant.

    `offer` None = the rule's price is not sold any more. `month_amount` counts against the monthly cap.
    """

    rule: Rule
    latest: Attempt | None
    open_attempt: Attempt | None
    offer: Offer | None
    method: PaymentMethod | None
    month_amount: Decimal
    verdict: Verdict


async def foresee_recharge(db: Reads, *, providers: Providers, ref: WalletRef) -> Outlook | None:
    """Reads only, and decides nothing: the worker does, under the wallet's lock. None without a wallet or rule."""
    wallet = await wallets.wallet(db, ref=ref)
    rule = None
    if wallet is not None:
        rule = await queries.rule_of_wallet(
            db, workspace_id=ref.workspace_id, customer_id=ref.customer_id, wallet_id=wallet.id
        )
    if wallet is None or rule is None:
        return None
    at = await wallets.balance(db, ref=ref, now=wallet.now_at)
    latest = await queries.attempts(
        db, workspace_id=ref.workspace_id, customer_id=ref.customer_id, wallet_id=wallet.id, limit=1
    )
    opened = await queries.open_attempts(db, workspace_id=ref.workspace_id, customer_id=ref.customer_id)
    open_attempt = next((attempt for attempt in opened if attempt.wallet_id == wallet.id), None)
    workspace = await workspaces.workspace(db, workspace_id=ref.workspace_id)
    window = policy.windows(at.as_of, zone=workspace.time_zone)
    sale = await facts.sale_of(db, ref=ref, price_id=rule.price_id, currency_id=rule.currency_id)
    offer = None if sale is None else facts.offer_of(sale, await facts.settings_of(db, sale), agreed=True)
    method = await facts.method_of(db, customer_id=ref.customer_id, method_id=rule.payment_method_id)
    code = None if offer is None else offer.sale.unit.currency
    history = await recharge.history(db, rule=rule, open_attempt=open_attempt, window=window)
    verdict = policy.decide(
        balance=at.balance,
        pending=await topups.pending_credits(db, customer_id=ref.customer_id, wallet_id=wallet.id),
        frozen=at.frozen,
        rule=rule,
        offer=offer,
        method=facts.chargeable(method, providers=providers, currency=code),
        history=history,
        now=at.as_of,
        window=window,
    )
    return Outlook(
        rule=rule,
        latest=latest[0] if latest else None,
        open_attempt=open_attempt,
        offer=offer,
        method=method,
        month_amount=history.month_amount,
        verdict=verdict,
    )
