"""Recharge attempts: each automatic charge, and each changed reason for not charging (law 13)."""

from replenish.api.v1.call import Call
from replenish.api.v1.routing import reads
from replenish.api.v1.wire import Cursor, Key, Limit, Page, Shown, Time, before, page, path_id
from replenish.core.ids import (
    CURRENCY,
    CUSTOMER,
    PAYMENT,
    PAYMENT_METHOD,
    RECHARGE_ATTEMPT,
    RECHARGE_RULE,
    TOP_UP,
    WALLET,
    RechargeAttemptId,
)
from replenish.core.money import plain
from replenish.customers import queries as customers
from replenish.recharge import queries
from replenish.recharge.model import Attempt, AttemptState


class RechargeAttemptView(Shown):
    """`reason` and `detail` say why it charged or (`refused`) did not; `balance`, `pending` and `threshold` what was judged."""

    id: str
    customer_id: str
    wallet_id: str
    recharge_rule_id: str
    state: AttemptState
    reason: str
    detail: str
    balance: str
    pending: str
    threshold: str
    packs: int
    amount: str
    currency_id: str
    credits: str
    topup_id: str | None
    payment_id: str | None
    payment_method_id: str | None
    created_at: Time
    submitted_at: Time | None
    ended_at: Time | None
    expires_at: Time | None


def show(attempt: Attempt) -> RechargeAttemptView:
    return RechargeAttemptView(
        id=RECHARGE_ATTEMPT.text(attempt.id),
        customer_id=CUSTOMER.text(attempt.customer_id),
        wallet_id=WALLET.text(attempt.wallet_id),
        recharge_rule_id=RECHARGE_RULE.text(attempt.rule_id),
        state=attempt.state,
        reason=attempt.reason,
        detail=attempt.detail,
        balance=str(attempt.balance),
        pending=str(attempt.pending),
        threshold=str(attempt.threshold),
        packs=attempt.packs,
        amount=plain(attempt.amount),
        currency_id=CURRENCY.text(attempt.currency_id),
        credits=str(attempt.credits),
        topup_id=None if attempt.top_up_id is None else TOP_UP.text(attempt.top_up_id),
        payment_id=None if attempt.payment_id is None else PAYMENT.text(attempt.payment_id),
        payment_method_id=None if attempt.payment_method_id is None else PAYMENT_METHOD.text(attempt.payment_method_id),
        created_at=attempt.created_at,
        submitted_at=attempt.submitted_at,
        ended_at=attempt.ended_at,
        expires_at=attempt.expires_at,
    )


@reads("/recharge_attempts", errors=(404,))
async def list_recharge_attempts(
    call: Call,
    customer_id: Key | None = None,
    in_state: AttemptState | None = None,
    limit: Limit = 20,
    cursor: Cursor | None = None,
) -> Page[RechargeAttemptView]:
    """List recharge attempts, newest first."""
    customer = None
    if customer_id is not None:
        customer = (await customers.find_customer(call.db, workspace_id=call.workspace_id, key=customer_id)).id
    last = before(cursor)
    rows = await queries.attempts(
        call.db,
        workspace_id=call.workspace_id,
        customer_id=customer,
        states=None if in_state is None else [in_state],
        before=None if last is None else RechargeAttemptId(last),
        limit=limit + 1,
    )
    return page(rows, limit=limit, show=show, id_of=lambda row: row.id)


@reads("/recharge_attempts/{recharge_attempt_id:str}")
async def retrieve_recharge_attempt(recharge_attempt_id: str, call: Call) -> RechargeAttemptView:
    """Retrieve a recharge attempt."""
    found = path_id(RECHARGE_ATTEMPT, recharge_attempt_id, "recharge attempt")
    return show(await queries.attempt(call.db, workspace_id=call.workspace_id, attempt_id=found))


routes = [list_recharge_attempts, retrieve_recharge_attempt]
