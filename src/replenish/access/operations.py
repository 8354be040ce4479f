"""Writes of workspaces, keys, sessions and request keys. Called by flows, inside their transaction."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from uuid_utils.compat import uuid7

from replenish.access import store
from replenish.access.model import (
    ADMIN_LIFE,
    GRACE_MAX,
    SCOPES,
    ApiKey,
    Mode,
    PortalSession,
    RefundPolicy,
    RequestKey,
    Role,
    Scope,
    Workspace,
)
from replenish.access.tokens import PREFIXES, hash_of, hint_of, link_token, new_api_key, new_token
from replenish.core.errors import Conflict, Invalid, NotFound, Unauthenticated
from replenish.core.ids import (
    OPERATOR,
    WORKSPACE,
    ApiKeyId,
    CustomerId,
    OperatorId,
    PortalSessionId,
    WorkspaceId,
)
from replenish.core.rows import row_to, value
from replenish.core.text import clean_email, clean_text, clean_url
from replenish.core.times import clean_time, written
from replenish.core.transaction import Tx

LINK_LIFE: Final = timedelta(minutes=15)
PORTAL_LIFE: Final = timedelta(hours=1)
_NAME_LONGEST: Final = 128
_KEY_BODY: Final = 32
_USER_AGENT_LONGEST: Final = 300


# Workspaces


async def create_twins(tx: Tx, *, name: str, time_zone: str, now: datetime) -> tuple[WorkspaceId, WorkspaceId]:
    """A live workspace and its test twin; returns (live, test). Raises Invalid(name | time_zone)."""
    clean_text(name, field="name", longest=_NAME_LONGEST, shortest=1)
    _check_time_zone(time_zone)
    live, test = WORKSPACE.new(), WORKSPACE.new()
    pairs: tuple[tuple[WorkspaceId, Mode, WorkspaceId], ...] = ((live, "live", test), (test, "test", live))
    for own, mode, twin in pairs:
        await store.insert_workspace(
            tx,
            Workspace(id=own, mode=mode, twin_id=twin, name=name, time_zone=time_zone, test_clock=None, created_at=now),
        )
    return live, test


async def change_workspace(tx: Tx, *, workspace_id: WorkspaceId, name: str | None, time_zone: str | None) -> None:
    """Name and time zone are shared by both twins."""
    found = await store.lock_workspace(tx, workspace_id)
    if found is None:
        raise NotFound("workspace")
    old = row_to(Workspace, found)
    if name is not None:
        clean_text(name, field="name", longest=_NAME_LONGEST, shortest=1)
    if time_zone is not None:
        _check_time_zone(time_zone)
    await store.update_names(tx, [workspace_id, old.twin_id], name or old.name, time_zone or old.time_zone)


async def set_paykickstart_always_200(tx: Tx, *, workspace_id: WorkspaceId, on: bool) -> None:
    """Of this workspace only: its twin may serve other clients."""
    if not await store.set_paykickstart_always_200(tx, workspace_id, on=on):
        raise NotFound("workspace")


async def set_refund_policy(tx: Tx, *, workspace_id: WorkspaceId, policy: RefundPolicy) -> None:
    """Of this workspace only; for refunds from now on."""
    if not await store.set_refund_policy(tx, workspace_id, policy):
        raise NotFound("workspace")


def _check_time_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid("time_zone", "is not a time zone such as 'Europe/Berlin'") from None


async def move_test_clock(tx: Tx, *, workspace_id: WorkspaceId, to: datetime) -> None:
    """Set a test workspace's clock; forward only, because no wallet's now may go back (law 4).

    Raises Invalid(now) for a live workspace, an earlier time or one without a time zone.
    """
    found = await store.lock_workspace(tx, workspace_id)
    if found is None:
        raise NotFound("workspace")
    if value(found, "mode", str) != "test":
        raise Invalid("now", "only test workspaces have a test clock", code="not_a_test_workspace")
    clean_time(to, field="now")
    present = value(found, "now", datetime)
    if to < present:
        raise Invalid("now", f"the clock only moves forward; it is {written(present)}", code="clock_moves_forward")
    await store.set_test_clock(tx, workspace_id, to)


async def next_campaign_number(tx: Tx, *, workspace_id: WorkspaceId) -> int:
    return _number(await store.next_campaign_number(tx, workspace_id))


async def next_product_number(tx: Tx, *, workspace_id: WorkspaceId) -> int:
    return _number(await store.next_product_number(tx, workspace_id))


def _number(found: object) -> int:
    if not isinstance(found, int):
        raise NotFound("workspace")
    return found


# API keys


async def create_api_key(
    tx: Tx,
    *,
    api_key_id: ApiKeyId,
    workspace: Workspace,
    name: str,
    scopes: Sequence[str],
    now: datetime,
    expires_at: datetime | None = None,
    secret: str | None = None,
) -> str:
    """Returns the secret: shown once, stored as a hash. `secret` is only given in development.

    Raises Invalid(name | scopes | expires_at | secret).
    """
    clean_text(name, field="name", longest=_NAME_LONGEST, shortest=1)
    if expires_at is not None and clean_time(expires_at, field="expires_at") <= now:
        raise Invalid("expires_at", "must be in the future")
    if secret is not None:
        prefix = PREFIXES[workspace.mode]
        if not secret.startswith(prefix) or len(secret) < len(prefix) + _KEY_BODY:
            raise Invalid("secret", f"must start with {prefix} and have {_KEY_BODY} or more characters after it")
    made = secret or new_api_key(workspace.mode)
    key = ApiKey(
        id=api_key_id,
        workspace_id=workspace.id,
        name=name,
        hint=hint_of(made),
        scopes=_clean_scopes(scopes),
        created_at=now,
        expires_at=expires_at,
        revoked_at=None,
        replaced_by=None,
    )
    await store.insert_api_key(tx, key, hash_of(made))
    return made


def _clean_scopes(scopes: Sequence[str]) -> list[Scope]:
    if not scopes:
        raise Invalid("scopes", "needs at least one scope")
    for place, scope in enumerate(scopes):
        if scope not in SCOPES:
            raise Invalid(f"scopes[{place}]", f"is none of {', '.join(SCOPES)}")
    return [scope for scope in SCOPES if scope in scopes]


async def rotate_api_key(
    tx: Tx, *, workspace: Workspace, api_key_id: ApiKeyId, new_id: ApiKeyId, grace: timedelta, now: datetime
) -> str:
    """A new key with the old one's name and scopes; the old one works on for `grace`. Returns the new secret.

    Raises NotFound, Invalid(grace_seconds), Conflict(api_key_ended) for a key that no longer works or has a successor.
    """
    if not timedelta() <= grace <= GRACE_MAX:
        raise Invalid("grace_seconds", f"must be between 0 and {int(GRACE_MAX.total_seconds())}")
    found = await store.lock_api_key(tx, workspace.id, api_key_id)
    if found is None:
        raise NotFound("api key")
    old = row_to(ApiKey, found)
    if old.revoked_at is not None or old.replaced_by is not None or value(found, "expired", bool):
        raise Conflict("This key was revoked, replaced or has expired.", code="api_key_ended")
    secret = await create_api_key(tx, api_key_id=new_id, workspace=workspace, name=old.name, scopes=old.scopes, now=now)
    await store.replace_api_key(tx, api_key_id, new_id, grace)
    return secret


async def revoke_api_key(tx: Tx, *, workspace_id: WorkspaceId, api_key_id: ApiKeyId) -> None:
    """From now on, or from a second after (the edges remember a key for that long, law 17). Twice is once."""
    if await store.lock_api_key(tx, workspace_id, api_key_id) is None:
        raise NotFound("api key")
    await store.revoke_api_key(tx, api_key_id)


# Portal sessions


async def create_portal_session(
    tx: Tx,
    *,
    session_id: PortalSessionId,
    workspace_id: WorkspaceId,
    customer_id: CustomerId,
    return_url: str | None,
    secret_key: str,
) -> str:
    """A one-time link for one customer, good for 15 minutes; returns its token. Raises Invalid(return_url)."""
    if return_url is not None:
        clean_url(return_url, field="return_url")
    token = link_token(secret_key, session_id)
    await store.insert_portal_session(
        tx, session_id, workspace_id, customer_id, hash_of(token), return_url, LINK_LIFE, PORTAL_LIFE
    )
    return token


async def enter_portal(tx: Tx, *, token: str) -> tuple[PortalSession, str]:
    """Exchange the link's token for a cookie's, once. Raises Unauthenticated when it is unknown, used or too old."""
    cookie = new_token()
    found = await store.enter_portal(tx, hash_of(token), hash_of(cookie), PORTAL_LIFE)
    if found is None:
        raise Unauthenticated("This link was used already or has expired.", code="link_ended")
    return row_to(PortalSession, found), cookie


async def end_portal_session(tx: Tx, *, workspace_id: WorkspaceId, session_id: PortalSessionId) -> None:
    if not await store.end_portal_session(tx, workspace_id, session_id):
        raise NotFound("portal session")


# Operators


async def create_operator(tx: Tx, *, workspace: Workspace, email: str, name: str, role: Role) -> OperatorId:
    """A member of the team of a live workspace. Raises Invalid(email | workspace_id), Conflict(email_taken)."""
    if workspace.mode != "live":
        raise Invalid("workspace_id", "operators belong to the live workspace; its twin is reached from there")
    clean_email(email, field="email")
    clean_text(name, field="name", longest=_NAME_LONGEST)
    operator_id = OPERATOR.new()
    if await store.insert_operator(tx, operator_id, workspace.id, email, name, role) is None:
        raise Conflict("This e-mail address already has an account.", code="email_taken")
    return operator_id


async def create_sign_in_link(
    tx: Tx, *, operator_id: OperatorId, mode: Mode = "live", life: timedelta = LINK_LIFE
) -> str:
    """A one-time sign-in token for the admin; `mode` is the workspace that the session looks at first."""
    token = new_token()
    session_id = uuid7()
    await store.insert_sign_in_link(tx, session_id, operator_id, mode, hash_of(token), life, ADMIN_LIFE)
    return token


async def enter_admin(tx: Tx, *, token: str, user_agent: str = "") -> str:
    """Exchange a sign-in token for a cookie's, once. Raises Unauthenticated, also for a disabled operator's."""
    cookie = new_token()
    if await store.enter_admin(tx, hash_of(token), hash_of(cookie), ADMIN_LIFE, shorten(user_agent)) is None:
        raise Unauthenticated("This link was used already or has expired.", code="link_ended")
    return cookie


async def look_at(tx: Tx, *, session_id: UUID, mode: Mode) -> None:
    """From now on this session's pages show the live or the test workspace."""
    await store.look_at(tx, session_id, mode)


