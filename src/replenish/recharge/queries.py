"""Reading rules, attempts and consents. Another workspace's or customer's is not found (law 16)."""

from collections.abc import Sequence

from replenish.core.db import Reads
from replenish.core.errors import NotFound
from replenish.core.ids import ConsentId, CustomerId, RechargeAttemptId, RechargeRuleId, WalletId, WorkspaceId
from replenish.recharge import store
from replenish.recharge.model import OPEN_STATES, Attempt, AttemptState, Consent, Rule


async def rule(
    db: Reads, *, workspace_id: WorkspaceId, rule_id: RechargeRuleId, customer_id: CustomerId | None = None
) -> Rule:
    """Raises NotFound; with `customer_id` also when it is another customer's."""
    found = await store.rule(db, workspace_id=workspace_id, rule_id=rule_id)
    if found is None or customer_id not in {None, found.customer_id}:
        raise NotFound("recharge rule")
    return found


async def rule_of_wallet(
    db: Reads, *, workspace_id: WorkspaceId, customer_id: CustomerId, wallet_id: WalletId
) -> Rule | None:
    return await store.rule_of_wallet(db, workspace_id=workspace_id, customer_id=customer_id, wallet_id=wallet_id)


async def rules(
    db: Reads,
    *,
    workspace_id: WorkspaceId,
    customer_id: CustomerId | None = None,
    before: RechargeRuleId | None = None,
    limit: int = 20,
) -> list[Rule]:
    """Newest first; `before` is the last id of the page before."""
    return await store.rules(db, workspace_id=workspace_id, customer_id=customer_id, before=before, limit=limit)


async def consent(db: Reads, *, customer_id: CustomerId, consent_id: ConsentId) -> Consent | None:
    return await store.consent(db, customer_id=customer_id, consent_id=consent_id)


async def consents(db: Reads, *, customer_id: CustomerId, rule_id: RechargeRuleId) -> list[Consent]:
    """All that was agreed to for this rule, newest first."""
    return await store.consents(db, customer_id=customer_id, rule_id=rule_id)


async def attempt(
    db: Reads,
    *,
    workspace_id: WorkspaceId,
    attempt_id: RechargeAttemptId,
    customer_id: CustomerId | None = None,
) -> Attempt:
    """Raises NotFound; with `customer_id` also when it is another customer's."""
    found = await store.attempt(db, workspace_id=workspace_id, attempt_id=attempt_id)
    if found is None or customer_id not in {None, found.customer_id}:
        raise NotFound("recharge attempt")
    return found


async def attempt_by_link(db: Reads, *, attempt_id: RechargeAttemptId) -> Attempt:
    """For whoever has shown a link of ours (`recharge.links`) or was found to own it. Raises NotFound."""
    found = await store.attempt_by_id(db, attempt_id=attempt_id)
    if found is None:
        raise NotFound("recharge attempt")
    return found


async def attempts(
    db: Reads,
    *,
    workspace_id: WorkspaceId,
    customer_id: CustomerId | None = None,
    wallet_id: WalletId | None = None,
    states: Sequence[AttemptState] | None = None,
    before: RechargeAttemptId | None = None,
    limit: int = 20,
) -> list[Attempt]:
    """Charges, declines and changed reasons for not charging, newest first."""
    return await store.attempts(
        db,
        workspace_id=workspace_id,
        customer_id=customer_id,
        wallet_id=wallet_id,
        states=states,
        before=before,
        limit=limit,
    )


async def open_attempts(db: Reads, *, workspace_id: WorkspaceId, customer_id: CustomerId) -> list[Attempt]:
    """What is under way: the portal's banner shows those in `needs_customer`."""
    return await attempts(db, workspace_id=workspace_id, customer_id=customer_id, states=OPEN_STATES)
