"""What the fate of a payment does to the wallet's rule and attempts: a part of other flows' transactions, never its own."""

from typing import assert_never

import msgspec

from replenish.core.ids import RechargeAttemptId
from replenish.core.transaction import Tx
from replenish.flows._recharge_events import attempt_event, rule_event
from replenish.flows._recharge_parts import call_off, rearm, without_reason
from replenish.notifications.model import NewEvent
from replenish.payments import queries as payment_queries
from replenish.payments.model import Payment
from replenish.payments.next_step import Refused, next_step
from replenish.recharge import operations as recharge
from replenish.recharge.model import Attempt, Rule
from replenish.recharge.policy import LINK_VALID, PAUSES
from replenish.topups.model import TopUp
from replenish.wallets.book import Book


async def react(tx: Tx, *, book: Book, top_up: TopUp, payment: Payment) -> list[NewEvent]:
    """Called with what stands, after each change of a payment, manual ones too; what it has reacted to it does not again.

    The wallet is locked by the caller, its book holds the grant of a settlement, and is saved afterwards. Returns events.
    """
    rule = await recharge.lock_rule(tx, customer_id=book.wallet.customer_id, wallet_id=book.wallet.id)
    if rule is None:
        return []
    attempt = await _lock_open(tx, book, top_up.recharge_attempt_id)
    match payment.state:
        case "decided" | "prepared" | "unapplied" | "refunded":
            return []
        case "submitted" | "confirming":
            await _submitted(tx, book=book, attempt=attempt)
            return []
        case "needs_customer":
            if top_up.recharge_attempt_id is None and not payment.hosted:
                # It seemed on its way, and the wallet may sleep on that; a purchase that waits for a person is not (law 10).
                await rearm(tx, book=book, rule=rule)
            return await _needs_customer(tx, book=book, rule=rule, attempt=attempt)
        case "settled":
            return await _settled(tx, book=book, rule=rule, attempt=attempt)
        case "declined" | "cancelled":
            return await _ended(tx, book=book, rule=rule, attempt=attempt, payment=payment)
        case _:
            assert_never(payment.state)


async def _lock_open(tx: Tx, book: Book, attempt_id: RechargeAttemptId | None) -> Attempt | None:
    """The attempt behind this top-up, if it is still open: what ended once does not end again."""
    if attempt_id is None:
        return None
    attempt = await recharge.lock_attempt(tx, customer_id=book.wallet.customer_id, attempt_id=attempt_id)
    return attempt if attempt is not None and attempt.is_open else None


async def _submitted(tx: Tx, *, book: Book, attempt: Attempt | None) -> None:
    """It can no longer be called off, and counts for the day and month of the wallet's now."""
    if attempt is not None and attempt.state != "submitted":
        await recharge.move_attempt(tx, attempt=attempt, state="submitted", now=book.now)


async def _needs_customer(tx: Tx, *, book: Book, rule: Rule, attempt: Attempt | None) -> list[NewEvent]:
    """The bank wants the card holder: one link, valid 24 h, and no retries meanwhile (law 13). Told once."""
    if attempt is None or attempt.state == "needs_customer":
        return []
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
    return [attempt_event(attempt, "needs_customer", rule=rule)]


async def _settled(tx: Tx, *, book: Book, rule: Rule, attempt: Attempt | None) -> list[NewEvent]:
    """Money became credits; another attempt is called off when the wallet is no longer low (law 10)."""
    events: list[NewEvent] = []
    if attempt is not None:
        detail = f"{attempt.credits} credits were added."
        attempt = await recharge.move_attempt(
            tx, attempt=attempt, state="succeeded", now=book.now, reason="low_balance", detail=detail
        )
        rule = msgspec.structs.replace(rule, declines_in_a_row=0, declined_fingerprint=None, paused_until=None)
        events.append(attempt_event(attempt, "succeeded", rule=rule))
    if book.balance >= rule.threshold:
        rule = without_reason(rule, book)
        events += await call_off(tx, book=book, rule=rule, detail="Another top-up arrived first.")
    await recharge.save_rule(tx, rule=rule)
    await rearm(tx, book=book, rule=rule)
    return events


async def _ended(tx: Tx, *, book: Book, rule: Rule, attempt: Attempt | None, payment: Payment) -> list[NewEvent]:
    """No money moved and none will. It is no longer pending, so the wallet is looked at again.

    An attempt that was declined, or whose customer did not come in time, pauses or suspends the rule (law 13).
    """
    events: list[NewEvent] = []
    if attempt is not None and (payment.state == "declined" or attempt.state == "needs_customer"):
        rule, events = await _declined(tx, book=book, rule=rule, payment=payment)
        told = next_step(payment)
        if isinstance(told, Refused) and payment.state == "declined":
            attempt = await recharge.move_attempt(
                tx,
                attempt=attempt,
                state="declined",
                now=book.now,
                reason=told.code,
                detail=f"{told.message} {rule.reason_detail}",
            )
            events.insert(0, attempt_event(attempt, "declined", rule=rule))
        else:
            detail = f"The payment was not confirmed in time. {rule.reason_detail}"
            attempt = await recharge.move_attempt(tx, attempt=attempt, state="expired", now=book.now, detail=detail)
            events.insert(0, attempt_event(attempt, "expired", rule=rule))
    elif attempt is not None:
        detail = "The charge was ended before any money moved."
        attempt = await recharge.move_attempt(tx, attempt=attempt, state="cancelled", now=book.now, detail=detail)
        events = [attempt_event(attempt, "cancelled", rule=rule)]
    await rearm(tx, book=book, rule=rule)
    return events


async def _declined(tx: Tx, *, book: Book, rule: Rule, payment: Payment) -> tuple[Rule, list[NewEvent]]:
    """The rule after one more decline in a row, saved."""
    declines = rule.declines_in_a_row + 1
    permanent = payment.decline_permanent or False
    rule = msgspec.structs.replace(
        rule, declines_in_a_row=declines, declined_fingerprint=await _fingerprint(tx, payment), reason_at=book.now
    )
    if rule.suspended_at is not None:
        # Suspended while it was on its way, for a reason of its own: that stands.
        await recharge.save_rule(tx, rule=rule)
        return rule, []
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
        )
    else:
        pause = PAUSES[declines - 1]
        hours = int(pause.total_seconds()) // 3600
        rule = msgspec.structs.replace(
            rule,
            paused_until=book.now + pause,
            reason="paused",
            reason_detail=f"The next try is in {hours} {'hour' if hours == 1 else 'hours'}.",
            reason_until=book.now + pause,
        )
    await recharge.save_rule(tx, rule=rule)
    return rule, [rule_event(rule, "suspended")] if rule.suspended_at is not None else []


async def _fingerprint(tx: Tx, payment: Payment) -> str | None:
    """Of the method that was declined: another one ends the suspension."""
    if payment.payment_method_id is None:
        return None
    method = await payment_queries.method(tx, customer_id=payment.customer_id, method_id=payment.payment_method_id)
    return method.fingerprint