async def end_operator_session(tx: Tx, *, operator_id: OperatorId, session_id: UUID) -> None:
    """Raises NotFound for another operator's session."""
    if not await store.end_operator_session(tx, operator_id, session_id):
        raise NotFound("session")


def shorten(user_agent: str) -> str:
    """What a browser calls itself, printable and short enough to keep."""
    return "".join(sign for sign in user_agent if sign.isprintable())[:_USER_AGENT_LONGEST]


# Request keys (law 7)


async def claim_request_key(
    tx: Tx, request_key: RequestKey | None, made_id: UUID, status: int, *, running: bool = False
) -> UUID | None:
    """First thing in a flow's first transaction. None = first time: go on and make `made_id`.

    A UUID = this was done already: make nothing, show that object as it is now. `running` marks a flow of several
    transactions, whose last one calls `finish_request_key`. Waits for a concurrent transaction with the same key.
    Raises Conflict(idempotency_mismatch) for the same key with other fields, Conflict(in_progress) while it runs.
    """
    if request_key is None:
        return None
    if await store.insert_request_key(tx, request_key, made_id, "running" if running else "done", status) is not None:
        return None
    found = await store.request_key(tx, request_key.workspace_id, request_key.key)
    if found is None:
        # Its flow gave the key back between the two statements; trying again is right and safe.
        raise Conflict("The first request with this Idempotency-Key has just failed; try again.", code="in_progress")
    if value(found, "fingerprint", bytes) != request_key.fingerprint:
        raise Conflict(
            "This Idempotency-Key was used for a different request; use a new key.", code="idempotency_mismatch"
        )
    if value(found, "state", str) == "running":
        raise Conflict("The first request with this Idempotency-Key is still running.", code="in_progress")
    return value(found, "made_id", UUID)


async def finish_request_key(tx: Tx, request_key: RequestKey | None) -> None:
    """In the last transaction of a flow that claimed with `running=True`."""
    if request_key is not None:
        await store.finish_request_key(tx, request_key.workspace_id, request_key.key)


async def release_request_key(tx: Tx, request_key: RequestKey | None) -> None:
    """For a flow that gives up before anything could have happened outside: the key may be tried again."""
    if request_key is not None:
        await store.delete_request_key(tx, request_key.workspace_id, request_key.key)


async def forget_request_keys(tx: Tx, *, limit: int = 1000) -> int:
    """Delete up to `limit` keys older than 30 days; returns how many."""
    return await store.delete_old_request_keys(tx, limit)
