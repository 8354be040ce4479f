"""What the fate of a top-up does to the wallet's rule and attempts: a part of other flows' transactions, never its own.

`flows.settle_payment` calls these for every top-up of a wallet, manual ones too, after `open_books` (and, for a
settlement, after the grant) and before it locks top-up and payment: the order is wallet, rule, attempt, top-up, payment.
What they return is the caller's to finish: end the top-ups that were called off, and emit the events last.
"""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from replenish.core.ids import RECHARGE_ATTEMPT, RechargeAttemptId
from replenish.core.money import NO_CREDITS, Credits
from replenish.core.transaction import Tx
from replenish.flows._recharge_events import attempt_event, rule_event
from replenish.notifications.model import NewEvent
from replenish.payments.provider import Declined
from replenish.recharge import operations as recharge
from replenish.recharge.model import UNPAID_STATES, Attempt, Rule
from replenish.recharge.policy import LINK_VALID, LOOK_AGAIN, PAUSES, NoCharge
from replenish.wallets import operations as wallets
from replenish.wallets.book import Book


class Aftermath(msgspec.Struct, frozen=True, kw_only=True):
    """What is left to do.

    The top-ups and payments of `called_off` are cancelled in the same transaction (`_recharge_cancel`); `events` are
    emitted last.
    """

    events: Sequence[NewEvent] = ()
    called_off: Sequence[Attempt] = ()


async def on_submission(tx: Tx, *, book: Book, attempt_id: RechargeAttemptId | None) -> None:
    """The payment is about to be submitted, or is being confirmed after its customer came: it can no longer be called off.

    In the transaction that stores the provider's id (law 9). From here it counts for the day and month of the wallet's now.
    """
    attempt = await _lock_open(tx, book, attempt_id)
    if attempt is not None and attempt.state != "submitted":
        await recharge.move_attempt(tx, attempt=attempt, state="submitted", now=book.now)


async def after_settlement(tx: Tx, *, book: Book, attempt_id: RechargeAttemptId | None) -> Aftermath:
    """Money became credits. `attempt_id` is the settled top-up's, None for a manual one.

    Calls off another attempt on which nothing can have been paid when the wallet is no longer low (law 10).
    """
    rule = await _lock_rule(tx, book)
    if rule is None:
        return Aftermath()
    events: list[NewEvent] = []
    mine = await _lock_open(tx, book, attempt_id)
    if mine is not None:
        detail = f"{mine.credits} credits were added."
        mine = await recharge.move_attempt(tx, attempt=mine, state="succeeded", now=book.now, detail=detail)
        rule = msgspec.structs.replace(rule, declines_in_a_row=0, declined_fingerprint=None, paused_until=None)
        events.append(attempt_event(mine, "succeeded", rule=rule))
    called_off: list[Attempt] = []
    if book.balance >= rule.threshold:
        rule = without_reason(rule, book)
        attempt, told = await call_off(tx, book=book, rule=rule, detail="Another top-up arrived first.")
        called_off += attempt
        events += told
    await recharge.save_rule(tx, rule=rule)
    await rearm(tx, book=book, rule=rule)
    return Aftermath(events=events, called_off=called_off)


async def after_decline(
    tx: Tx, *, book: Book, attempt_id: RechargeAttemptId | None, decline: Declined, fingerprint: str | None
) -> Aftermath:
    """No money moved and none will. For an automatic top-up: pause, or suspend (law 13).

    `fingerprint` is the declined method's: another one ends the suspension.
    """
    rule = await _lock_rule(tx, book)
    if rule is None:
        return Aftermath()
    attempt = await _lock_open(tx, book, attempt_id)
    if attempt is None:
        await rearm(tx, book=book, rule=rule)
        return Aftermath()
    rule, told = _declined(rule, book, permanent=decline.permanent, fingerprint=fingerprint)
    detail = f"{decline.message} {rule.reason_detail}"
    attempt = await recharge.move_attempt(
        tx, attempt=attempt, state="declined", now=book.now, reason=decline.code, detail=detail
    )
    await recharge.save_rule(tx, rule=rule)
    await rearm(tx, book=book, rule=rule)
    return Aftermath(events=[attempt_event(attempt, "declined", rule=rule), *told])


