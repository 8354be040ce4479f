"""What every recharge flow does under the wallet's lock: call an attempt off, tell a reason, arm the wallet again."""

from decimal import Decimal

import msgspec

from replenish.core.ids import RECHARGE_ATTEMPT
from replenish.core.money import NO_CREDITS, Credits
from replenish.core.transaction import Tx
from replenish.flows._recharge_events import attempt_event
from replenish.notifications.model import NewEvent
from replenish.payments import operations as payments
from replenish.recharge import operations as recharge
from replenish.recharge.model import UNPAID_STATES, Attempt, Rule
from replenish.recharge.policy import LOOK_AGAIN, NoCharge
from replenish.topups import operations as topups
from replenish.wallets import operations as wallets
from replenish.wallets.book import Book


async def call_off(tx: Tx, *, book: Book, rule: Rule, detail: str) -> list[NewEvent]:
    """Cancel the open attempt with its top-up and payment, if nothing can have been paid on it (law 10).

    A payment that its provider knows of is watched until nobody can pay on it any more (`payments.operations.cancel`).
    """
    attempt = await recharge.lock_open_attempt(tx, customer_id=rule.customer_id, wallet_id=rule.wallet_id)
    if attempt is None or attempt.state not in UNPAID_STATES:
        return []
    attempt = await recharge.move_attempt(tx, attempt=attempt, state="cancelled", now=book.now, detail=detail)
    if attempt.top_up_id is not None:
        top_up = await topups.lock_top_up(tx, customer_id=attempt.customer_id, top_up_id=attempt.top_up_id)
        for payment in await payments.lock_payments(tx, customer_id=attempt.customer_id, top_up_id=top_up.id):
            if payment.is_open:
                await payments.cancel(tx, payment, now=book.now)
        if top_up.is_open:
            await topups.end(tx, top_up, state="cancelled", now=book.now)
    return [attempt_event(attempt, "cancelled", rule=rule)]


async def rearm(tx: Tx, *, book: Book, rule: Rule) -> None:
    """Set what usage compares with, and have the wallet looked at now when it is low and nothing stands in the way."""
    if not rule.enabled or rule.suspended_at is not None:
        await wallets.act_below(tx, book=book, line=None, look_again_at=None)
        return
    look_again_at = None
    if await recharge.lock_open_attempt(tx, customer_id=rule.customer_id, wallet_id=rule.wallet_id) is not None:
        # Its end looks again at once; this is for an end that nobody hears of.
        look_again_at = book.now + LOOK_AGAIN
    elif rule.paused_until is not None and rule.paused_until > book.now:
        look_again_at = rule.paused_until
    elif book.balance < rule.threshold:
        await wallets.mark_due(tx, book=book)
    await wallets.act_below(tx, book=book, line=rule.threshold, look_again_at=look_again_at)


async def tell(tx: Tx, *, book: Book, rule: Rule, refusal: NoCharge, pending: Credits) -> tuple[Rule, list[NewEvent]]:
    """Keep why it does not charge; a changed reason is a row and an event, the same one again is neither (law 13).

    A cap of a new day or month is a changed reason. The caller saves the rule.
    """
    same = rule.reason == refusal.reason and (
        refusal.since is None or (rule.reason_at is not None and rule.reason_at >= refusal.since)
    )
    told = msgspec.structs.replace(
        rule,
        reason=refusal.reason,
        reason_detail=refusal.detail,
        reason_until=refusal.until,
        reason_at=rule.reason_at if same else book.now,
    )
    if same:
        return told, []
    attempt = Attempt(
        customer_id=rule.customer_id,
        id=RECHARGE_ATTEMPT.new(),
        workspace_id=rule.workspace_id,
        wallet_id=rule.wallet_id,
        rule_id=rule.id,
        state="refused",
        reason=refusal.reason,
        detail=refusal.detail,
        balance=book.balance,
        pending=pending,
        threshold=rule.threshold,
        packs=0,
        currency_id=rule.currency_id,
        amount=Decimal(0),
        credits=NO_CREDITS,
        payment_method_id=rule.payment_method_id,
        created_at=book.now,
        ended_at=book.now,
    )
    await recharge.add_attempt(tx, attempt=attempt)
    return told, [attempt_event(attempt, "refused", rule=told)]


def without_reason(rule: Rule, book: Book) -> Rule:
    """Forget why it last did not charge, unless that still holds for a while (a cap's window, told once)."""
    if rule.reason is None or (rule.reason_until is not None and rule.reason_until > book.now):
        return rule
    return msgspec.structs.replace(rule, reason=None, reason_detail=None, reason_until=None, reason_at=None)
