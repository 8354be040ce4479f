"""What the automatic top-up pages stand on: the rule, what is sold, the cards, the last attempts, and the first charge."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec

from replenish.catalog import pricing
from replenish.catalog.model import RechargeSettings
from replenish.core.errors import NotFound
from replenish.core.ids import TOP_UP
from replenish.core.money import EXACT, Money
from replenish.payments import queries as payments
from replenish.payments.model import PaymentMethod
from replenish.portal.offers import Offer, base_offer
from replenish.portal.rules_in_words import RuleState, state_of
from replenish.portal.visitor import Holding, Visit
from replenish.recharge import queries as recharge
from replenish.recharge.model import Attempt, Draft, Rule
from replenish.topups import queries as topups
from replenish.web.formats import number

_ATTEMPTS: Final = 10
_WORDS: Final = {
    "decided": "On its way",
    "prepared": "On its way",
    "submitted": "On its way",
    "needs_customer": "Needs you",
    "succeeded": "Bought",
    "declined": "Declined",
    "cancelled": "Called off",
    "expired": "Link expired",
    "refused": "Not charged",
}


class ShownAttempt(msgspec.Struct, frozen=True, kw_only=True):
    attempt: Attempt
    # A word that has a colour; a reason for not charging is no failure.
    status: str
    label: str
    why: str
    money: Money | None
    href: str | None


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about automatic top-up of one credit currency. `offer` None = the merchant sells none."""

    holding: Holding
    offer: Offer | None
    # What the merchant allows and suggests for it; None = nothing, so everything is the customer's to choose.
    bounds: RechargeSettings | None
    state: RuleState
    methods: Sequence[PaymentMethod]

    @property
    def rule(self) -> Rule | None:
        return self.state.rule

    @property
    def allowed(self) -> bool:
        return self.bounds is None or self.bounds.allowed

    @property
    def href(self) -> str:
        return f"/portal/auto-recharge?currency={self.holding.key}"


async def setting_of(visit: Visit, currency: str) -> Setting | None:
    """None when there is nothing that could be topped up. Raises NotFound for a currency that is none of theirs."""
    if currency:
        holding = visit.holding(currency)
        if holding is None:
            raise NotFound("credit currency")
    else:
        holding = visit.usual
        if holding is None:
            return None
    offer = await base_offer(visit.db, workspace_id=visit.workspace_id, currency=holding.currency)
    bounds = None
    if offer is not None:
        bounds = await pricing.recharge_settings(visit.db, workspace_id=visit.workspace_id, product_id=offer.product.id)
    return Setting(
        holding=holding,
        offer=offer,
        bounds=bounds,
        state=await state_of(visit.db, workspace_id=visit.workspace_id, customer_id=visit.customer_id, holding=holding),
        methods=await payments.methods(visit.db, workspace_id=visit.workspace_id, customer_id=visit.customer_id),
    )


async def attempts_of(visit: Visit, setting: Setting) -> list[ShownAttempt]:
    """The last charges and the last reasons for not charging, newest first."""
    wallet_id = setting.holding.balance.wallet_id
    if wallet_id is None:
        return []
    found = await recharge.attempts(
        visit.db,
        workspace_id=visit.workspace_id,
        customer_id=visit.customer_id,
        wallet_id=wallet_id,
        limit=_ATTEMPTS,
    )
    codes = await visit.codes({one.currency_id for one in found})
    return [
        ShownAttempt(
            attempt=one,
            status="paused" if one.state == "refused" else one.state,
            label=_WORDS[one.state],
            why=_why(one, unit=setting.holding.unit),
            money=Money(one.amount, codes[one.currency_id]) if one.amount else None,
            href=None if one.top_up_id is None else f"/portal/top-ups/{TOP_UP.text(one.top_up_id)}",
        )
        for one in found
    ]


def _why(attempt: Attempt, *, unit: str) -> str:
    """What was judged, where it led to a charge; else the recorded reason."""
    if attempt.state != "succeeded":
        return attempt.detail
    had = f"You had {number(attempt.balance)}, less than {number(attempt.threshold)}."
    return f"{had} {number(attempt.credits)} {unit} were added."


async def first_charge(visit: Visit, setting: Setting, draft: Draft, offer: Offer) -> Money | None:
    """What saving this rule charges at once; None when the balance, with what is on its way, is not below the line.

    Before anything that this month's charges have used up of the caps: then it is less, or nothing.
    """
    wallet_id = setting.holding.balance.wallet_id
    balance = setting.holding.balance.balance
    if wallet_id is not None:
        balance += await topups.pending_credits(visit.db, customer_id=visit.customer_id, wallet_id=wallet_id)
    option, config = offer.price.option(draft.currency_id), offer.price.credit_config
    if option is None or config is None or balance >= draft.threshold:
        return None
    purchase = option.money_for(draft.packs)
    bought = config.credits_for(draft.packs)
    times = max(1, _times((draft.goal - balance).value, bought.value, up=True))
    for cap in (draft.charge_amount_max, draft.day_amount_max, draft.month_amount_max):
        if cap is not None:
            times = min(times, _times(cap, purchase.amount, up=False))
    return purchase.times(min(times, offer.price.quantity_max // draft.packs))


def _times(value: Decimal, unit: Decimal, *, up: bool) -> int:
    whole = int(EXACT.divide_int(value, unit))
    return whole + 1 if up and EXACT.remainder(value, unit) > 0 else whole
