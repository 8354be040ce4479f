"""Recharge's SQL. Rules and attempts are written under their wallet's lock."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
from asyncpg import Record

from replenish.core.db import Reads
from replenish.core.ids import (
    ConsentId,
    CurrencyId,
    CustomerId,
    RechargeAttemptId,
    RechargeRuleId,
    WalletId,
    WorkspaceId,
)
from replenish.core.rows import row_to, rows_to
from replenish.core.transaction import Tx
from replenish.recharge.model import OPEN_STATES, Attempt, Consent, Rule, Terms

# ── rules ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

_SAVE_RULE: Final = """
insert into recharge_rules (customer_id, id, workspace_id, wallet_id, enabled, threshold, mode, packs, target, price_id,
    currency_id, payment_method_id, charge_amount_max, day_amount_max, day_count_max, month_amount_max, consent_id,
    declines_in_a_row, declined_fingerprint, paused_until, suspended_at, suspended_reason,
    reason, reason_detail, reason_until, reason_at, created_at, updated_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24,
        $25, $26, $27, $28)
on conflict (customer_id, id) do update set
    enabled = excluded.enabled, threshold = excluded.threshold, mode = excluded.mode, packs = excluded.packs,
    target = excluded.target, price_id = excluded.price_id, currency_id = excluded.currency_id,
    payment_method_id = excluded.payment_method_id, charge_amount_max = excluded.charge_amount_max,
    day_amount_max = excluded.day_amount_max, day_count_max = excluded.day_count_max,
    month_amount_max = excluded.month_amount_max, consent_id = excluded.consent_id,
    declines_in_a_row = excluded.declines_in_a_row, declined_fingerprint = excluded.declined_fingerprint,
    paused_until = excluded.paused_until, suspended_at = excluded.suspended_at,
    suspended_reason = excluded.suspended_reason, reason = excluded.reason, reason_detail = excluded.reason_detail,
    reason_until = excluded.reason_until, reason_at = excluded.reason_at, updated_at = excluded.updated_at
"""


async def save_rule(tx: Tx, rule: Rule) -> None:
    await tx.execute(
        _SAVE_RULE,
        rule.customer_id,
        rule.id,
        rule.workspace_id,
        rule.wallet_id,
        rule.enabled,
        rule.threshold.value,
        rule.mode,
        rule.packs,
        None if rule.target is None else rule.target.value,
        rule.price_id,
        rule.currency_id,
        rule.payment_method_id,
        rule.charge_amount_max,
        rule.day_amount_max,
        rule.day_count_max,
        rule.month_amount_max,
        rule.consent_id,
        rule.declines_in_a_row,
        rule.declined_fingerprint,
        rule.paused_until,
        rule.suspended_at,
        rule.suspended_reason,
        rule.reason,
        rule.reason_detail,
        rule.reason_until,
        rule.reason_at,
        rule.created_at,
        rule.updated_at,
    )


async def lock_rule_of(tx: Tx, *, customer_id: CustomerId, wallet_id: WalletId) -> Rule | None:
    row = await tx.fetchrow(
        "select * from recharge_rules where customer_id = $1 and wallet_id = $2 for no key update",
        customer_id,
        wallet_id,
    )
    return None if row is None else row_to(Rule, row)


async def rule(db: Reads, *, workspace_id: WorkspaceId, rule_id: RechargeRuleId) -> Rule | None:
    row = await db.fetchrow("select * from recharge_rules where workspace_id = $1 and id = $2", workspace_id, rule_id)
    return None if row is None else row_to(Rule, row)


async def rule_of_wallet(
    db: Reads, *, workspace_id: WorkspaceId, customer_id: CustomerId, wallet_id: WalletId
) -> Rule | None:
    row = await db.fetchrow(
        "select * from recharge_rules where workspace_id = $1 and customer_id = $2 and wallet_id = $3",
        workspace_id,
        customer_id,
        wallet_id,
    )
    return None if row is None else row_to(Rule, row)


async def rules(
    db: Reads,
    *,
    workspace_id: WorkspaceId,
    customer_id: CustomerId | None,
    before: RechargeRuleId | None,
    limit: int,
) -> list[Rule]:
    rows = await db.fetch(
        "select * from recharge_rules where workspace_id = $1 and ($2::uuid is null or customer_id = $2)"
        " and ($3::uuid is null or id < $3) order by id desc limit $4",
        workspace_id,
        customer_id,
        before,
        limit,
    )
    return rows_to(Rule, rows)


# ── consents ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def insert_consent(tx: Tx, consent: Consent) -> None:
    await tx.execute(
        "insert into consents (customer_id, id, workspace_id, rule_id, actor, wording, terms, ip, user_agent, created_at)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        consent.customer_id,
        consent.id,
        consent.workspace_id,
        consent.rule_id,
        consent.actor,
        consent.wording,
        consent.terms,
        consent.ip,
        consent.user_agent,
        consent.created_at,
    )


async def consent(db: Reads, *, customer_id: CustomerId, consent_id: ConsentId) -> Consent | None:
    row = await db.fetchrow("select * from consents where customer_id = $1 and id = $2", customer_id, consent_id)
    return None if row is None else _consent(row)


async def consents(db: Reads, *, customer_id: CustomerId, rule_id: RechargeRuleId) -> list[Consent]:
    rows = await db.fetch(
        "select * from consents where customer_id = $1 and rule_id = $2 order by id desc", customer_id, rule_id
    )
    return [_consent(row) for row in rows]


def _consent(row: Record) -> Consent:
    found = row_to(Consent, row)
    return msgspec.structs.replace(found, terms=msgspec.convert(found.terms, Terms))


# ── attempts ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_INSERT_ATTEMPT: Final = """
insert into recharge_attempts (customer_id, id, workspace_id, wallet_id, rule_id, state, reason, detail, balance, pending,
    threshold, packs, currency_id, amount, credits, top_up_id, payment_id, payment_method_id, created_at, submitted_at,
    ended_at, expires_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)
