"""SQL of the inbox of outside events."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from asyncpg import Record

from replenish.core.ids import InboxId
from replenish.core.transaction import Tx


async def insert(
    tx: Tx,
    *,
    inbox_id: InboxId,
    provider: str,
    provider_account: str,
    outside_id: str,
    kind: str,
    body: Mapping[str, object],
) -> int:
    """1 when it is new, 0 when it was stored before (law 8)."""
    return await tx.execute(
        "insert into inbox (id, provider, provider_account, outside_id, kind, body) values ($1, $2, $3, $4, $5, $6)"
        " on conflict (provider_account, outside_id, kind) do nothing",
        inbox_id,
        provider,
        provider_account,
        outside_id,
        kind,
        dict(body),
    )


async def claim_due(tx: Tx, *, limit: int, lease: timedelta) -> Sequence[Record]:
    return await tx.fetch(
        "update inbox set due_at = now() + $2::interval, tries = tries + 1 where id in (select id from inbox"
        " where done_at is null and due_at <= now() order by due_at limit $1 for update skip locked)"
        " returning id, provider, provider_account, outside_id, kind, tries",
        limit,
        lease,
    )


async def finish(tx: Tx, *, inbox_id: InboxId, failure: str | None) -> None:
    await tx.execute("update inbox set done_at = now(), due_at = null, failure = $2 where id = $1", inbox_id, failure)


async def postpone(tx: Tx, *, inbox_id: InboxId, pause: timedelta, failure: str) -> None:
    await tx.execute(
        "update inbox set due_at = now() + $2::interval, failure = $3 where id = $1", inbox_id, pause, failure
    )
