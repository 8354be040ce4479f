"""SQL of passwords and operators' sessions."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from asyncpg import Record

from replenish.core.db import Reads
from replenish.core.ids import OperatorId
from replenish.core.transaction import Tx


async def secret_by_email(db: Reads, email: str) -> Record | None:
    return await db.fetchrow(
        "select id as operator_id, password_hash from operators where lower(email) = lower($1) and disabled_at is null",
        email,
    )


async def secret(db: Reads, operator_id: OperatorId) -> Record | None:
    return await db.fetchrow(
        "select id as operator_id, password_hash from operators where id = $1 and disabled_at is null", operator_id
    )


async def insert_session(
    tx: Tx,
    session_id: UUID,
    operator_id: OperatorId,
    password_hash: str,
    cookie_hash: bytes,
    life: timedelta,
    user_agent: str,
) -> Record | None:
    """None when the password was changed, or its owner disabled, since it was compared."""
    return await tx.fetchrow(
        "insert into operator_sessions (id, operator_id, mode, cookie_hash, entered_at, expires_at, user_agent)"
        " select $1, id, 'live', $4, now(), now() + $5, $6 from operators"
        " where id = $2 and password_hash = $3 and disabled_at is null returning id",
        session_id,
        operator_id,
        password_hash,
        cookie_hash,
        life,
        user_agent,
    )


async def set_password(tx: Tx, operator_id: OperatorId, old_hash: str | None, new_hash: str) -> int:
    return await tx.execute(
        "update operators set password_hash = $3 where id = $1 and password_hash is not distinct from $2"
        " and disabled_at is null",
        operator_id,
        old_hash,
        new_hash,
    )


async def end_other_sessions(tx: Tx, operator_id: OperatorId, keep: UUID) -> int:
    """Links that were not used yet, too."""
    return await tx.execute(
        "update operator_sessions set ended_at = now() where operator_id = $1 and id <> $2 and ended_at is null",
        operator_id,
        keep,
    )


async def sessions(db: Reads, operator_id: OperatorId, lately: timedelta) -> Sequence[Record]:
    return await db.fetch(
        "select id, entered_at, expires_at, user_agent,"
        " link_hash is not null and entered_at > now() - $2::interval as by_link_lately from operator_sessions"
        " where operator_id = $1 and cookie_hash is not null and ended_at is null and expires_at > now()"
        " order by entered_at desc",
        operator_id,
        lately,
    )
