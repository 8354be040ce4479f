"""Writing rules, consents and attempts. Every caller holds the wallet's lock; the order is wallet, rule, attempt."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from replenish.core.db import Reads
from replenish.core.ids import CustomerId, RechargeAttemptId, WalletId
from replenish.core.rows import value
from replenish.core.transaction import Tx
from replenish.recharge import store
from replenish.recharge.model import Attempt, AttemptState, Consent, Rule
from replenish.recharge.policy import History, Windows

# How long one worker has to end a link at its provider before another may try; in real time, whatever the clock.
LEASE: Final = timedelta(minutes=2)


async def lock_rule(tx: Tx, *, customer_id: CustomerId, wallet_id: WalletId) -> Rule | None:
    return await store.lock_rule_of(tx, customer_id=customer_id, wallet_id=wallet_id)


async def save_rule(tx: Tx, *, rule: Rule) -> None:
    await store.save_rule(tx, rule)


async def add_consent(tx: Tx, *, consent: Consent) -> None:
    await store.insert_consent(tx, consent)


async def lock_open_attempt(tx: Tx, *, customer_id: CustomerId, wallet_id: WalletId) -> Attempt | None:
    """The wallet's open attempt: there is at most one (law 10)."""
    return await store.lock_open_attempt(tx, customer_id=customer_id, wallet_id=wallet_id)


async def lock_attempt(tx: Tx, *, customer_id: CustomerId, attempt_id: RechargeAttemptId) -> Attempt | None:
    return await store.lock_attempt(tx, customer_id=customer_id, attempt_id=attempt_id)


async def history(tx: Reads, *, rule: Rule, open_attempt: Attempt | None, window: Windows) -> History:
    """What caps count and what was agreed to, read under the lock that a decision is made under (law 12)."""
    row = await store.counted(
        tx,
        customer_id=rule.customer_id,
        rule_id=rule.id,
        currency_id=rule.currency_id,
        month=window.month,
        day=window.day,
    )
    consent = None
    if rule.consent_id is not None:
        consent = await store.consent(tx, customer_id=rule.customer_id, consent_id=rule.consent_id)
    return History(
        open_state=None if open_attempt is None else open_attempt.state,
        day_amount=value(row, "day_amount", Decimal),
        day_count=value(row, "day_count", int),
        month_amount=value(row, "month_amount", Decimal),
        consented=None if consent is None else consent.terms,
    )


async def add_attempt(tx: Tx, *, attempt: Attempt) -> None:
    """Store a decided attempt (its payment is the job), or a changed reason for not trying."""
    await store.insert_attempt(tx, attempt)


async def move_attempt(
    tx: Tx,
    *,
    attempt: Attempt,
    state: AttemptState,
    now: datetime,
    reason: str | None = None,
    detail: str | None = None,
    expires_at: datetime | None = None,
) -> Attempt:
    """Bring an attempt that was locked to its next state; its time is the wallet's."""
    moved = msgspec.structs.replace(
        attempt,
        state=state,
        reason=reason or attempt.reason,
        detail=attempt.detail if detail is None else detail,
        submitted_at=now if state == "submitted" and attempt.submitted_at is None else attempt.submitted_at,
        expires_at=expires_at or attempt.expires_at,
    )
    if not moved.is_open:
        moved = msgspec.structs.replace(moved, ended_at=now)
    if await store.move_attempt(tx, moved, before=attempt.state) != 1:
        raise RuntimeError(f"recharge attempt {attempt.id} is no longer {attempt.state}, though it was locked")
    return moved


async def claim_expired_link(tx: Tx) -> Attempt | None:
    """An attempt whose link to authenticate with has ended, by its workspace's clock; leased to the caller."""
    return await store.claim_expired_link(tx, lease=LEASE)
