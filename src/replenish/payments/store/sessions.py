"""SQL of checkout sessions: a directory table, found by its public address."""

from collections.abc import Sequence

from asyncpg import Record

from replenish.core.db import Reads
from replenish.core.ids import CheckoutSessionId, CustomerId, WorkspaceId
from replenish.core.transaction import Tx
from replenish.payments.model import CheckoutSession


async def insert(tx: Tx, session: CheckoutSession) -> None:
    await tx.execute(
        "insert into checkout_sessions (id, workspace_id, slug, mode, state, customer_id, customer_known, price_id,"
        " quantity, quantity_adjustable, currency_id, payment_link_id, success_url, cancel_url, metadata, created_at,"
        " expires_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
        session.id,
        session.workspace_id,
        session.slug,
        session.mode,
        session.state,
        session.customer_id,
        session.customer_known,
        session.price_id,
        session.quantity,
        session.quantity_adjustable,
        session.currency_id,
        session.payment_link_id,
        session.success_url,
        session.cancel_url,
        dict(session.metadata),
        session.created_at,
        session.expires_at,
    )


async def update(tx: Tx, session: CheckoutSession) -> None:
    """Write all that may change."""
    await tx.execute(
        "update checkout_sessions set state = $2, customer_id = $3, quantity = $4, currency_id = $5, top_up_id = $6,"
        " provider = $7, provider_account = $8, outside_id = $9, page_url = $10, payment_method_id = $11,"
        " completed_at = $12, metadata = $13 where id = $1",
        session.id,
        session.state,
        session.customer_id,
        session.quantity,
        session.currency_id,
        session.top_up_id,
        session.provider,
        session.provider_account,
        session.outside_id,
        session.page_url,
        session.payment_method_id,
        session.completed_at,
        dict(session.metadata),
    )


async def lock(tx: Tx, *, session_id: CheckoutSessionId) -> Record | None:
    return await tx.fetchrow("select * from checkout_sessions where id = $1 for update", session_id)


async def by_slug(db: Reads, *, slug: str) -> Record | None:
    return await db.fetchrow("select * from checkout_sessions where slug = $1", slug)


async def session(db: Reads, *, workspace_id: WorkspaceId, session_id: CheckoutSessionId) -> Record | None:
    return await db.fetchrow(
        "select * from checkout_sessions where workspace_id = $1 and id = $2", workspace_id, session_id
    )


async def sessions(
    db: Reads,
    *,
    workspace_id: WorkspaceId,
    customer_id: CustomerId | None,
    before: CheckoutSessionId | None,
    limit: int,
) -> Sequence[Record]:
    return await db.fetch(
        "select * from checkout_sessions where workspace_id = $1 and ($2::uuid is null or customer_id = $2)"
        " and ($3::uuid is null or id < $3) order by id desc limit $4",
        workspace_id,
        customer_id,
        before,
        limit,
    )


async def expired(db: Reads, *, limit: int) -> Sequence[Record]:
    """Open sessions whose time is over."""
    return await db.fetch(
        "select * from checkout_sessions where state = 'open' and expires_at <= now() order by expires_at limit $1",
        limit,
    )