async def after_customer_needed(tx: Tx, *, book: Book, attempt_id: RechargeAttemptId | None) -> Aftermath:
    """The bank wants the card holder: one link, valid 24 h, and no retries meanwhile (law 13). Told once."""
    rule = await _lock_rule(tx, book)
    attempt = await _lock_open(tx, book, attempt_id)
    if rule is None or attempt is None or attempt.state == "needs_customer":
        return Aftermath()
    attempt = await recharge.move_attempt(
        tx,
        attempt=attempt,
        state="needs_customer",
        now=book.now,
        reason="authentication_required",
        detail="Your bank wants you to confirm this payment.",
        expires_at=book.now + LINK_VALID,
    )
    await rearm(tx, book=book, rule=rule)
    return Aftermath(events=[attempt_event(attempt, "needs_customer", rule=rule)])


async def after_end(
    tx: Tx, *, book: Book, attempt_id: RechargeAttemptId | None, detail: str, fingerprint: str | None
) -> Aftermath:
    """A top-up ended without money: cancelled or expired at its provider. It is no longer pending, so look again.

    An attempt that waited for its customer has expired with it: a decline without money (law 13).
    """
    rule = await _lock_rule(tx, book)
    if rule is None:
        return Aftermath()
    events: list[NewEvent] = []
    attempt = await _lock_open(tx, book, attempt_id)
    if attempt is not None and attempt.state == "needs_customer":
        rule, told = _declined(rule, book, permanent=False, fingerprint=fingerprint)
        detail = f"The payment was not confirmed in time. {rule.reason_detail}"
        attempt = await recharge.move_attempt(tx, attempt=attempt, state="expired", now=book.now, detail=detail)
        await recharge.save_rule(tx, rule=rule)
        events += [attempt_event(attempt, "expired", rule=rule), *told]
    elif attempt is not None:
        attempt = await recharge.move_attempt(tx, attempt=attempt, state="cancelled", now=book.now, detail=detail)
        events.append(attempt_event(attempt, "cancelled", rule=rule))
    await rearm(tx, book=book, rule=rule)
    return Aftermath(events=events)


# ── parts that the other recharge flows use, too ──────────────────────────────────────────────────────────────────────


async def call_off(tx: Tx, *, book: Book, rule: Rule, detail: str) -> tuple[list[Attempt], list[NewEvent]]:
    """Cancel the open attempt if nothing can have been paid on it. The caller ends its top-up and payment."""
    attempt = await recharge.lock_open_attempt(tx, customer_id=rule.customer_id, wallet_id=rule.wallet_id)
    if attempt is None or attempt.state not in UNPAID_STATES:
        return [], []
    attempt = await recharge.move_attempt(tx, attempt=attempt, state="cancelled", now=book.now, detail=detail)
    return [attempt], [attempt_event(attempt, "cancelled", rule=rule)]


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


def _declined(rule: Rule, book: Book, *, permanent: bool, fingerprint: str | None) -> tuple[Rule, list[NewEvent]]:
    declines = rule.declines_in_a_row + 1
    rule = msgspec.structs.replace(rule, declines_in_a_row=declines, declined_fingerprint=fingerprint)
    if permanent or declines > len(PAUSES):
        why = "This payment method will not work again" if permanent else f"Declined {declines} times in a row"
        rule = msgspec.structs.replace(
            rule,
            paused_until=None,
            suspended_at=book.now,
            suspended_reason="declined",
            reason="suspended",
            reason_detail=f"{why}, so automatic top-up is suspended: save another payment method, or resume it.",
            reason_until=None,
            reason_at=book.now,
        )
        return rule, [rule_event(rule, "suspended")]
    pause = PAUSES[declines - 1]
    hours = int(pause.total_seconds()) // 3600
    rule = msgspec.structs.replace(
        rule,
        paused_until=book.now + pause,
        reason="paused",
        reason_detail=f"The next try is in {hours} {'hour' if hours == 1 else 'hours'}.",
        reason_until=book.now + pause,
        reason_at=book.now,
    )
    return rule, []


async def _lock_rule(tx: Tx, book: Book) -> Rule | None:
    return await recharge.lock_rule(tx, customer_id=book.wallet.customer_id, wallet_id=book.wallet.id)


async def _lock_open(tx: Tx, book: Book, attempt_id: RechargeAttemptId | None) -> Attempt | None:
    """The attempt behind this top-up, if it is still open: what ended once does not end again."""
    if attempt_id is None:
        return None
    attempt = await recharge.lock_attempt(tx, customer_id=book.wallet.customer_id, attempt_id=attempt_id)
    return attempt if attempt is not None and attempt.is_open else None
