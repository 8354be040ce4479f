"""Outside events: verified by their provider, stored once, acted on later (law 8)."""

from collections.abc import Mapping
from typing import Final, assert_never

import structlog

from replenish.core.db import Database
from replenish.core.errors import NotFound, Unauthenticated
from replenish.core.ids import INBOX
from replenish.core.transaction import transaction
from replenish.flows._providers import Providers
from replenish.flows.save_method import finish_saving
from replenish.flows.settle_payment import settle_payment
from replenish.payments import operations as payments
from replenish.payments import queries as payment_queries
from replenish.payments.model import InboxItem, PaymentRef
from replenish.payments.provider import EventIgnored, EventRejected, OutsideEvent, ReportsEvents, Unknown

# An event may overtake the transaction that stores its object's id; after so many tries it is about nothing of ours.
TRIES_MAX: Final = 8

log = structlog.stdlib.get_logger(__name__)


class BadSignature(Unauthenticated):
    """Says nothing about what was wrong: whoever forges messages learns nothing from it."""

    code = "bad_signature"

    def __init__(self) -> None:
        super().__init__("This message could not be verified.")


async def receive_event(
    *, db: Database, providers: Providers, provider: str, account: str, headers: Mapping[str, str], body: bytes
) -> None:
    """Store a verified message; acting on it is for `act_on_events`. `headers` have lower-case names.

    Raises NotFound for a provider that is not set up, BadSignature.
    """
    source = providers.get(provider)
    if not isinstance(source, ReportsEvents):
        raise NotFound("provider")
    read = await source.read_event(account=account, headers=headers, body=body)
    match read:
        case EventRejected(reason=reason):
            log.warning("outside event rejected", provider=provider, reason=reason)
            raise BadSignature
        case EventIgnored():
            return
        case OutsideEvent():
            async with transaction(db) as tx:
                await payments.store_event(tx, provider=provider, provider_account=account, event=read)
        case _:
            assert_never(read)


async def act_on_events(*, db: Database, providers: Providers, limit: int = 20) -> int:
    """Act on stored events that are due; returns how many were looked at. Any number of workers may do this."""
    async with transaction(db) as tx:
        due = await payments.claim_due_events(tx, limit=limit)
    for item in due:
        try:
            failure = await _act(db=db, providers=providers, item=item)
        except Exception:
            log.exception("outside event not handled", inbox=INBOX.text(item.id))
            failure = "an unexpected error; see the log"
        async with transaction(db) as tx:
            if failure is None:
                await payments.finish_event(tx, inbox_id=item.id)
            elif item.tries >= TRIES_MAX:
                await payments.finish_event(tx, inbox_id=item.id, failure=failure)
            else:
                await payments.postpone_event(tx, item=item, failure=failure)
    return len(due)


async def _act(*, db: Database, providers: Providers, item: InboxItem) -> str | None:
    """None when it is done. The message said that something happened; what did, only a look-up tells."""
    found = await payment_queries.outside_object(db, provider_account=item.provider_account, outside_id=item.outside_id)
    if found is None:
        return "about no object of ours"
    if found.checkout_session_id is not None:
        await finish_saving(db=db, providers=providers, session_id=found.checkout_session_id)
        return None
    provider = providers.get(item.provider)
    if provider is None or found.payment_id is None:
        return f"{item.provider} is not set up"
    standing = await provider.look_up_payment(account=item.provider_account, outside_id=item.outside_id)
    ref = PaymentRef(found.customer_id, found.payment_id)
    await settle_payment(db=db, providers=providers, ref=ref, standing=standing)
    return standing.detail if isinstance(standing, Unknown) else None
