"""Signing in to the admin with a password; setting one; ending sessions. One-time links are in manage_workspaces.py."""

from uuid import UUID

from replenish.access import operations as access
from replenish.access.model import OperatorVisitor
from replenish.access.sign_in import operations, passwords, queries
from replenish.audit import operations as audit
from replenish.audit.model import Actor, Change
from replenish.core.db import Database
from replenish.core.errors import Invalid, Unauthenticated
from replenish.core.transaction import Tx, transaction


class SignInRefused(Unauthenticated):
    """The same for a wrong password, an unknown address, a disabled operator and one who has set no password."""

    code = "sign_in_refused"

    def __init__(self) -> None:
        super().__init__("This e-mail address and password do not belong together.")


async def sign_in(*, db: Database, email: str, password: str, user_agent: str = "") -> str:
    """Returns the cookie's value of a new session. Raises SignInRefused, after the same work for each reason."""
    # A NUL cannot be in an address, and PostgreSQL refuses to be asked about one.
    secret = None if not email.isprintable() else await queries.secret_by_email(db, email=email)
    if not await passwords.matches(None if secret is None else secret.password_hash, password) or secret is None:
        raise SignInRefused
    async with transaction(db) as tx:
        cookie = await operations.open_session(tx, secret=secret, user_agent=access.shorten(user_agent))
    if cookie is None:
        raise SignInRefused
    return cookie


async def set_password(*, db: Database, who: OperatorVisitor, current: str | None, password: str) -> None:
    """Set or change one's own password; every other session ends, and so do links that were not used yet.

    `current` None: for those who have none yet, or who came in by a one-time link a moment ago, which is how a lost password is
    replaced; anybody at an open browser could otherwise lock its owner out. Raises Invalid(current | password).
    """
    passwords.check_new(password, field="password")
    old = await queries.secret(db, operator_id=who.operator_id)
    if old.password_hash is not None and not await _may_replace(db, who):
        if not current:
            raise Invalid("current", "say your present password")
        if not await passwords.matches(old.password_hash, current):
            raise Invalid("current", "is not your present password")
    hashed = await passwords.hash_of(password)
    async with transaction(db) as tx:
        await operations.set_password(tx, old=old, password_hash=hashed)
        await operations.end_other_sessions(tx, operator_id=who.operator_id, keep=who.session_id)
        await _tell(tx, who, "operator.password_set", {"password": "set" if old.password_hash is None else "changed"})


async def _may_replace(db: Database, who: OperatorVisitor) -> bool:
    found = await queries.sessions(db, operator_id=who.operator_id)
    return any(one.by_link_lately for one in found if one.id == who.session_id)


async def end_session(*, db: Database, who: OperatorVisitor, session_id: UUID) -> None:
    """One of one's own. Raises NotFound."""
    async with transaction(db) as tx:
        await access.end_operator_session(tx, operator_id=who.operator_id, session_id=session_id)
        await _tell(tx, who, "operator.session_ended", {"sessions": "one"})


async def end_other_sessions(*, db: Database, who: OperatorVisitor) -> None:
    async with transaction(db) as tx:
        await operations.end_other_sessions(tx, operator_id=who.operator_id, keep=who.session_id)
        await _tell(tx, who, "operator.session_ended", {"sessions": "all others"})


async def _tell(tx: Tx, who: OperatorVisitor, action: str, after: dict[str, str]) -> None:
    """Under the live workspace, whichever of the two the session looks at: the team is shared."""
    change = Change(
        action=action, object_type="operator", object_id=who.operator_id, object_name=who.email, after=after
    )
    actor = Actor(operator_id=who.operator_id, email=who.email)
    await audit.record(tx, workspace_id=who.workspace_id, actor=actor, change=change)