"""


async def insert_attempt(tx: Tx, attempt: Attempt) -> None:
    """Raises UniqueViolationError when the wallet has an open attempt already (law 10)."""
    await tx.execute(
        _INSERT_ATTEMPT,
        attempt.customer_id,
        attempt.id,
        attempt.workspace_id,
        attempt.wallet_id,
        attempt.rule_id,
        attempt.state,
        attempt.reason,
        attempt.detail,
        attempt.balance.value,
        attempt.pending.value,
        attempt.threshold.value,
        attempt.packs,
        attempt.currency_id,
        attempt.amount,
        attempt.credits.value,
        attempt.top_up_id,
        attempt.payment_id,
        attempt.payment_method_id,
        attempt.created_at,
        attempt.submitted_at,
        attempt.ended_at,
        attempt.expires_at,
    )


async def move_attempt(tx: Tx, attempt: Attempt, *, before: str) -> int:
    """Write an attempt's new state, if it is still in the one that was read."""
    return await tx.execute(
        "update recharge_attempts set state = $4, reason = $5, detail = $6, submitted_at = $7, ended_at = $8,"
        " expires_at = $9, due_at = null"
        " where customer_id = $1 and id = $2 and state = $3",
        attempt.customer_id,
        attempt.id,
        before,
        attempt.state,
        attempt.reason,
        attempt.detail,
        attempt.submitted_at,
        attempt.ended_at,
        attempt.expires_at,
    )


async def lock_open_attempt(tx: Tx, *, customer_id: CustomerId, wallet_id: WalletId) -> Attempt | None:
    row = await tx.fetchrow(
        "select * from recharge_attempts where customer_id = $1 and wallet_id = $2 and state = any($3::text[])"
        " for no key update",
        customer_id,
        wallet_id,
        list(OPEN_STATES),
    )
    return None if row is None else row_to(Attempt, row)


async def lock_attempt(tx: Tx, *, customer_id: CustomerId, attempt_id: RechargeAttemptId) -> Attempt | None:
    row = await tx.fetchrow(
        "select * from recharge_attempts where customer_id = $1 and id = $2 for no key update", customer_id, attempt_id
    )
    return None if row is None else row_to(Attempt, row)


_HISTORY: Final = """
select coalesce(sum(amount) filter (where counts and submitted_at >= $5), 0) as day_amount,
       count(*) filter (where submitted_at >= $5) as day_count,
       coalesce(sum(amount) filter (where counts), 0) as month_amount
from (
    select amount, submitted_at, state = any($6::text[]) as counts from recharge_attempts
    where customer_id = $1 and rule_id = $2 and currency_id = $3 and submitted_at >= least($4, $5::timestamptz)
) as tried
"""


async def counted(
    db: Reads,
    *,
    customer_id: CustomerId,
    rule_id: RechargeRuleId,
    currency_id: CurrencyId,
    month: datetime,
    day: datetime,
) -> Record:
    """`day_amount`, `day_count`, `month_amount`. A day never begins before its month."""
    row = await db.fetchrow(_HISTORY, customer_id, rule_id, currency_id, month, day, [*OPEN_STATES, "succeeded"])
    if row is None:
        raise RuntimeError("an aggregate answered without a row")
    return row


async def attempt(db: Reads, *, workspace_id: WorkspaceId, attempt_id: RechargeAttemptId) -> Attempt | None:
    row = await db.fetchrow(
        "select * from recharge_attempts where workspace_id = $1 and id = $2", workspace_id, attempt_id
    )
    return None if row is None else row_to(Attempt, row)


async def attempt_by_id(db: Reads, *, attempt_id: RechargeAttemptId) -> Attempt | None:
    row = await db.fetchrow("select * from recharge_attempts where id = $1", attempt_id)
    return None if row is None else row_to(Attempt, row)


async def attempts(
    db: Reads,
    *,
    workspace_id: WorkspaceId,
    customer_id: CustomerId | None,
    wallet_id: WalletId | None,
    states: Sequence[str] | None,
    before: RechargeAttemptId | None,
    limit: int,
) -> list[Attempt]:
    rows = await db.fetch(
        "select * from recharge_attempts where workspace_id = $1 and ($2::uuid is null or customer_id = $2)"
        " and ($3::uuid is null or wallet_id = $3) and ($4::text[] is null or state = any($4))"
        " and ($5::uuid is null or id < $5) order by id desc limit $6",
        workspace_id,
        customer_id,
        wallet_id,
        None if states is None else list(states),
        before,
        limit,
    )
    return rows_to(Attempt, rows)


async def claim_expired_link(tx: Tx, *, lease: timedelta) -> Attempt | None:
    """Take the lease of one attempt whose link to authenticate with has ended, by its workspace's clock."""
    row = await tx.fetchrow(
        "update recharge_attempts set due_at = clock_timestamp() + $1::interval where (customer_id, id) in ("
        " select a.customer_id, a.id from workspaces join recharge_attempts a on a.workspace_id = workspaces.id"
        " and a.state = 'needs_customer'"
        " and a.expires_at <= coalesce(workspaces.test_clock, clock_timestamp())"
        " where a.due_at is null or a.due_at <= clock_timestamp() order by a.expires_at limit 1 for no key update of a skip locked) returning *",
        lease,
    )
    return None if row is None else row_to(Attempt, row)
